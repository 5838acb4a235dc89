import { type ActionPiece, splitActions } from './actions.ts';
import type { Branch, Expression, IfNode, Node, Span } from './ast.ts';
import { TemplateFault } from './errors.ts';
import { parseExpression, type Surroundings } from './expression.ts';
import { type Token, tokenize } from './tokens.ts';

/** Nested `if` and `range`. */
const MAX_NESTING = 100;

export interface ParsedTemplate {
  readonly nodes: readonly Node[];
  /** In order; with any of them the nodes are not complete and must not be rendered. */
  readonly problems: readonly ParseProblem[];
}

export interface ParseProblem {
  readonly message: string;
  /** The action to show. */
  readonly span: Span;
  /** Where in it. */
  readonly at: number;
}

/** Parses a text with templates. Never throws; every action's problem is reported, not just the first. */
export function parseTemplate(text: string): ParsedTemplate {
  return new TemplateParser(text).parse();
}

/** A block that waits for its `{{ end }}`. `nodes` is the body that is being filled. */
type OpenBlock = OpenIf | OpenRange;
interface OpenIf {
  readonly kind: 'if';
  readonly start: Span;
  readonly branches: (Branch & { readonly body: Node[] })[];
  readonly otherwise: Node[];
  inElse: boolean;
}
interface OpenRange {
  readonly kind: 'range';
  readonly start: Span;
  readonly list: Expression;
  readonly index: string | undefined;
  readonly element: string | undefined;
  readonly body: Node[];
  readonly otherwise: Node[];
  inElse: boolean;
}

class TemplateParser {
  readonly #text: string;
  readonly #nodes: Node[] = [];
  readonly #open: OpenBlock[] = [];
  readonly #problems: ParseProblem[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  parse(): ParsedTemplate {
    for (const piece of splitActions(this.#text)) {
      switch (piece.kind) {
        case 'text':
          this.#body().push(piece);
          break;
        case 'broken':
          this.#problem(piece.message, { start: piece.start, end: this.#text.length }, piece.start);
          break;
        case 'action':
          this.#action(piece);
      }
    }
    for (const block of this.#open) {
      this.#problem(`{{ ${block.kind} }} without {{ end }}`, block.start, block.start.start);
    }
    return { nodes: this.#nodes, problems: this.#problems };
  }

  #action(piece: ActionPiece): void {
    try {
      const tokens = tokenize(piece.code, piece.codeStart);
      const end = piece.codeStart + piece.code.trimEnd().length;
      const [first, ...rest] = tokens;
      if (first === undefined) throw new TemplateFault('nothing stands between the braces', piece.start);
      const keyword = first.kind === 'word' ? first.value : undefined;
      switch (keyword) {
        case 'if':
          this.#openIf(piece, this.#blockExpression(piece, rest, end));
          break;
        case 'range':
          this.#openRange(piece, rest, end);
          break;
        case 'else':
          this.#else(piece, rest, end);
          break;
        case 'end':
          if (rest[0] !== undefined) throw new TemplateFault('{{ end }} takes nothing', rest[0].at);
          this.#close(piece);
          break;
        case 'with':
        case 'define':
        case 'template':
        case 'block':
        case 'break':
        case 'continue':
          throw new TemplateFault(`{{ ${keyword} }} is not supported; there are if, else, range and end`, first.at);
        default:
          this.#body().push({
            kind: 'output',
            expression: this.#expression(tokens, end),
            start: piece.start,
            end: piece.end,
          });
      }
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error;
      this.#problem(error.message, piece, error.at);
    }
  }

  #openIf(piece: ActionPiece, condition: Expression): void {
    const branch = { condition, body: [], start: piece.start, end: piece.end };
    this.#push({ kind: 'if', start: piece, branches: [branch], otherwise: [], inElse: false });
  }

  /** `range list`, `range $element := list`, `range $index, $element := list`. */
  #openRange(piece: ActionPiece, tokens: readonly Token[], end: number): void {
    const assign = tokens.findIndex(token => token.kind === 'symbol' && token.value === ':=');
    const list = this.#blockExpression(piece, tokens.slice(assign + 1), end);
    const names = assign === -1 ? [] : this.#declaredNames(piece, tokens.slice(0, assign), tokens[assign]!.at);
    const element = names.at(-1);
    const index = names.length === 2 ? names[0] : undefined;
    this.#push({ kind: 'range', start: piece, list, index, element, body: [], otherwise: [], inElse: false });
  }

  #else(piece: ActionPiece, rest: readonly Token[], end: number): void {
    const block = this.#open.at(-1);
    if (block === undefined) throw new TemplateFault('{{ else }} without {{ if }}', piece.start);
    if (block.inElse) throw new TemplateFault('a second {{ else }} of the same block', piece.start);
    const [first, ...condition] = rest;
    if (first === undefined) {
      block.inElse = true;
      return;
    }
    if (first.kind !== 'word' || first.value !== 'if' || block.kind !== 'if') {
      throw new TemplateFault(
        block.kind === 'if' ? 'expected {{ else }} or {{ else if ... }}' : 'the else of a range takes nothing',
        first.at,
      );
    }
    const branch = { condition: this.#expression(condition, end), body: [], start: piece.start, end: piece.end };
    block.branches.push(branch);
  }

  #close(piece: ActionPiece): void {
    const block = this.#open.pop();
    if (block === undefined) throw new TemplateFault('{{ end }} without {{ if }} or {{ range }}', piece.start);
    const span = { start: block.start.start, end: block.start.end };
    if (block.kind === 'if') {
      this.#body().push({ kind: 'if', branches: block.branches, otherwise: block.otherwise, ...span } satisfies IfNode);
      return;
    }
    const { list, index, element, body, otherwise } = block;
    this.#body().push({
      kind: 'range',
      list,
      ...(index === undefined ? {} : { index }),
      ...(element === undefined ? {} : { element }),
      body,
      otherwise,
      ...span,
    });
  }

  #push(block: OpenBlock): void {
    if (this.#open.length >= MAX_NESTING) {
      throw new TemplateFault(`more than ${MAX_NESTING} nested if and range`, block.start.start);
    }
    this.#open.push(block);
  }

  #expression(tokens: readonly Token[], end: number): Expression {
    return parseExpression(tokens, end, this.#surroundings());
  }

  /** An expression that opens a block. The block is opened even when it is wrong, so that its `{{ end }}` is not blamed too. */
  #blockExpression(piece: ActionPiece, tokens: readonly Token[], end: number): Expression {
    try {
      return this.#expression(tokens, end);
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error;
      this.#problem(error.message, piece, error.at);
      return { kind: 'literal', value: null, at: error.at };
    }
  }

  #declaredNames(piece: ActionPiece, tokens: readonly Token[], assignAt: number): string[] {
    const names = tokens.flatMap(token =>
      token.kind === 'variable' && token.segments.length === 0 ? [token.name] : [],
    );
    const commas = tokens.filter(token => token.kind === 'symbol' && token.value === ',');
    const wellFormed =
      names.length >= 1 &&
      names.length <= 2 &&
      !names.includes('') &&
      commas.length === names.length - 1 &&
      tokens.length === names.length + commas.length &&
      tokens[0]?.kind === 'variable' &&
      tokens.at(-1)?.kind === 'variable';
    if (!wellFormed)
      this.#problem('expected $element := or $index, $element := before the list', piece, tokens[0]?.at ?? assignAt);
    return names;
  }

  #surroundings(): Surroundings {
    const ranges = this.#open.filter(block => block.kind === 'range' && !block.inElse) as OpenRange[];
    const variables = ranges.flatMap(({ index, element }) => [index, element]).filter(name => name !== undefined);
    return { inRange: ranges.length > 0, variables };
  }

  #body(): Node[] {
    const block = this.#open.at(-1);
    if (block === undefined) return this.#nodes;
    if (block.inElse) return block.otherwise;
    return block.kind === 'if' ? block.branches.at(-1)!.body : block.body;
  }

  #problem(message: string, span: Span, at: number): void {
    this.#problems.push({ message, span, at });
  }
}
