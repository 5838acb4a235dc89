import type {
  CaseCommand,
  Command,
  ForCommand,
  List,
  Pipeline,
  Redirect,
  SimpleCommand,
  TestCommand,
} from '../shell/syntax.ts';
import { literalText } from '../shell/words.ts';
import { placeCode } from './code.ts';
import { placeCommand } from './commands.ts';
import { type Placing, recordAssignment, refuse, refuseWord, refusing } from './placing.ts';
import { commandPath, findProgram } from './programs.ts';
import { REFUSALS } from './refusals.ts';
import { readsCode } from './stdin.ts';
import { placeDocument, placeWord } from './words.ts';

/** Variables whose values the shell expands or runs. */
const MAGIC_VARIABLES: ReadonlySet<string> = new Set(['PS4', 'PS1', 'PROMPT_COMMAND', 'ENV', 'BASH_ENV']);

/** Places every hole of a list of commands. */
export function placeList(placing: Placing, list: List): void {
  for (const pipeline of list.pipelines) placePipeline(placing, pipeline);
}

/** What is piped into an interpreter is code. */
function placePipeline(placing: Placing, { commands }: Pipeline): void {
  const lastReader = commands.findLastIndex(command => readsCode(command));
  for (const [index, command] of commands.entries()) {
    placeOne(index < lastReader ? refusing(placing, REFUSALS.stdinCode) : placing, command);
  }
}

function placeOne(placing: Placing, command: Command): void {
  if (command.kind !== 'function') placeRedirects(placing, command, command.redirects);
  switch (command.kind) {
    case 'simple':
      placeSimple(placing, command);
      break;
    case 'group':
      for (const list of command.lists) placeList(placing, list);
      break;
    case 'for':
      placeFor(placing, command);
      break;
    case 'case':
      placeCase(placing, command);
      break;
    case 'test':
      placeTest(placing, command);
      break;
    case 'arithmetic':
      refuse(placing, command.part.holes, REFUSALS.arithmetic);
      break;
    case 'function':
      refuseWord(placing, command.name, REFUSALS.commandName);
      placeOne(placing, command.body);
  }
}

function placeSimple(placing: Placing, command: SimpleCommand): void {
  for (const { name, value } of command.assignments) {
    recordAssignment(placing, name, value);
    placeWord(MAGIC_VARIABLES.has(name) ? refusing(placing, REFUSALS.magicVariable) : placing, value, 'word');
  }
  if (command.words.length > 0) placeCommand(placing, command.words);
}

function placeFor(placing: Placing, { variable, words, body }: ForCommand): void {
  refuseWord(placing, variable, REFUSALS.variableName);
  for (const word of words) {
    recordAssignment(placing, literalText(variable) ?? '', word);
    placeWord(placing, word, 'split');
  }
  placeList(placing, body);
}

function placeCase(placing: Placing, { subject, items }: CaseCommand): void {
  placeWord(placing, subject, 'word');
  for (const { patterns, body } of items) {
    for (const pattern of patterns) placeWord(placing, pattern, 'word');
    placeList(placing, body);
  }
}

const NUMERIC_OPERATORS: ReadonlySet<string> = new Set(['-eq', '-ne', '-lt', '-le', '-gt', '-ge']);
const NAME_OPERATORS: ReadonlySet<string> = new Set(['-v', '-R']);

/** `[[ ... ]]`: nothing is split, but its numeric operators evaluate both sides. */
function placeTest(placing: Placing, { words }: TestCommand): void {
  for (const [index, word] of words.entries()) {
    const [before, after] = [literalText(words[index - 1]) ?? '', literalText(words[index + 1]) ?? ''];
    if (NUMERIC_OPERATORS.has(before) || NUMERIC_OPERATORS.has(after)) {
      refuseWord(placing, word, REFUSALS.testArithmetic);
    } else if (NAME_OPERATORS.has(before)) {
      refuseWord(placing, word, REFUSALS.testVariable);
    } else {
      placeWord(placing, word, 'word');
    }
  }
}

function placeRedirects(placing: Placing, command: Command, redirects: readonly Redirect[]): void {
  if (redirects.length === 0) return;
  const code = readsCode(command);
  const shell = command.kind === 'simple' && findProgram(commandPath(command.words[0]))?.kind === 'shell';
  const always = shell ? undefined : REFUSALS.stdinCode;
  for (const { operator, target, hereDocument } of redirects) {
    const isInput = operator.startsWith('<') && operator !== '<&';
    if (hereDocument !== undefined && !hereDocument.quoted && code) {
      placeCode(placing, [{ parts: hereDocument.parts }], always);
    } else if (hereDocument !== undefined) placeDocument(placing, hereDocument.parts);
    else if (operator === '<<<' && code) placeCode(placing, [target], always);
    else if (isInput && code) refuseWord(placing, target, REFUSALS.sourcedFile);
    else if (operator === '>&' || operator === '<&') refuseWord(placing, target, REFUSALS.descriptor);
    else placeWord(placing, target, 'word');
  }
}
