import { showExpression, type TemplateFault } from './errors.ts';
import type { AcceptedPlacement, Form, Placement } from './placement/placement.ts';
import { REFUSALS, type Refusal } from './placement/refusals.ts';
import type { Hole, ScriptSource } from './script-source.ts';

/** Longest value, UTF-8 bytes: what Linux takes as one argument of a program. */
const MAX_VALUE_BYTES = 128 * 1024;
const VARIABLE_PREFIX = 'TAKO_VALUE_';

export interface EmittedScript {
  /** Assignments, one a line; '' when there are none. */
  readonly prelude: string;
  readonly body: string;
  readonly problems: readonly HoleProblem[];
}

export interface HoleProblem {
  readonly hole: Hole;
  readonly problem:
    | { readonly kind: 'refused'; readonly refusal: Refusal }
    | { readonly kind: 'fault'; readonly fault: TemplateFault }
    | { readonly kind: 'value'; readonly message: string };
}

/** Writes the script with a reference for each value, and the assignments that the references need. */
export function emitScript(
  template: string,
  source: ScriptSource,
  placements: ReadonlyMap<number, Placement>,
): EmittedScript {
  const variables = new Variables();
  const problems: HoleProblem[] = [];
  const chunks: string[] = [];
  let from = 0;
  for (const hole of source.holes) {
    chunks.push(source.text.slice(from, hole.offset));
    from = hole.offset + 1;
    const emitted = emitHole(hole, placements.get(hole.offset), { template, source, variables });
    if (typeof emitted === 'string') chunks.push(emitted);
    else problems.push({ hole, problem: emitted });
  }
  chunks.push(source.text.slice(from));
  return { prelude: variables.prelude(), body: chunks.join(''), problems };
}

interface Surroundings {
  readonly template: string;
  readonly source: ScriptSource;
  readonly variables: Variables;
}

function emitHole(hole: Hole, placement: Placement | undefined, around: Surroundings): string | HoleProblem['problem'] {
  if (placement?.kind === 'accepted' && placement.form.kind === 'comment') {
    return showExpression(around.template, hole.node).replaceAll('\0', '');
  }
  const { value } = hole;
  switch (value.kind) {
    case 'fault':
      return { kind: 'fault', fault: value.fault };
    case 'unknown':
      throw new TypeError('a script without values cannot be written');
    case 'literal':
      return emitLiteral(hole, value.text, placement, around);
    case 'text': {
      const refusal = refusalFor(hole, placement);
      if (refusal !== undefined) return { kind: 'refused', refusal };
      return emitText(value, placement as AcceptedPlacement, around.variables);
    }
  }
}

/**
 * Why a hole is refused at its place, as far as it depends on its type and pipes and not on its value. A hole without a placement is in a
 * corner that nobody thought of: refused.
 */
export function refusalFor({ value }: Hole, placement: Placement | undefined): Refusal | undefined {
  if (placement === undefined) return UNKNOWN_PLACE;
  const maybeLiteral = value.kind === 'literal' || (value.kind === 'unknown' && value.maybeLiteral);
  if (placement.kind === 'refused') return maybeLiteral && placement.refusal.literals ? undefined : placement.refusal;
  const quoted = value.kind === 'text' ? value.quoted !== undefined : value.kind === 'unknown' && value.quoted;
  return placement.code === true && !quoted && !maybeLiteral ? REFUSALS.substitutedCode : undefined;
}

const UNKNOWN_PLACE: Refusal = {
  where: 'at a place that is not understood',
  why: 'nobody can say what a value would mean there',
  literals: false,
};

/**
 * A number or a boolean, as text of the script. Where it would run into a name, a variable is used for it, and quotes where it would become the
 * descriptor of a redirection.
 */
function emitLiteral(
  hole: Hole,
  text: string,
  placement: Placement | undefined,
  { source, variables }: Surroundings,
): string | HoleProblem['problem'] {
  const refusal = refusalFor(hole, placement);
  if (refusal !== undefined) return { kind: 'refused', refusal };
  const before = source.text.slice(Math.max(0, hole.offset - 256), hole.offset);
  const joinsName = /\$[A-Za-z_][A-Za-z0-9_]*$/.test(before);
  if (placement!.kind === 'refused') {
    if (joinsName || /[$\\]$/.test(before)) return { kind: 'refused', refusal: REFUSALS.afterDollar };
    return text;
  }
  const { form } = placement as AcceptedPlacement;
  if (joinsName) return reference(form.kind === 'split' ? { kind: 'word' } : form, variables.nameFor(text));
  const bare = form.kind === 'split' || form.kind === 'word';
  return bare && /[<>]/.test(source.text.charAt(hole.offset + 1)) ? `"${text}"` : text;
}

function emitText(
  value: { readonly text: string; readonly quoted?: string },
  { form, code, plain }: AcceptedPlacement,
  variables: Variables,
): string | HoleProblem['problem'] {
  if (plain !== undefined && !plain.pattern.test(value.text)) return { kind: 'refused', refusal: plain.refusal };
  const unquoted = form.kind === 'split' || form.kind === 'word';
  // Unquoted, text from shell_quote would lose its quotes again: it is the plain value as one word.
  const text = value.quoted !== undefined && (code === true || !unquoted) ? value.quoted : value.text;
  const problem = checkValue(text);
  if (problem !== undefined) return { kind: 'value', message: problem };
  if (form.kind !== 'split') return reference(form, variables.nameFor(text));
  if (value.quoted !== undefined) return reference({ kind: 'word' }, variables.nameFor(text));
  return splitReferences(text, form, variables);
}

function checkValue(text: string): string | undefined {
  if (text.includes('\0')) return 'the value holds a NUL character, which no shell can hold';
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_VALUE_BYTES) return undefined;
  return `the value has ${bytes} bytes, at most ${MAX_VALUE_BYTES} fit; pass it by a file`;
}

function reference(form: Form, name: string): string {
  switch (form.kind) {
    case 'braced':
      return `\${${name}}`;
    case 'interrupted':
      return `'"\${${name}}"'`;
    case 'word':
    case 'split':
    case 'comment':
      return `"\${${name}}"`;
  }
}

/** What the shell's default IFS splits on. */
const BLANKS = /[ \t\n]+/;

/**
 * The words of a value. Blanks at its ends part it from text beside it, as field splitting would; where only `""` would be left of a word,
 * it keeps what is beside it from being read as something else (`2{{ .x }}>f`, `{{ .x }}#a`).
 */
function splitReferences(text: string, form: Extract<Form, { kind: 'split' }>, variables: Variables): string {
  const words = text.split(BLANKS).filter(word => word !== '');
  if (text === '') return form.alone ? '' : '""';
  const before = BLANKS.test(text[0]!) ? ' ' : '';
  const after = words.length > 0 && BLANKS.test(text.at(-1)!) ? ' ' : '';
  const guard = form.textFollows && (after !== '' || words.length === 0) ? '""' : '';
  return (
    before +
    variables
      .namesFor(text, words)
      .map(name => `"\${${name}}"`)
      .join(' ') +
    after +
    guard
  );
}

/** Variables for the values of one script; the same value gets the same one. */
class Variables {
  readonly #lines: string[] = [];
  readonly #names = new Map<string, string>();
  readonly #wordNames = new Map<string, string[]>();
  #count = 0;

  nameFor(value: string): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    this.#count++;
    const name = `${VARIABLE_PREFIX}${this.#count}`;
    this.#assign(name, value);
    this.#names.set(value, name);
    return name;
  }

  /** For a value that is split; a single word is a value like any other. */
  namesFor(value: string, words: readonly string[]): string[] {
    if (words.length === 1) return [this.nameFor(words[0]!)];
    const known = this.#wordNames.get(value);
    if (known !== undefined) return known;
    if (words.length > 0) this.#count++;
    const names = words.map((word, index) => {
      const name = `${VARIABLE_PREFIX}${this.#count}_${index + 1}`;
      this.#assign(name, word);
      return name;
    });
    this.#wordNames.set(value, names);
    return names;
  }

  prelude(): string {
    return this.#lines.join('\n');
  }

  #assign(name: string, value: string): void {
    this.#lines.push(`${name}='${value.replaceAll("'", "'\\''")}'`);
  }
}
