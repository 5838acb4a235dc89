import type { Span } from './ast.ts';

/** A text, cut into plain pieces and `{{ ... }}`. */
export type Piece = TextPiece | ActionPiece | BrokenPiece;

export interface TextPiece {
  readonly kind: 'text';
  readonly value: string;
  readonly start: number;
}
export interface ActionPiece extends Span {
  readonly kind: 'action';
  /** Without braces and trim markers. */
  readonly code: string;
  readonly codeStart: number;
}
/** An action without an end: nothing behind it can be understood. */
export interface BrokenPiece {
  readonly kind: 'broken';
  readonly message: string;
  readonly start: number;
}

/**
 * Cuts a text into its pieces. `{{-` and `-}}` (with a blank on the inner side, as in Go) trim the white space around, a comment
 * `{{/* ... *\/}}` vanishes, and braces in a string literal do not end an action.
 */
export function splitActions(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  let trimNext = false;
  const pushText = (to: number, trimEnd: boolean) => {
    let value = text.slice(from, to);
    let start = from;
    if (trimNext) {
      const trimmed = value.trimStart();
      start += value.length - trimmed.length;
      value = trimmed;
    }
    if (trimEnd) value = value.trimEnd();
    if (value !== '') pieces.push({ kind: 'text', value, start });
  };

  for (;;) {
    const open = text.indexOf('{{', from);
    if (open === -1) {
      pushText(text.length, false);
      return pieces;
    }
    const trimBefore = /^-\s/.test(text.slice(open + 2, open + 4));
    pushText(open, trimBefore);
    const codeStart = open + 2 + (trimBefore ? 1 : 0);
    const close = findEnd(text, codeStart);
    if (close.kind === 'broken') {
      pieces.push({ kind: 'broken', message: close.message, start: open });
      return pieces;
    }
    const trimAfter = /\s-$/.test(text.slice(Math.max(codeStart, close.at - 2), close.at));
    const code = text.slice(codeStart, close.at - (trimAfter ? 1 : 0));
    const end = close.at + 2;
    if (!isComment(code)) pieces.push({ kind: 'action', code, codeStart, start: open, end });
    from = end;
    trimNext = trimAfter;
  }
}

function isComment(code: string): boolean {
  const trimmed = code.trim();
  return trimmed.startsWith('/*') && trimmed.endsWith('*/');
}

type End = { kind: 'found'; at: number } | { kind: 'broken'; message: string };

function findEnd(text: string, from: number): End {
  const comment = /\s*\/\*/y;
  comment.lastIndex = from;
  if (comment.test(text)) {
    const close = text.indexOf('*/', comment.lastIndex);
    if (close === -1) return { kind: 'broken', message: 'the comment has no */' };
    from = close + 2;
  }
  for (let at = from; at < text.length; at++) {
    const char = text[at]!;
    if (char === '}' && text[at + 1] === '}') return { kind: 'found', at };
    if (char === '"' || char === "'" || char === '`') {
      const close = findQuote(text, at);
      if (close === undefined) return { kind: 'broken', message: `the string that starts with ${char} has no end` };
      at = close;
    }
  }
  return { kind: 'broken', message: '{{ without }}; to write two braces, use {{ "{{" }}' };
}

/** Offset of the closing quote. Only a string in backticks may span lines. */
function findQuote(text: string, open: number): number | undefined {
  const quote = text[open]!;
  for (let at = open + 1; at < text.length; at++) {
    const char = text[at]!;
    if (char === quote) return at;
    if (quote === '`') continue;
    if (char === '\n') return undefined;
    if (char === '\\') at++;
  }
  return undefined;
}
