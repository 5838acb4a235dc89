import parseVersion from 'semver/functions/parse.js';
import { TemplateFault } from './errors.ts';
import { describeType, jsonText, scalarText, typeOf } from './value.ts';

/** What `value | name argument...` does. Pure; throws a TemplateFault for a value that it cannot take. */
export interface Pipe {
  /** Names of the arguments, for messages. Their number is fixed. */
  readonly parameters: readonly string[];
  /** What comes out, as far as it is known without values. */
  readonly result: 'text' | 'number' | 'list' | 'unknown';
  /** `undefined` as a result means that there is no value. */
  readonly apply: (subject: unknown, args: readonly unknown[], context: PipeContext) => unknown;
}

export interface PipeContext {
  readonly name: string;
  /** Offset to blame. */
  readonly at: number;
  /** Longest text that may come out, in UTF-16 units. */
  readonly maxLength: number;
}

/** Where `default` gets a missing value, every other pipe is not reached. */
const PIPES: Readonly<Record<string, Pipe>> = {
  shell_quote: textPipe((text, context) => {
    if (text.includes('\0')) throw new TemplateFault('a shell word cannot hold a NUL character', context.at);
    return `'${text.replaceAll("'", "'\\''")}'`;
  }),
  json_escape: textPipe(text => JSON.stringify(text.toWellFormed()).slice(1, -1)),
  url_encode: textPipe(text =>
    encodeURIComponent(text.toWellFormed()).replace(
      /[!'()*]/g,
      char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
  ),
  html_escape: textPipe(text => text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)),
  base64: textPipe(text => Buffer.from(text, 'utf8').toString('base64')),
  trim: textPipe(text => text.trim()),
  upper: textPipe(text => text.toUpperCase()),
  lower: textPipe(text => text.toLowerCase()),
  default: {
    parameters: ['VALUE'],
    result: 'unknown',
    apply: (subject, [fallback]) => (subject === undefined || subject === null || subject === '' ? fallback : subject),
  },
  replace: { parameters: ['OLD', 'NEW'], result: 'text', apply: replace },
  split: { parameters: ['SEPARATOR'], result: 'list', apply: split },
  join: { parameters: ['SEPARATOR'], result: 'text', apply: join },
  first: { parameters: [], result: 'unknown', apply: (subject, _args, context) => list(subject, context).at(0) },
  last: { parameters: [], result: 'unknown', apply: (subject, _args, context) => list(subject, context).at(-1) },
  len: { parameters: [], result: 'number', apply: length },
  toJson: { parameters: [], result: 'text', apply: toJson },
  semver_major: versionPipe('major'),
  semver_minor: versionPipe('minor'),
  semver_patch: versionPipe('patch'),
};

export const PIPE_NAMES: readonly string[] = Object.keys(PIPES);

export function findPipe(name: string): Pipe | undefined {
  return Object.hasOwn(PIPES, name) ? PIPES[name] : undefined;
}

/** A pipe from text to text. Numbers and booleans are taken by their text. */
function textPipe(transform: (text: string, context: PipeContext) => string): Pipe {
  return {
    parameters: [],
    result: 'text',
    apply: (subject, _args, context) => transform(textOf(subject, context), context),
  };
}

function versionPipe(part: 'major' | 'minor' | 'patch'): Pipe {
  return {
    parameters: [],
    result: 'number',
    apply: (subject, _args, context) => {
      const version = parseVersion(textOf(subject, context).trim());
      if (version === null) throw new TemplateFault(`${context.name} needs a version such as 1.2.3`, context.at);
      return version[part];
    },
  };
}

function textOf(value: unknown, { name, at }: PipeContext): string {
  const text = scalarText(value);
  if (text !== undefined) return text;
  const hint = typeOf(value) === 'list' ? '; join it first, or take one of its elements' : '';
  throw new TemplateFault(`${name} needs text, got ${describeType(value)}${hint}`, at);
}

function list(value: unknown, { name, at }: PipeContext): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TemplateFault(`${name} needs a list, got ${describeType(value)}; split makes one of a text`, at);
}

function replace(subject: unknown, [from, to]: readonly unknown[], context: PipeContext): string {
  const [text, old, replacement] = [textOf(subject, context), textOf(from, context), textOf(to, context)];
  if (old === '') throw new TemplateFault('replace needs a text to look for, got ""', context.at);
  const pieces = text.split(old);
  // Known before it is built: a short text can ask for gigabytes.
  checkLength(text.length + (pieces.length - 1) * (replacement.length - old.length), context);
  return pieces.join(replacement);
}

function split(subject: unknown, [separator]: readonly unknown[], context: PipeContext): string[] {
  const [text, by] = [textOf(subject, context), textOf(separator, context)];
  if (by === '') throw new TemplateFault('split needs a separator, got ""', context.at);
  return text.split(by);
}

function join(subject: unknown, [separator]: readonly unknown[], context: PipeContext): string {
  const by = textOf(separator, context);
  const texts = list(subject, context).map(element => textOf(element, context));
  checkLength(texts.reduce((sum, text) => sum + text.length, 0) + by.length * Math.max(0, texts.length - 1), context);
  return texts.join(by);
}

/** Elements of a list, keys of an object, characters (code points, not bytes) of a text. */
function length(subject: unknown, _args: readonly unknown[], context: PipeContext): number {
  switch (typeOf(subject)) {
    case 'list':
      return (subject as unknown[]).length;
    case 'object':
      return Object.keys(subject as object).length;
    default:
      return [...textOf(subject, context)].length;
  }
}

function toJson(subject: unknown, _args: readonly unknown[], { at }: PipeContext): string {
  const json = jsonText(subject);
  if (json === undefined) throw new TemplateFault('the value is nested too deeply for JSON', at);
  return json;
}

function checkLength(length: number, { name, at, maxLength }: PipeContext): void {
  if (length > maxLength) throw new TemplateFault(`${name} makes more than ${maxLength} characters`, at);
}
