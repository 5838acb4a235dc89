import type { Word } from '../shell/syntax.ts';
import { literalText } from '../shell/words.ts';
import { BUILTIN_RULES } from './builtins.ts';
import { placeCode } from './code.ts';
import { type Placing, refuseWord, refuseWords } from './placing.ts';
import {
  baseName,
  type CodeSource,
  canVanish,
  commandPath,
  findProgram,
  interpreterSource,
  shellSource,
} from './programs.ts';
import { interpreterRefusal, REFUSALS, wrapperRefusal } from './refusals.ts';
import { placeSed } from './sed.ts';
import { placeWord } from './words.ts';
import { unwrap } from './wrappers.ts';

/** Places the holes of a simple command's words; the first is its name. */
export function placeCommand(placing: Placing, words: readonly Word[]): void {
  const [command, ...args] = words;
  if (command === undefined) return;
  refuseWord(placing, command, REFUSALS.commandName);
  if (canVanish(command)) {
    placeUnsteady(placing, words);
    return;
  }
  const path = commandPath(command);
  const name = path === undefined ? undefined : baseName(path);
  const program = findProgram(path);
  if (program?.kind === 'code') refuseWords(placing, args, interpreterRefusal(program.name));
  else if (program?.kind === 'interpreter') {
    placeInterpreter(placing, words, interpreterSource(words, program.inline), program.name);
  } else if (program?.kind === 'shell') placeShell(placing, words, program.name);
  else if (name === 'sed' || name === 'gsed') placeSed(placing, args);
  else if (name === 'find') placeFind(placing, args);
  else if (name !== undefined && Object.hasOwn(BUILTIN_RULES, name)) BUILTIN_RULES[name]!(placing, args);
  else if (!placeWrapper(placing, words)) placeOther(placing, words);
}

/** `$SUDO make`: as long as the first word may come to nothing, the next one is the command. */
function placeUnsteady(placing: Placing, words: readonly Word[]): void {
  placeCommand(placing, words.slice(1));
  const code = findInlineCode(words);
  if (code !== undefined) refuseWords(placing, words.slice(code.index), interpreterRefusal(code.name));
}

/** The arguments of a command that treats them as data. */
export function placeArguments(placing: Placing, args: readonly Word[]): void {
  for (const word of args) placeWord(placing, word, placing.inSubstitution ? 'word' : 'split');
}

/** Code in an argument is refused; arguments behind a file are data. */
function placeInterpreter(placing: Placing, words: readonly Word[], source: CodeSource, name: string): void {
  const rest = source.kind === 'file' ? source.rest : words.length;
  refuseWords(placing, words.slice(1, rest), interpreterRefusal(name));
  placeArguments(placing, words.slice(rest));
}

/** `sh -c code name argument...`: the code is looked into, arguments behind it are data. */
function placeShell(placing: Placing, words: readonly Word[], name: string): void {
  const source = shellSource(words);
  if (placing.wrapped || source.kind === 'unclear') {
    refuseWords(placing, words.slice(1), interpreterRefusal(name));
    return;
  }
  if (source.kind === 'inline') {
    const code = words[source.code];
    if (code !== undefined) placeCode(placing, [code]);
    refuseWords(placing, words.slice(1, source.code), interpreterRefusal(name));
  } else refuseWords(placing, words.slice(1, source.rest), interpreterRefusal(name));
  placeArguments(placing, words.slice(source.rest));
}

function placeWrapper(placing: Placing, words: readonly Word[]): boolean {
  const wrapped = unwrap(words);
  if (wrapped === undefined) return false;
  const refusal = wrapperRefusal(commandPath(words[0])!);
  const end = wrapped.command ?? words.length;
  for (const [index, word] of words.entries()) {
    if (index === 0 || index >= end) continue;
    const argument = wrapped.arguments.find(candidate => candidate.index === index);
    if (argument?.kind === 'assignment') placeWord(placing, word, 'word');
    else if (argument?.kind === 'attached') placeAttached(placing, word, refusal);
    else refuseWord(placing, word, refusal);
  }
  placeCommand({ ...placing, wrapped: true }, words.slice(end));
  return true;
}

/** `--user="{{ .x }}"`: one word whatever it holds, as long as it is quoted. */
function placeAttached(placing: Placing, word: Word, refusal: ReturnType<typeof wrapperRefusal>): void {
  const bare = word.parts.some(part => part.kind !== 'literal' && part.quoting === 'none');
  if (bare) refuseWord(placing, word, refusal);
  else placeWord(placing, word, 'word');
}

const EXEC_OPTIONS: ReadonlySet<string> = new Set(['-exec', '-execdir', '-ok', '-okdir']);

function placeFind(placing: Placing, args: readonly Word[]): void {
  for (let index = 0; index < args.length; index++) {
    const word = args[index]!;
    if (EXEC_OPTIONS.has(literalText(word) ?? '')) {
      const end = args.findIndex((other, at) => at > index && [';', '+'].includes(literalText(other) ?? ''));
      const command = args.slice(index + 1, end === -1 ? args.length : end);
      placeCommand({ ...placing, wrapped: true, inSubstitution: true }, command);
      index += command.length;
    } else if (word.parts.some(part => part.kind === 'hole' && part.quoting === 'none')) {
      refuseWord(placing, word, REFUSALS.find);
    } else placeWord(placing, word, 'word');
  }
}

/**
 * Any other command. `docker exec c sh -c "..."` and `$SHELL -c "..."`: behind an interpreter and its option for code, and behind such an option
 * of a command that nobody knows, no value is accepted.
 */
function placeOther(placing: Placing, words: readonly Word[]): void {
  const code = findInlineCode(words);
  placeArguments(placing, words.slice(1, code?.index ?? words.length));
  if (code !== undefined) refuseWords(placing, words.slice(code.index), interpreterRefusal(code.name));
}

function findInlineCode(words: readonly Word[]): { index: number; name: string } | undefined {
  let inline: { option: RegExp; name: string } | undefined;
  for (const [index, word] of words.entries()) {
    const text = index === 0 ? commandPath(word) : literalText(word);
    if (inline !== undefined && text !== undefined && inline.option.test(text)) return { index, name: inline.name };
    if (index === 0 && text === undefined) inline = { option: /^-[a-z]*[ce]$/, name: 'this command' };
    const program = findProgram(text);
    if (program?.kind === 'shell') inline = { option: /^-[A-Za-z]*c/, name: program.name };
    if (program?.kind === 'interpreter') inline = { option: program.inline, name: program.name };
  }
  return undefined;
}
