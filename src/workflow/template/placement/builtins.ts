import type { Word } from '../shell/syntax.ts';
import { literalText } from '../shell/words.ts';
import { placeCode } from './code.ts';
import { placeArguments } from './commands.ts';
import { hasHoles, type Placing, recordAssignment, refuseWord, refuseWords } from './placing.ts';
import { headText, isUnsteady } from './programs.ts';
import { REFUSALS } from './refusals.ts';
import { placeWord } from './words.ts';

/** Places the arguments of one builtin. */
type BuiltinRule = (placing: Placing, args: readonly Word[]) => void;

const names: BuiltinRule = (placing, args) => refuseWords(placing, args, REFUSALS.variableName);
const evaluated: BuiltinRule = (placing, args) => refuseWords(placing, args, REFUSALS.arithmetic);

/** Builtins that treat some of their arguments as something else than data. All others take data. */
export const BUILTIN_RULES: Readonly<Record<string, BuiltinRule>> = {
  eval: (placing, args) => placeCode(placing, args),
  trap: placeTrap,
  alias: (placing, args) => refuseWords(placing, args, REFUSALS.substitutedCode),
  '.': placeSource,
  source: placeSource,
  let: evaluated,
  exit: evaluated,
  return: evaluated,
  shift: evaluated,
  break: evaluated,
  continue: evaluated,
  read: names,
  unset: names,
  getopts: names,
  mapfile: names,
  readarray: names,
  wait: names,
  coproc: names,
  compgen: names,
  complete: names,
  bind: names,
  enable: names,
  printf: placePrintf,
  test: placeTest,
  '[': (placing, args) => placeTest(placing, args.slice(0, -1)),
  export: placeDeclaration,
  readonly: placeDeclaration,
  local: placeDeclaration,
  declare: placeDeclaration,
  typeset: placeDeclaration,
};

/** `trap code signal...` */
function placeTrap(placing: Placing, args: readonly Word[]): void {
  const code = args.findIndex(word => literalText(word) !== '--');
  const unsteady = args.slice(0, code + 1).some(isUnsteady);
  for (const [index, word] of args.entries()) {
    if (unsteady) refuseWord(placing, word, REFUSALS.substitutedCode);
    else if (index === code) placeCode(placing, [word]);
    else placeArguments(placing, [word]);
  }
}

function placeSource(placing: Placing, args: readonly Word[]): void {
  const steady = args.findIndex(word => !isUnsteady(word)) + 1;
  const operands = steady === 0 ? args.length : steady;
  refuseWords(placing, args.slice(0, operands), REFUSALS.sourcedFile);
  placeArguments(placing, args.slice(operands));
}

/** A format that begins with a value could be `-vNAME`; behind other text a value is only a bad format. */
function placePrintf(placing: Placing, args: readonly Word[]): void {
  const [format, ...rest] = args;
  if (format === undefined) return;
  const text = literalText(format);
  if (isUnsteady(format)) refuseWords(placing, args, REFUSALS.printfFormat);
  else if (text === '--') placeArguments(placing, rest);
  else if (text === '-v') {
    refuseWords(placing, rest.slice(0, 1), REFUSALS.variableName);
    placeArguments(placing, rest.slice(1));
  } else {
    const [first] = format.parts.filter(part => part.kind !== 'literal' || part.text !== '');
    if (first?.kind === 'literal' && !first.text.startsWith('-')) placeWord(placing, format, 'word');
    else refuseWord(placing, format, REFUSALS.printfFormat);
    placeArguments(placing, rest);
  }
}

const BINARY_OPERATORS: ReadonlySet<string> = new Set('= == != < > -eq -ne -lt -le -gt -ge -nt -ot -ef'.split(' '));
const UNARY_OPERATOR = /^-[a-uw-zA-QS-Z]$/;

/**
 * `[ ... ]`: its operators are arguments like any other, so a value may stand only where it cannot be one: quoted, next to a literal
 * operator, in a test that joins no others.
 */
function placeTest(placing: Placing, args: readonly Word[]): void {
  const texts = args.map(word => literalText(word));
  const joined = texts.some(text => text === '-a' || text === '-o' || text === '(' || text === ')');
  const operands = texts[0] === '!' ? args.slice(1) : args;
  for (const [index, word] of args.entries()) {
    if (!hasHoles(placing, word)) continue;
    const [before, after] = [texts[index - 1] ?? '', texts[index + 1] ?? ''];
    const bare = word.parts.some(part => part.kind !== 'literal' && part.quoting === 'none');
    const isOperand =
      (operands.length === 1 && texts[0] !== '!') ||
      BINARY_OPERATORS.has(before) ||
      (BINARY_OPERATORS.has(after) && index === args.length - 3) ||
      (UNARY_OPERATOR.test(before) && operands.length === 2);
    if (before === '-v' || before === '-R') refuseWord(placing, word, REFUSALS.testVariable);
    else if (bare || joined || !isOperand) refuseWord(placing, word, REFUSALS.testOperator);
    else placeWord(placing, word, 'word');
  }
}

/** Options that only say where a variable lives; any other changes what an assignment to it does. */
const HARMLESS_OPTIONS = /^-[rxgp]+$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;

/** `export NAME=value`, `local NAME=value`: one word, like an assignment. */
function placeDeclaration(placing: Placing, args: readonly Word[]): void {
  let attributes = false;
  for (const word of args) {
    const text = literalText(word);
    if (text !== undefined && /^[-+]./.test(text)) {
      attributes ||= text !== '--' && !HARMLESS_OPTIONS.test(text);
      continue;
    }
    const name = NAME.exec(headText(word))?.[0];
    // An expansion that brings no value may bring options.
    attributes ||= text === undefined && name === undefined;
    if (attributes && name !== undefined) placing.attributed.add(name);
    if (!hasHoles(placing, word)) continue;
    const isAssignment = name !== undefined && headText(word).startsWith(`${name}=`);
    if (!isAssignment) refuseWord(placing, word, REFUSALS.variableName);
    else if (attributes) refuseWord(placing, word, REFUSALS.declared);
    else {
      recordAssignment(placing, name, word);
      placeWord(placing, word, 'word');
    }
  }
}
