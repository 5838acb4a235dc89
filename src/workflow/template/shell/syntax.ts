/**
 * A shell script, as far as it matters where a value stands in it. The values are holes: single places whose content the parser
 * does not know. Offsets count in the expanded script.
 */
export interface List {
  readonly pipelines: readonly Pipeline[];
}

/** Commands joined by `|`. Lists by `;`, `&`, `&&`, `||` and newlines are not told apart. */
export interface Pipeline {
  readonly commands: readonly Command[];
}

export type Command =
  | SimpleCommand
  | GroupCommand
  | ForCommand
  | CaseCommand
  | FunctionCommand
  | TestCommand
  | ArithmeticCommand;

export interface SimpleCommand {
  readonly kind: 'simple';
  readonly assignments: readonly Assignment[];
  /** The command's name and its arguments. */
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
}
/** `{ }`, `( )`, `if`, `while`, `until`: lists that run in some order. */
export interface GroupCommand {
  readonly kind: 'group';
  readonly lists: readonly List[];
  readonly redirects: readonly Redirect[];
}
/** `for` and `select`. */
export interface ForCommand {
  readonly kind: 'for';
  readonly variable: Word;
  readonly words: readonly Word[];
  readonly body: List;
  readonly redirects: readonly Redirect[];
}
export interface CaseCommand {
  readonly kind: 'case';
  readonly subject: Word;
  readonly items: readonly CaseItem[];
  readonly redirects: readonly Redirect[];
}
export interface CaseItem {
  readonly patterns: readonly Word[];
  readonly body: List;
}
export interface FunctionCommand {
  readonly kind: 'function';
  readonly name: Word;
  readonly body: Command;
}
/** `[[ ... ]]`. */
export interface TestCommand {
  readonly kind: 'test';
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
}
/** `(( ... ))`. */
export interface ArithmeticCommand {
  readonly kind: 'arithmetic';
  readonly part: OpaquePart;
  readonly redirects: readonly Redirect[];
}

export interface Assignment {
  readonly name: string;
  readonly value: Word;
}

export interface Redirect {
  /** `>`, `<<`, `>&`, ... */
  readonly operator: string;
  /** A file, a descriptor, or the delimiter of a here-document. */
  readonly target: Word;
  readonly hereDocument?: HereDocument;
}

export interface HereDocument {
  /** The delimiter was quoted: nothing is expanded. */
  readonly quoted: boolean;
  parts: readonly Part[];
}

export interface Word {
  readonly parts: readonly Part[];
  readonly start: number;
  readonly end: number;
}

/** Which quotes are around a part. A here-document's body is `document`. */
export type Quoting = 'none' | 'single' | 'double' | 'document';

export type Part = LiteralPart | HolePart | ParameterPart | CommandPart | OpaquePart;

/** Text after the removal of quotes. */
export interface LiteralPart {
  readonly kind: 'literal';
  readonly text: string;
  readonly quoting: Quoting;
  /** A backslash was before it. */
  readonly escaped: boolean;
  readonly end: number;
}

export interface HolePart {
  readonly kind: 'hole';
  readonly offset: number;
  readonly quoting: Quoting;
}

/** `$name`, `${name}`, `${name#word}`. */
export interface ParameterPart {
  readonly kind: 'parameter';
  readonly name: string;
  readonly braced: boolean;
  readonly operator?: string;
  readonly word?: readonly Part[];
  readonly quoting: Quoting;
  readonly end: number;
}

/** `$( )`, backticks, `<( )` and `>( )`. */
export interface CommandPart {
  readonly kind: 'command';
  readonly list: List;
  readonly quoting: Quoting;
  readonly end: number;
}

/** Something in which no value is accepted, for one reason. */
export interface OpaquePart {
  readonly kind: 'opaque';
  readonly reason: OpaqueReason;
  /** Offsets of the holes in it. */
  readonly holes: readonly number[];
  readonly quoting: Quoting;
  readonly end: number;
}

export type OpaqueReason =
  | 'afterBackslash'
  | 'afterDollar'
  | 'arithmetic'
  | 'array'
  | 'backtick'
  | 'bashAssignment'
  | 'dollarQuote'
  | 'nestedQuotes'
  | 'parameterForm'
  | 'quotedDocument';
