/** The offsets from `from` up to, without, `to`. `sorted` is ascending. */
export function offsetsBetween(sorted: readonly number[], from: number, to: number): number[] {
  return sorted.slice(lowerBound(sorted, from), lowerBound(sorted, to));
}

function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
