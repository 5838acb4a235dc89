import { suggestion } from '../nearest.ts';
import type { Expression, PathExpression } from './ast.ts';
import { TemplateFault } from './errors.ts';
import { canonicalPath, isForbidden } from './paths.ts';
import { findPipe, PIPE_NAMES } from './pipes.ts';
import type { SymbolText, Token } from './tokens.ts';

/** Nested parentheses; nobody writes more by hand. */
const MAX_DEPTH = 50;

/** Words of Go's templates that mean something else here. */
const GO_WORDS: Readonly<Record<string, string>> = {
  eq: 'compare with a == b',
  ne: 'compare with a != b',
  and: 'nest {{ if }} instead',
  or: 'nest {{ if }}, or give a missing value a default: .x | default "y"',
  not: 'compare with == false, or use {{ else }}',
  print: 'write the expression alone',
  printf: 'write the text around the expression',
  index: 'write a path: .list.0.name',
  quote: 'use shell_quote or json_escape',
};

/** What surrounds an expression. */
export interface Surroundings {
  /** In the body of a `range` the dot is the element. */
  readonly inRange: boolean;
  /** Names of the variables that ranges around it declare, without `$`. */
  readonly variables: readonly string[];
}

/**
 * Parses the tokens of one expression: a term, pipes behind it, and at most one comparison. Pipes bind tighter than a comparison.
 * Throws a TemplateFault; `end` is the offset to blame when something is missing at the end.
 */
export function parseExpression(tokens: readonly Token[], end: number, surroundings: Surroundings): Expression {
  const parser = new ExpressionParser(tokens, end, surroundings);
  const expression = parser.comparison(0);
  parser.expectEnd();
  return expression;
}

class ExpressionParser {
  #at = 0;
  readonly #tokens: readonly Token[];
  readonly #end: number;
  readonly #surroundings: Surroundings;

  constructor(tokens: readonly Token[], end: number, surroundings: Surroundings) {
    this.#tokens = tokens;
    this.#end = end;
    this.#surroundings = surroundings;
  }

  expectEnd(): void {
    const token = this.#peek();
    if (token !== undefined) throw new TemplateFault(`expected | or the end, got ${describe(token)}`, token.at);
  }

  comparison(depth: number): Expression {
    const left = this.#pipeline(depth);
    const token = this.#peek();
    if (!isSymbol(token, '==') && !isSymbol(token, '!=')) return left;
    this.#at++;
    const right = this.#pipeline(depth);
    const second = this.#peek();
    if (isSymbol(second, '==') || isSymbol(second, '!=')) {
      throw new TemplateFault('comparisons cannot be chained; use parentheses', second.at);
    }
    return { kind: 'compare', negated: token.value === '!=', left, right, at: left.at };
  }

  #pipeline(depth: number): Expression {
    let subject = this.#operand(depth);
    while (isSymbol(this.#peek(), '|')) {
      this.#at++;
      const token = this.#peek();
      if (token?.kind !== 'word') {
        throw new TemplateFault(`expected the name of a pipe behind |, got ${describe(token)}`, token?.at ?? this.#end);
      }
      this.#at++;
      checkPipeName(token.value, token.at);
      const args = this.#terms(depth);
      checkArguments(token.value, args.length, token.at);
      subject = { kind: 'call', name: token.value, subject, args, at: token.at };
    }
    return subject;
  }

  /** A term, or a call in Go's order: `default "x" .y` is `.y | default "x"`. */
  #operand(depth: number): Expression {
    const token = this.#peek();
    if (token?.kind !== 'word' || isKeywordLiteral(token.value)) return this.#term(depth);
    this.#at++;
    checkPipeName(token.value, token.at);
    const args = this.#terms(depth);
    const subject = args.pop();
    if (subject === undefined) throw new TemplateFault(`${token.value} needs a value: .x | ${token.value}`, token.at);
    checkArguments(token.value, args.length, token.at);
    return { kind: 'call', name: token.value, subject, args, at: token.at };
  }

  #terms(depth: number): Expression[] {
    const terms: Expression[] = [];
    for (let token = this.#peek(); token !== undefined && startsTerm(token); token = this.#peek()) {
      terms.push(this.#term(depth));
    }
    return terms;
  }

  #term(depth: number): Expression {
    const token = this.#peek();
    if (token === undefined) throw new TemplateFault('expected a value, such as .inputs.name or "text"', this.#end);
    this.#at++;
    switch (token.kind) {
      case 'string':
      case 'number':
        return { kind: 'literal', value: token.value, at: token.at };
      case 'word':
        if (token.value === 'true' || token.value === 'false') {
          return { kind: 'literal', value: token.value === 'true', at: token.at };
        }
        if (isKeywordLiteral(token.value)) return { kind: 'literal', value: null, at: token.at };
        break;
      case 'path':
        return this.#path(token.segments, token.at);
      case 'variable':
        return this.#variable(token.name, token.segments, token.at);
      case 'symbol':
        if (token.value === '(') return this.#parenthesis(token.at, depth + 1);
    }
    throw new TemplateFault(`expected a value, got ${describe(token)}`, token.at);
  }

  #parenthesis(at: number, depth: number): Expression {
    if (depth > MAX_DEPTH) throw new TemplateFault(`more than ${MAX_DEPTH} nested parentheses`, at);
    const inner = this.comparison(depth);
    const close = this.#peek();
    if (!isSymbol(close, ')')) throw new TemplateFault(`expected ), got ${describe(close)}`, close?.at ?? this.#end);
    this.#at++;
    return inner;
  }

  #path(segments: readonly string[], at: number): PathExpression {
    checkSegments(segments, at);
    if (this.#surroundings.inRange) return { kind: 'path', base: { kind: 'element' }, segments, at };
    return { kind: 'path', base: { kind: 'root' }, segments: canonicalPath(segments), at };
  }

  #variable(name: string, segments: readonly string[], at: number): PathExpression {
    checkSegments(segments, at);
    if (name === '') return { kind: 'path', base: { kind: 'root' }, segments: canonicalPath(segments), at };
    if (!this.#surroundings.variables.includes(name)) {
      throw new TemplateFault(
        `there is no variable $${name}; {{ range $${name} := .list }} declares one, a shell variable is written outside of the braces`,
        at,
      );
    }
    return { kind: 'path', base: { kind: 'variable', name }, segments, at };
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }
}

function checkSegments(segments: readonly string[], at: number): void {
  const forbidden = segments.find(isForbidden);
  if (forbidden !== undefined) throw new TemplateFault(`"${forbidden}" cannot be read by a template`, at);
}

function checkPipeName(name: string, at: number): void {
  if (findPipe(name) !== undefined) return;
  const hint = Object.hasOwn(GO_WORDS, name) ? `; ${GO_WORDS[name]}` : suggestion(name, PIPE_NAMES);
  throw new TemplateFault(`there is no pipe "${name}"${hint}`, at);
}

function checkArguments(name: string, count: number, at: number): void {
  const { parameters } = findPipe(name)!;
  if (count === parameters.length) return;
  const usage = [name, ...parameters].join(' ');
  throw new TemplateFault(
    `${name} takes ${parameters.length === 0 ? 'no argument' : parameters.join(' and ')}, got ${count}; write .x | ${usage}`,
    at,
  );
}

function isKeywordLiteral(word: string): boolean {
  return word === 'true' || word === 'false' || word === 'null' || word === 'nil';
}

function startsTerm(token: Token): boolean {
  if (token.kind === 'symbol') return token.value === '(';
  return token.kind !== 'word' || isKeywordLiteral(token.value);
}

function isSymbol<S extends SymbolText>(
  token: Token | undefined,
  value: S,
): token is Token & { kind: 'symbol'; value: S } {
  return token?.kind === 'symbol' && token.value === value;
}

function describe(token: Token | undefined): string {
  if (token === undefined) return 'the end';
  switch (token.kind) {
    case 'path':
      return `.${token.segments.join('.')}`;
    case 'variable':
      return `$${token.name}`;
    case 'string':
      return 'a string';
    case 'number':
    case 'word':
    case 'symbol':
      return `"${token.value}"`;
  }
}
