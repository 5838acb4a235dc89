/** The way from a file's root to a value: keys of maps and indices of lists. */
export type KeyPath = readonly (string | number)[];

const PLAIN_KEY = /^[\w-]{1,100}$/;
const MAX_SHOWN_KEY = 60;

/** `workflows.release.steps[2].env`; keys that are no plain words are quoted: `inputs["my key"]`. */
export function formatKeyPath(path: KeyPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!PLAIN_KEY.test(part)) return `${text}[${JSON.stringify(shorten(part, MAX_SHOWN_KEY))}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

/** Cuts a text that goes into a message. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}...`;
}
