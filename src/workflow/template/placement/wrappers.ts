import type { Word } from '../shell/syntax.ts';
import { literalText } from '../shell/words.ts';
import { baseName, commandPath, headText, isCertainlyOperand } from './programs.ts';

/** A program that runs the command in its arguments. */
interface Wrapper {
  /** Options that take the next word, `-u` or `--user`. */
  readonly options: ReadonlySet<string>;
  /** Options that bring code or start a shell. */
  readonly code: readonly string[];
  /** `NAME=value` may stand before the command. */
  readonly assignments: boolean;
  /** Arguments of its own before the command. */
  readonly operands: number;
}

function wrapper(options = '', { assignments = false, operands = 0, code = '' } = {}): Wrapper {
  return { options: new Set(options.split(' ')), code: code.split(' ').filter(Boolean), assignments, operands };
}

const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  builtin: wrapper(),
  busybox: wrapper(),
  chroot: wrapper('', { operands: 1 }),
  command: wrapper(),
  doas: wrapper('-u -C', { code: '-s' }),
  env: wrapper('-u -C --unset --chdir', { assignments: true, code: '-S --split-string' }),
  exec: wrapper('-a'),
  flock: wrapper('-w -E --timeout --wait', { operands: 1, code: '-c --command' }),
  gosu: wrapper('', { operands: 1 }),
  ionice: wrapper('-c -n -p --class --classdata --pid'),
  nice: wrapper('-n --adjustment'),
  nohup: wrapper(),
  setpriv: wrapper(),
  setsid: wrapper(),
  stdbuf: wrapper('-i -o -e --input --output --error'),
  'su-exec': wrapper('', { operands: 1 }),
  sudo: wrapper('-u -g -h -p -C -r -t -T -U -R -D --user --group --host --prompt --chdir --chroot', {
    assignments: true,
    code: '-s -i --shell --login',
  }),
  time: wrapper('-o -f --output --format'),
  timeout: wrapper('-s -k --signal --kill-after', { operands: 1 }),
  tini: wrapper('-p -e'),
  unshare: wrapper(),
  xargs: wrapper('-I -n -P -L -d -E -s -a --arg-file --delimiter --max-args --max-procs --max-chars'),
};

/** Long options without an argument. Behind any other nobody can tell whether the next word is the command. */
const FLAGS: ReadonlySet<string> = new Set(
  '-- --foreground --fork --ignore-environment --no-run-if-empty --non-interactive --null --preserve-env --preserve-status --quiet --verbose --wait'.split(
    ' ',
  ),
);

/** How a word before a wrapped command is to be taken. */
export type WrapperArgument = { readonly index: number; readonly kind: 'assignment' | 'attached' | 'unclear' };
export interface WrappedCommand {
  /** Words before the command that hold values or expansions. */
  readonly arguments: readonly WrapperArgument[];
  /** Where the command begins; undefined when there is none, or nobody can tell. */
  readonly command: number | undefined;
}

/** Finds the command in the arguments of a program that runs it; undefined for other programs. */
export function unwrap(words: readonly Word[]): WrappedCommand | undefined {
  const name = baseName(commandPath(words[0]) ?? '');
  if (!Object.hasOwn(WRAPPERS, name)) return undefined;
  const spec = WRAPPERS[name]!;
  const found: WrapperArgument[] = [];
  let operands = spec.operands;
  for (let index = 1; index < words.length; index++) {
    const step = readArgument(words[index]!, spec, operands);
    switch (step) {
      case 'command':
        return { arguments: found, command: index };
      case 'unclear':
      case 'code':
        // Of code, it is the words behind the option that matter.
        found.push({ index: step === 'code' ? index + 1 : index, kind: 'unclear' });
        return { arguments: found, command: undefined };
      case 'assignment':
      case 'attached':
        found.push({ index, kind: step });
        break;
      case 'operand':
        operands--;
        break;
      case 'optionWithWord':
        index++;
        if (literalText(words[index]) === undefined) found.push({ index, kind: 'unclear' });
        break;
      case 'option':
        break;
    }
  }
  return { arguments: found, command: undefined };
}

const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*=/;

function readArgument(
  word: Word,
  spec: Wrapper,
  operands: number,
): WrapperArgument['kind'] | 'code' | 'command' | 'operand' | 'option' | 'optionWithWord' {
  const text = literalText(word);
  const head = headText(word);
  if (spec.assignments && text === undefined && ASSIGNMENT.test(head)) return 'assignment';
  // env takes whatever holds a = for an assignment: `b+=2`, `"a b"=1`.
  if (spec.assignments && text?.includes('=') && !text.startsWith('-')) return 'option';
  if (text === undefined) {
    if (head.length > 1 && head.startsWith('-')) return 'attached';
    return isCertainlyOperand(word) && operands > 0 ? 'operand' : 'unclear';
  }
  if (!text.startsWith('-')) return operands > 0 ? 'operand' : 'command';
  if (text.startsWith('--')) return readLongOption(text, spec);
  return readShortOptions(text, spec);
}

function readLongOption(text: string, { options, code }: Wrapper): 'code' | 'option' | 'optionWithWord' | 'unclear' {
  const name = text.split('=', 1)[0]!;
  if (code.includes(name)) return 'code';
  if (name !== text || FLAGS.has(text)) return 'option';
  return options.has(text) ? 'optionWithWord' : 'unclear';
}

/** `-xu`: the first letter that takes an argument takes the rest of the word, or the next word. */
function readShortOptions(text: string, { options, code }: Wrapper): 'code' | 'option' | 'optionWithWord' {
  for (const [index, letter] of [...text].entries()) {
    if (index === 0) continue;
    if (code.includes(`-${letter}`)) return 'code';
    if (options.has(`-${letter}`)) return index === text.length - 1 ? 'optionWithWord' : 'option';
  }
  return 'option';
}
