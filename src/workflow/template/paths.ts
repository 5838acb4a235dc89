/** What a template can begin a path with. */
export const ROOTS: readonly string[] = [
  'inputs',
  'steps',
  'outputs',
  'event',
  'payload',
  'env',
  'trigger',
  'artifacts',
];

/** The fields of `.event` as the second spelling writes them. */
const EVENT_FIELDS: Readonly<Record<string, string>> = {
  Type: 'type',
  Source: 'source',
  Payload: 'payload',
  SchemaVersion: 'schema_version',
};

/** Never looked up, not even as a value's own property: no honest path needs them. */
const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

export function isForbidden(segment: string): boolean {
  return FORBIDDEN.has(segment);
}

/** A path from the root in the first spelling: `.Inputs.x` is `.inputs.x`, `.Steps.a.Outputs.b` is `.steps.a.outputs.b`. */
export function canonicalPath(segments: readonly string[]): string[] {
  const [first, ...rest] = segments;
  if (first === undefined) return [];
  const lowered = first.charAt(0).toLowerCase() + first.slice(1);
  const root = ROOTS.includes(lowered) ? lowered : first;
  const path = [root, ...rest];
  if (root === 'steps' && path[2] === 'Outputs') path[2] = 'outputs';
  if (root === 'event' && path[1] !== undefined && Object.hasOwn(EVENT_FIELDS, path[1]))
    path[1] = EVENT_FIELDS[path[1]]!;
  return path;
}

/** `.a.b`, as it is written in a template. */
export function showPath(segments: readonly string[]): string {
  return `.${segments.join('.')}`;
}
