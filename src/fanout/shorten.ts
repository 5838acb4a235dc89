/** Between the beginning and the end of a message whose middle was left out. */
const GAP = '\n…';
/** Less than this of a message's end says nothing, UTF-16 units. */
const MIN_END = 40;

/**
 * A message of at most `max` UTF-16 units, at least 1. The first line says what happened, and what follows is the output of a step, of
 * which the end matters most: so what goes is the middle.
 */
export function shorten(message: string, max: number): string {
  if (message.length <= max) return message;
  const newline = message.indexOf('\n');
  const room = max - newline - GAP.length;
  if (newline === -1 || room < MIN_END) return `${wholeCharacters(message.slice(0, max - 1))}…`;
  return message.slice(0, newline) + GAP + wholeCharacters(message.slice(message.length - room));
}

/** Without a half of a character at either end. */
function wholeCharacters(text: string): string {
  if (text.isWellFormed()) return text;
  return text.replace(/^[\udc00-\udfff]/, '').replace(/[\ud800-\udbff]$/, '');
}
