/**
 * Number of single-character edits (insert, delete, replace, swap of neighbours) between two texts.
 * The optimal string alignment distance: a pair once swapped is not edited again.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let edits = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) edits = Math.min(edits, beforeLast[column - 2]! + 1);
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}

/** Longer texts are nobody's typing error, and the distance costs the product of the lengths. */
const MAX_COMPARED_LENGTH = 100;
const MAX_LISTED = 20;

/**
 * The candidate that was most likely meant: at most a third of the letters differ.
 * Case and the kind of separator (`_`, `-`) count for nothing.
 */
export function nearest(text: string, candidates: Iterable<string>): string | undefined {
  if (text.length > MAX_COMPARED_LENGTH) return undefined;
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    if (candidate.length > MAX_COMPARED_LENGTH) continue;
    const distance = editDistance(comparable(text), comparable(candidate));
    const allowed = Math.floor(Math.max(text.length, candidate.length) / 3);
    if (distance <= allowed && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** The rest of a sentence: `, did you mean "steps"?`, else `, expected one of a, b`, else nothing. */
export function suggestion(text: string, candidates: readonly string[]): string {
  const meant = nearest(text, candidates);
  if (meant !== undefined) return `, did you mean "${meant}"?`;
  return candidates.length === 0 ? '' : `, expected ${oneOf(candidates)}`;
}

/** `one of a, b, c`, or just `a`. */
export function oneOf(candidates: readonly (string | number)[]): string {
  if (candidates.length === 1) return String(candidates[0]);
  const more = candidates.length - MAX_LISTED;
  const listed = candidates.slice(0, MAX_LISTED).join(', ');
  return more > 0 ? `one of ${listed} and ${more} more` : `one of ${listed}`;
}

function comparable(text: string): string {
  return text.toLowerCase().replaceAll('-', '_');
}
