import type { Word } from '../shell/syntax.ts';
import { literalText } from '../shell/words.ts';

/** Shells, by the last part of their path. */
const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'mksh', 'zsh', 'rbash']);

/** Interpreters whose code is a file, unless an option brings it or standard input does. */
const INTERPRETERS: readonly { readonly name: RegExp; readonly inline: RegExp }[] = [
  { name: /^(?:python|pypy)[0-9.]*$/, inline: /^-[A-Za-z]*c/ },
  { name: /^perl[0-9.]*$/, inline: /^-[^-]*[eE]/ },
  { name: /^ruby[0-9.]*$/, inline: /^-[^-]*e/ },
  { name: /^(?:node|nodejs|bun|deno)$/, inline: /^(?:-[a-z]*[ep]|--eval|--print|eval)/ },
  { name: /^php[0-9.]*$/, inline: /^-[rBRE]/ },
  { name: /^lua(?:jit)?[0-9.]*$/, inline: /^-e/ },
  { name: /^(?:Rscript|osascript|groovy|tclsh|pwsh|expect)$/, inline: /^-(?:e|c|Command)/i },
];

/** Programs that take code from their arguments or their input in so many ways that no value is accepted in their arguments. */
const CODE_PROGRAMS: ReadonlySet<string> = new Set(
  'awk gawk mawk nawk jq yq gojq ssh su runuser script watch parallel at batch ed ex vi vim nvim dc gdb psql mysql mariadb sqlite3'.split(
    ' ',
  ),
);

export type Program =
  | { readonly kind: 'shell'; readonly name: string }
  | { readonly kind: 'interpreter'; readonly name: string; readonly inline: RegExp }
  | { readonly kind: 'code'; readonly name: string };

/** What is known about a program that runs code, by its path; undefined for all others. */
export function findProgram(path: string | undefined): Program | undefined {
  if (path === undefined) return undefined;
  const name = baseName(path);
  if (SHELLS.has(name)) return { kind: 'shell', name };
  if (CODE_PROGRAMS.has(name)) return { kind: 'code', name };
  const interpreter = INTERPRETERS.find(candidate => candidate.name.test(name));
  return interpreter === undefined ? undefined : { kind: 'interpreter', name, inline: interpreter.inline };
}

/** A word that may come to no word at all, or to several: `$x`, `$(p)`, `"$@"`. */
export function isUnsteady({ parts }: Word): boolean {
  return parts.some(
    part =>
      (part.kind === 'parameter' && (part.quoting === 'none' || part.name === '@')) ||
      (part.kind === 'command' && part.quoting === 'none'),
  );
}

/** A word of which nothing may be left. */
export function canVanish(word: Word): boolean {
  const quoted = word.parts.some(part => part.quoting !== 'none');
  const all = word.parts.some(part => part.kind === 'parameter' && part.name === '@');
  return (
    isUnsteady(word) &&
    commandPath(word) === undefined &&
    (!quoted || all) &&
    word.parts.every(part => part.kind !== 'hole')
  );
}

/** What is known of a command's name: `"$HOME/bin/awk"` ends in /bin/awk. Undefined when all of it comes from expansions. */
export function commandPath(word: Word | undefined): string | undefined {
  const text = word?.parts.map(part => (part.kind === 'literal' ? part.text : '')).join('') ?? '';
  return text === '' ? undefined : text;
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Where the code of a shell or an interpreter comes from. Indexes are those of its words, the name at 0. */
export type CodeSource =
  | { readonly kind: 'stdin' /** First of the arguments to the code. */; readonly rest: number }
  | { readonly kind: 'file'; readonly rest: number }
  /** In the arguments. `code` is where. */
  | { readonly kind: 'inline'; readonly code: number; readonly rest: number }
  /** A value or an expansion stands where it decides. `from`: the first word that nothing is known about. */
  | { readonly kind: 'unclear'; readonly from: number };

/** Reads a shell's command line: options, `-c code`, `-s`, a file. */
export function shellSource(words: readonly Word[]): CodeSource {
  let inline = false;
  let stdin = false;
  for (let index = 1; index < words.length; index++) {
    const text = literalText(words[index]);
    // bash takes a lone + for an option, others for an operand.
    if (text === '+') return { kind: 'unclear', from: index };
    if (text === undefined && !isCertainlyOperand(words[index]!)) {
      return inline ? { kind: 'inline', code: index, rest: index + 1 } : { kind: 'unclear', from: index };
    }
    if (text !== undefined && /^[-+]./.test(text) && text !== '--') {
      const cluster = /^[-+][A-Za-z]+$/.test(text);
      if (cluster && text.includes('c')) inline = true;
      if (cluster && text.includes('s')) stdin = true;
      if ((cluster && /o$/i.test(text)) || text === '--rcfile' || text === '--init-file') index++;
      continue;
    }
    const operand = text === '--' || text === '-' ? index + 1 : index;
    if (inline) return { kind: 'inline', code: operand, rest: operand + 1 };
    if (stdin || operand >= words.length) return { kind: 'stdin', rest: operand };
    return fileOrStdin(words[operand]!, operand);
  }
  return inline ? { kind: 'unclear', from: words.length } : { kind: 'stdin', rest: words.length };
}

/** Reads an interpreter's command line: options, inline code, a file. */
export function interpreterSource(words: readonly Word[], inline: RegExp): CodeSource {
  for (let index = 1; index < words.length; index++) {
    const word = words[index]!;
    const text = literalText(word);
    if (text !== undefined && inline.test(text)) return { kind: 'inline', code: index, rest: words.length };
    if (text === undefined && !isCertainlyOperand(word)) return { kind: 'unclear', from: index };
    if (text === undefined || !/^-./.test(text)) return fileOrStdin(word, index);
  }
  return { kind: 'stdin', rest: words.length };
}

function fileOrStdin(word: Word, index: number): CodeSource {
  return { kind: mayBeStdin(word) ? 'stdin' : 'file', rest: index + 1 };
}

/** `-`, /dev/stdin and its other names, or a pattern that could match one of them. */
export function mayBeStdin(word: Word | undefined): boolean {
  const text = literalText(word);
  return text !== undefined && (text === '-' || /stdin|\/fd\b|[*?[]/.test(text));
}

/** A path such as `"$DIR/build.sh"`: no values, each expansion quoted, so that it is one argument and no option. */
export function isCertainlyOperand({ parts }: Word): boolean {
  const quoted = parts.every(
    part =>
      part.kind === 'literal' || (part.kind === 'parameter' && part.quoting === 'double' && part.word === undefined),
  );
  return quoted && parts.some(part => part.kind === 'literal' && /[./]/.test(part.text));
}

/** The unquoted text that a word begins with. */
export function headText({ parts }: Word): string {
  const [first] = parts;
  return first?.kind === 'literal' && first.quoting === 'none' ? first.text : '';
}
