/** A text with templates, parsed. Offsets are UTF-16 positions in that text. */
export type Node = TextNode | OutputNode | IfNode | RangeNode;

/** Text between actions, after trim markers. Always an unbroken piece of the source. */
export interface TextNode {
  readonly kind: 'text';
  readonly value: string;
  readonly start: number;
}

/** `{{ expression }}`. */
export interface OutputNode extends Span {
  readonly kind: 'output';
  readonly expression: Expression;
}

/** `{{ if a }}...{{ else if b }}...{{ else }}...{{ end }}`. */
export interface IfNode extends Span {
  readonly kind: 'if';
  readonly branches: readonly Branch[];
  readonly otherwise: readonly Node[];
}
export interface Branch extends Span {
  readonly condition: Expression;
  readonly body: readonly Node[];
}

/** `{{ range $index, $element := list }}...{{ else }}...{{ end }}`; `otherwise` is for an empty list. */
export interface RangeNode extends Span {
  readonly kind: 'range';
  readonly list: Expression;
  readonly index?: string;
  readonly element?: string;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** Where an action stands: from its `{{` to behind its `}}`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Expression = LiteralExpression | PathExpression | CallExpression | CompareExpression;

export interface LiteralExpression {
  readonly kind: 'literal';
  readonly value: string | number | boolean | null;
  readonly at: number;
}

/** `.a.b` or `$.a.b` (from the root), `.b` in a range (from the element), `$name.b` (from a range's variable). */
export interface PathExpression {
  readonly kind: 'path';
  readonly base: PathBase;
  readonly segments: readonly string[];
  readonly at: number;
}
export type PathBase =
  | { readonly kind: 'root' }
  | { readonly kind: 'element' }
  | { readonly kind: 'variable'; readonly name: string };

/** `subject | name arg...`, also written `name arg... subject`. */
export interface CallExpression {
  readonly kind: 'call';
  readonly name: string;
  readonly subject: Expression;
  readonly args: readonly Expression[];
  readonly at: number;
}

export interface CompareExpression {
  readonly kind: 'compare';
  readonly negated: boolean;
  readonly left: Expression;
  readonly right: Expression;
  readonly at: number;
}
