import { ShellSyntaxError } from '../shell/cursor.ts';
import { parseScript } from '../shell/parse.ts';
import type { Command, List, SimpleCommand, Word } from '../shell/syntax.ts';
import { literalText } from '../shell/words.ts';
import { canVanish, commandPath, findProgram, interpreterSource, mayBeStdin, shellSource } from './programs.ts';
import { unwrap } from './wrappers.ts';

/** Whether a command takes what it reads for code: a shell or an interpreter without a file, somewhere in it. */
export function readsCode(command: Command): boolean {
  switch (command.kind) {
    case 'simple':
      return simpleReadsCode(command);
    case 'group':
      return command.lists.some(listReadsCode);
    case 'for':
      return listReadsCode(command.body);
    case 'case':
      return command.items.some(item => listReadsCode(item.body));
    case 'function':
    case 'test':
    case 'arithmetic':
      return false;
  }
}

function listReadsCode(list: List): boolean {
  return list.pipelines.some(({ commands }) => commands.some(readsCode));
}

function simpleReadsCode({ words }: SimpleCommand): boolean {
  return words.length > 0 && wordsReadCode(words);
}

function wordsReadCode(words: readonly Word[]): boolean {
  const [command, ...rest] = words;
  if (command !== undefined && rest.length > 0 && canVanish(command) && wordsReadCode(rest)) return true;
  const name = commandPath(command);
  if (name === 'eval') return true;
  // A command that nobody knows, with nothing to work on but its input.
  if (name === undefined) return words.slice(1).every(word => literalText(word)?.startsWith('-') === true);
  const program = findProgram(name);
  switch (program?.kind) {
    case 'shell': {
      const source = shellSource(words);
      return (
        source.kind === 'stdin' ||
        source.kind === 'unclear' ||
        (source.kind === 'inline' && inlineReadsCode(words[source.code]))
      );
    }
    case 'interpreter': {
      const { kind } = interpreterSource(words, program.inline);
      return kind === 'stdin' || kind === 'unclear';
    }
    case 'code':
      return !FILTERS.has(program.name);
    case undefined:
      break;
  }
  if (name === '.' || name === 'source') return mayBeStdin(words[1]);
  const wrapped = unwrap(words);
  if (wrapped === undefined) return false;
  if (wrapped.command === undefined) return wrapped.arguments.some(argument => argument.kind === 'unclear');
  const inner = words.slice(wrapped.command);
  // xargs makes arguments of what it reads, and the code of a shell may hold them.
  return wordsReadCode(inner) || (name.endsWith('xargs') && findProgram(commandPath(inner[0])) !== undefined);
}

/** Whether code within code reads its input as code. */
function inlineReadsCode(word: Word | undefined): boolean {
  const code = literalText(word);
  if (code === undefined) return true;
  try {
    return listReadsCode(parseScript(code, []).list);
  } catch (error) {
    if (error instanceof ShellSyntaxError) return true;
    throw error;
  }
}

/** Take their code from arguments and read data. */
const FILTERS: ReadonlySet<string> = new Set(['awk', 'gawk', 'mawk', 'nawk', 'jq', 'yq', 'gojq']);
