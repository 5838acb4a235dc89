import { MAX_INPUT_BYTES, type RunEvent } from '../api/takorun.ts';
import type { SkippedSubscriber } from '../api/takorun-status.ts';
import { renderText } from '../workflow/template/index.ts';
import { canonicalJson } from './fingerprint.ts';
import { skip } from './match.ts';
import type { Subscriber } from './subscribers.ts';

/** A subscription that matched, with the inputs of the run that it starts. */
export interface ResolvedSubscriber {
  readonly subscriber: Subscriber;
  /** As strings; the run converts them to the types that its workflow declares. */
  readonly inputs: Readonly<Record<string, string>>;
}

export type InputsResult =
  | { readonly ok: true; readonly inputs: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly message: string };

/**
 * Renders the inputs of a subscription for an event. The templates see `.event` {type, schema_version, source, payload} and `.payload`, nothing
 * of the emitter beyond that. All inputs together have at most `MAX_INPUT_BYTES` bytes of canonical JSON.
 */
export function childInputs(templates: Readonly<Record<string, string>>, event: RunEvent): InputsResult {
  const scope = templateScope(event);
  const inputs: [string, string][] = [];
  for (const [name, template] of Object.entries(templates)) {
    const rendered = renderText(template, scope, { maxBytes: MAX_INPUT_BYTES });
    if (!rendered.ok) return { ok: false, message: `input ${name}: ${rendered.error.message}` };
    inputs.push([name, rendered.value]);
  }
  return bounded(Object.fromEntries(inputs));
}

function templateScope({ type, schemaVersion, source, payload }: RunEvent): Record<string, unknown> {
  return { event: { type, schema_version: schemaVersion, source, payload }, payload };
}

function bounded(inputs: Readonly<Record<string, string>>): InputsResult {
  const bytes = Buffer.byteLength(canonicalJson(inputs));
  if (bytes <= MAX_INPUT_BYTES) return { ok: true, inputs };
  return { ok: false, message: `the inputs have ${bytes} bytes, at most ${MAX_INPUT_BYTES} are allowed` };
}

/** Third stage: the inputs of all that matched. One whose templates fail is skipped with an `InputError`. */
export function resolveInputs(
  matched: readonly Subscriber[],
  event: RunEvent,
): { readonly resolved: readonly ResolvedSubscriber[]; readonly skipped: readonly SkippedSubscriber[] } {
  const resolved: ResolvedSubscriber[] = [];
  const skipped: SkippedSubscriber[] = [];
  for (const subscriber of matched) {
    const result = childInputs(subscriber.subscription.inputs ?? {}, event);
    if (result.ok) resolved.push({ subscriber, inputs: result.inputs });
    else skipped.push(skip(subscriber, 'InputError', result.message));
  }
  return { resolved, skipped };
}
