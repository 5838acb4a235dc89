import type { Command, List, SimpleCommand, Word } from '../shell/syntax.ts';
import { literalText } from '../shell/words.ts';
import { commandPath, findProgram, interpreterSource, shellSource, unwrap } from './programs.ts';

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
  return list.pipelines.some(({ commands }) => readsCode(commands[0]!));
}

function simpleReadsCode({ words }: SimpleCommand): boolean {
  return words.length > 0 && wordsReadCode(words);
}

function wordsReadCode(words: readonly Word[]): boolean {
  const name = commandPath(words[0]);
  if (name === 'eval') return true;
  // A command that nobody knows, with nothing to work on but its input.
  if (name === undefined) return words.slice(1).every(word => literalText(word)?.startsWith('-') === true);
  const program = findProgram(name);
  switch (program?.kind) {
    case 'shell':
      return shellSource(words).kind === 'stdin' || shellSource(words).kind === 'unclear';
    case 'interpreter': {
      const { kind } = interpreterSource(words, program.inline);
      return kind === 'stdin' || kind === 'unclear';
    }
    case 'code':
      return !FILTERS.has(program.name);
    case undefined:
      break;
  }
  if (name === '.' || name === 'source') return ['/dev/stdin', '/proc/self/fd/0'].includes(literalText(words[1]) ?? '');
  const wrapped = unwrap(words);
  if (wrapped?.command === undefined) return false;
  const command = words.slice(wrapped.command);
  // xargs makes arguments of what it reads, and the code of a shell may hold them.
  return (
    wordsReadCode(command) || (name?.endsWith('xargs') === true && findProgram(commandPath(command[0])) !== undefined)
  );
}

/** Take their code from arguments and read data. */
const FILTERS: ReadonlySet<string> = new Set(['awk', 'gawk', 'mawk', 'nawk', 'jq', 'yq', 'gojq']);
