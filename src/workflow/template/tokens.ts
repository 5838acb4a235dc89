import { TemplateFault } from './errors.ts';

export type Token =
  | { readonly kind: 'path'; readonly segments: readonly string[]; readonly at: number; readonly end: number }
  | {
      readonly kind: 'variable';
      readonly name: string;
      readonly segments: readonly string[];
      readonly at: number;
      readonly end: number;
    }
  | { readonly kind: 'string'; readonly value: string; readonly at: number; readonly end: number }
  | { readonly kind: 'number'; readonly value: number; readonly at: number; readonly end: number }
  | { readonly kind: 'word'; readonly value: string; readonly at: number; readonly end: number }
  | { readonly kind: 'symbol'; readonly value: SymbolText; readonly at: number; readonly end: number };
export type SymbolText = '==' | '!=' | '|' | '(' | ')' | ',' | ':=';

const SEGMENTS = String.raw`(?:[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_][A-Za-z0-9_-]*)*)`;
const BLANK = /\s+/y;
const PATH = new RegExp(String.raw`\.(${SEGMENTS}?)`, 'y');
const VARIABLE = new RegExp(String.raw`\$([A-Za-z_][A-Za-z0-9_]*)?(?:\.(${SEGMENTS}))?`, 'y');
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const SYMBOL = /==|!=|:=|[|(),]/y;
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"', "'": "'" };

/**
 * The tokens of one action's code. Offsets are moved by `base`, so that they count in the whole text.
 * Throws a TemplateFault at what is not understood.
 */
export function tokenize(code: string, base: number): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(code);
  };
  while (at < code.length) {
    const blank = match(BLANK);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    const read = readToken(match, base + at);
    if (read === undefined) throw new TemplateFault(explainUnknown(code.slice(at)), base + at);
    const token = { ...read.token, at: base + at, end: base + at + read.length } as Token;
    const next = code[at + read.length];
    if (token.kind !== 'symbol' && next !== undefined && /[A-Za-z0-9_.$"'`-]/.test(next)) {
      throw new TemplateFault(explainNeighbour(token, code.slice(at, at + read.length), next), base + at + read.length);
    }
    tokens.push(token);
    at += read.length;
  }
  return tokens;
}

type Bare<T> = T extends unknown ? Omit<T, 'at' | 'end'> : never;

function readToken(
  match: (pattern: RegExp) => RegExpExecArray | null,
  at: number,
): { token: Bare<Token>; length: number } | undefined {
  const string = match(STRING);
  if (string !== null)
    return { token: { kind: 'string', value: unescapeString(string[0], at) }, length: string[0].length };
  const path = match(PATH);
  if (path !== null) return { token: { kind: 'path', segments: segmentsOf(path[1]) }, length: path[0].length };
  const variable = match(VARIABLE);
  if (variable !== null) {
    const token = { kind: 'variable', name: variable[1] ?? '', segments: segmentsOf(variable[2]) } as const;
    return { token, length: variable[0].length };
  }
  const number = match(NUMBER);
  if (number !== null) return { token: { kind: 'number', value: Number(number[0]) }, length: number[0].length };
  const word = match(WORD);
  if (word !== null) return { token: { kind: 'word', value: word[0] }, length: word[0].length };
  const symbol = match(SYMBOL);
  if (symbol !== null) {
    return { token: { kind: 'symbol', value: symbol[0] as SymbolText }, length: symbol[0].length };
  }
  return undefined;
}

function segmentsOf(path: string | undefined): string[] {
  return path === undefined || path === '' ? [] : path.split('.');
}

function unescapeString(quoted: string, at: number): string {
  const inner = quoted.slice(1, -1);
  if (quoted[0] === '`') return inner;
  return inner.replace(
    /\\(?:u([0-9A-Fa-f]{4})|([\s\S]))/g,
    (whole, hex: string | undefined, char: string | undefined) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      const meant = char === undefined || !Object.hasOwn(ESCAPES, char) ? undefined : ESCAPES[char];
      if (meant === undefined) {
        throw new TemplateFault(
          `${whole} is not an escape; known are \\n \\t \\r \\\\ \\" \\' and \\uXXXX (a string in backticks takes everything as it is)`,
          at,
        );
      }
      return meant;
    },
  );
}

function explainNeighbour(token: Token, written: string, next: string): string {
  if (token.kind === 'word' && next === '.') return `a path starts with a dot: .${written}`;
  return `"${next}" cannot stand directly behind "${written}"`;
}

function explainUnknown(rest: string): string {
  const char = rest[0]!;
  if (rest.startsWith('&&') || rest.startsWith('||'))
    return `${rest.slice(0, 2)} is not known here; nest {{ if }} instead`;
  if (char === '=') return 'a single = is not known here; compare with ==';
  if (char === '<' || char === '>') return `${char} is not known here; there are == and !=`;
  return `"${char}" is not known here`;
}
