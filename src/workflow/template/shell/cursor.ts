import { offsetsBetween } from './offsets.ts';
import type { HereDocument } from './syntax.ts';

/** What the text of a hole is; it is told apart from the same character of the script by its offset. */
export const HOLE_CHARACTER = '\u0001';

/** Nested constructs; far more than a script that people read. */
const MAX_DEPTH = 100;

/** Nested constructs in the whole script: reading `$((` may have to begin twice, and twice again within. */
const MAX_CONSTRUCTS = 50_000;

/** A script that is not understood. */
export class ShellSyntaxError extends Error {
  override readonly name = 'ShellSyntaxError';
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** A here-document whose body begins behind the next newline. */
export interface PendingDocument {
  readonly document: HereDocument;
  readonly delimiter: string;
  readonly stripTabs: boolean;
  readonly at: number;
}

/** Where the parser stands in a script. */
export class Cursor {
  readonly text: string;
  at = 0;
  /** The script ends here: its length, or the closing backtick. */
  limit: number;
  pending: PendingDocument[] = [];
  /** Offsets of holes in comments. */
  readonly commentHoles: number[] = [];
  readonly #holes: ReadonlySet<number>;
  readonly #sortedHoles: readonly number[];
  #depth = 0;
  #constructs = 0;

  /** `holes`: offsets of the single characters that stand for values. */
  constructor(text: string, holes: Iterable<number>) {
    this.text = text;
    this.limit = text.length;
    this.#sortedHoles = [...holes].sort((a, b) => a - b);
    this.#holes = new Set(this.#sortedHoles);
  }

  get atEnd(): boolean {
    return this.at >= this.limit;
  }

  /** The character at the cursor plus `ahead`; '' at the end and at a hole. */
  char(ahead = 0): string {
    const at = this.at + ahead;
    return at >= this.limit || this.#holes.has(at) ? '' : this.text[at]!;
  }

  get atHole(): boolean {
    return !this.atEnd && this.#holes.has(this.at);
  }

  holeAhead(ahead: number): boolean {
    return this.at + ahead < this.limit && this.#holes.has(this.at + ahead);
  }

  /** Whether the script goes on with exactly this text (in which no hole can be: holes are no text). */
  startsWith(text: string): boolean {
    for (let index = 0; index < text.length; index++) if (this.char(index) !== text[index]) return false;
    return true;
  }

  take(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.at += text.length;
    return true;
  }

  /** A sticky pattern that cannot match a hole's character. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined || this.at + found.length > this.limit) return undefined;
    return found;
  }

  /** Takes a run of characters of one class (`pattern` is sticky and cannot match a hole's character), up to the end at most. */
  run(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const length = Math.min(pattern.exec(this.text)?.[0].length ?? 0, this.limit - this.at);
    this.at += length;
    return this.text.slice(this.at - length, this.at);
  }

  holesBetween(from: number, to: number): number[] {
    return offsetsBetween(this.#sortedHoles, from, to);
  }

  /** Spaces, tabs and continued lines. */
  skipBlanks(): void {
    for (;;) {
      const char = this.char();
      if (char === ' ' || char === '\t') this.at++;
      else if (this.startsWith('\\\n')) this.skipContinuation(false);
      else return;
    }
  }

  /**
   * A backslash at the end of a line. Between two characters it can join what is otherwise two tokens (`x`, `=1`); nobody writes that, so it is
   * refused instead of understood.
   */
  skipContinuation(quoted: boolean): void {
    const before = this.text.slice(Math.max(0, this.at - 64), this.at);
    const after = this.text.slice(this.at + 2, this.at + 3);
    const apart = quoted
      ? !/\$\{?[#!]?\w*$/.test(before)
      : /(?:^|[\s;|&()])$/.test(before) && (/^[\w\s./"'-]?$/.test(after) || /(?:^|\s)$/.test(before));
    if (!apart && !/^\s/.test(after))
      this.fail('a word that goes on in the next line is not understood; write it in one line');
    this.at += 2;
  }

  /** Runs a nested rule, bounded in depth. */
  nested<T>(rule: () => T): T {
    this.#depth++;
    this.#constructs++;
    if (this.#depth > MAX_DEPTH) this.fail(`more than ${MAX_DEPTH} nested constructs`);
    if (this.#constructs > MAX_CONSTRUCTS)
      this.fail('the script is too complicated to find out where its values stand');
    const result = rule();
    this.#depth--;
    return result;
  }

  fail(message: string, at = this.at): never {
    throw new ShellSyntaxError(message, at);
  }
}
