import type { TakoRunSpec } from '../../api/takorun.ts';

/** What a run asks for that this version does not do: it is refused, since doing something else would be worse. */
export function unsupportedFields(spec: TakoRunSpec): string[] {
  const asked: [string, boolean][] = [['spec.dedupe: Tree', spec.dedupe === 'Tree']];
  return asked.filter(([, isAsked]) => isAsked).map(([field]) => field);
}

/** The sentence for the status; undefined when there is nothing to refuse. */
export function unsupportedMessage(spec: TakoRunSpec): string | undefined {
  const fields = unsupportedFields(spec);
  if (fields.length === 0) return undefined;
  return `this version of Tako does not act on ${fields.join(', ')}: leave it out and create the run anew (docs/limits.md)`;
}
