import { HOLE_CHARACTER } from '../shell/cursor.ts';
import type { Word } from '../shell/syntax.ts';
import { literalText } from '../shell/words.ts';
import { placeArguments } from './commands.ts';
import type { Form } from './placement.ts';
import { hasHoles, type Placing, place, refuseWord } from './placing.ts';
import { headText, isUnsteady } from './programs.ts';
import { SED_SCRIPT, SED_VALUE } from './refusals.ts';
import { quotedForm } from './words.ts';

const SCRIPT_OPTION = /^(?:-[nEriszu]*e|--expression)$/;
const ATTACHED_SCRIPT = /^(?:-[nEriszu]*e.|--expression=)/;
const FILE_OPTION = /^(?:-[nEriszu]*f|--file)/;

/**
 * sed runs commands (GNU's `e`) and writes files from its script, and has no variables. Changing a version in a file is what people do with it
 * in a workflow, so a value is accepted in one plain `s/old/new/`, when it holds nothing that means something there.
 */
export function placeSed(placing: Placing, args: readonly Word[]): void {
  let scriptSeen = args.some(
    word => SCRIPT_OPTION.test(literalText(word) ?? '') || ATTACHED_SCRIPT.test(headText(word)),
  );
  scriptSeen ||= args.some(word => FILE_OPTION.test(headText(word)));
  let unsteady = false;
  for (const [index, word] of args.entries()) {
    const option = literalText(word)?.startsWith('-') === true;
    const isScript = SCRIPT_OPTION.test(literalText(args[index - 1]) ?? '') || (!scriptSeen && !option);
    if (isScript) scriptSeen = true;
    if (isUnsteady(word)) unsteady = true;
    if (!hasHoles(placing, word)) continue;
    if (unsteady) refuseWord(placing, word, SED_SCRIPT);
    else if (isScript) placeScript(placing, word);
    else if (headText(word).startsWith('-')) refuseWord(placing, word, SED_SCRIPT);
    else placeArguments(placing, [word]);
  }
}

/** Address, `s`, a delimiter that no value may hold, old, new, flags that neither run nor write. */
const SUBSTITUTION =
  /^(?:\d+|\$|\/[^/\\\u0001]*\/)?s([^A-Za-z0-9._+:=\\\n\u0001-])((?:(?!\1)[^\\\n]|\\[^\n\u0001])*)\1((?:(?!\1)[^\\\n]|\\[^\n\u0001])*)\1[gpiI0-9]*$/;

function placeScript(placing: Placing, word: Word): void {
  let text = '';
  const holes: { offset: number; form: Form }[] = [];
  for (const part of word.parts) {
    if (part.kind === 'literal') text += part.text;
    else if (part.kind === 'hole') {
      text += HOLE_CHARACTER;
      holes.push({ offset: part.offset, form: quotedForm(part) });
    } else {
      refuseWord(placing, word, SED_SCRIPT);
      return;
    }
  }
  const delimiter = SUBSTITUTION.exec(text)?.[1];
  if (delimiter === undefined) {
    refuseWord(placing, word, SED_SCRIPT);
    return;
  }
  const pattern = new RegExp(`^(?:(?!${escapeRegExp(delimiter)})[A-Za-z0-9._+:/@=-])*$`);
  for (const { offset, form } of holes) {
    place(placing, offset, { kind: 'accepted', form, plain: { pattern, refusal: SED_VALUE } });
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
