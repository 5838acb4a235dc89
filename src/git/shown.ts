/** Longest name in a message, characters. */
const MAX_SHOWN = 120;

/**
 * A name from a repository or a server as it may stand in a message: quoted, on one line, cut, with escapes for whatever would not show or would
 * show as something else (control characters, marks that turn the direction of writing, bytes that are no UTF-8).
 */
export function shownName(name: Buffer | string): string {
  const bytes = Buffer.from(name);
  // A name can be as long as its tree; what is cut off is not looked at. One character is 4 bytes at most.
  const head = escaped(bytes.subarray(0, MAX_SHOWN * 4));
  if (head.length <= MAX_SHOWN && bytes.length <= MAX_SHOWN * 4) return `"${head}"`;
  return `"${head.slice(0, MAX_SHOWN).replace(/[\ud800-\udbff]$/, '')}..." (${bytes.length} bytes)`;
}

function escaped(bytes: Buffer): string {
  return Array.from(bytes.toString('utf8').matchAll(/[\s\S]/gu), ([character]) => escapeCharacter(character)).join('');
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  if (character === '\n') return '\\n';
  // Cc, Cf, Cs, Co, Cn; line and paragraph separators; all blanks but the ordinary one; what stands for bytes that are no text.
  if (!/^[\p{C}\p{Zl}\p{Zp}\p{Zs}\ufffd]$/u.test(character) || character === ' ') return character;
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
