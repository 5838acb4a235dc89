import { releasesPod } from '../fanout/last-position.ts';
import { renderText, renderValue } from '../workflow/template/index.ts';
import type { FanOutStep, JsonValue, Workflow } from '../workflow/types.ts';
import { GatewayCallError, type GatewayClient } from './gateway-client.ts';
import type { StepOutputs } from './outputs.ts';
import type { Scope } from './scope.ts';
import { messageOf, type StepEnd } from './step-end.ts';

export interface FanOutStepOptions {
  readonly step: FanOutStep;
  readonly workflow: Workflow;
  readonly scope: Scope;
  /** Of the steps so far, by id. */
  readonly outputs: Readonly<Record<string, StepOutputs>>;
  readonly gateway: Pick<GatewayClient, 'fanOut' | 'waitForFanOut'>;
  readonly signal: AbortSignal;
}

/** Emits the event of a `tako/fan-out@v1` step, and waits for the children unless the run can do that without its Pod. */
export async function runFanOut({
  step,
  workflow,
  scope,
  outputs,
  gateway,
  signal,
}: FanOutStepOptions): Promise<StepEnd> {
  const invalid = (what: string, error: { message: string }): StepEnd => ({
    kind: 'failed',
    reason: 'InvalidEvent',
    message: `${what}: ${error.message}`,
  });
  const type = renderText(step.with.eventType, scope);
  if (!type.ok) return invalid('event_type', type.error);
  const declared = declaredEvent(workflow, step, type.value);
  const version = declared.schemaVersion === undefined ? undefined : renderText(declared.schemaVersion, scope);
  if (version?.ok === false) return invalid('schema_version', version.error);
  const payload = renderValue(
    declared.payload,
    declared.step === undefined ? scope : { ...scope, outputs: outputs[declared.step] ?? {} },
  );
  if (!payload.ok) return invalid('payload', payload.error);

  const { waitForChildren, timeoutMs, concurrencyLimit, idempotent } = step.with;
  try {
    const state = await gateway.fanOut(
      step.id,
      {
        type: type.value,
        ...(version === undefined ? {} : { schemaVersion: version.value }),
        artifact: declared.artifact,
        payload: payload.value as JsonValue,
        waitForChildren,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(concurrencyLimit === undefined ? {} : { concurrencyLimit }),
        ...(idempotent ? { idempotent: true } : {}),
      },
      signal,
    );
    if (!waitForChildren) return { kind: 'succeeded' };
    if (releasesPod(workflow.steps, step.index)) return { kind: 'succeeded', waitFor: true };
    const ended = state.finished ? state : await gateway.waitForFanOut(step.id, state.run, signal);
    if (ended.phase === 'Succeeded') return { kind: 'succeeded' };
    const message = ended.message ?? `the fan-out ended as ${ended.phase}`;
    return ended.errorType === 'execution_failed'
      ? { kind: 'failed', execution: true, reason: 'FanOutFailed', message }
      : { kind: 'failed', reason: 'ChildrenFailed', message };
  } catch (error) {
    if (signal.aborted) return { kind: 'stopped' };
    const reason = error instanceof GatewayCallError ? error.reason : 'GatewayUnreachable';
    return { kind: 'failed', execution: true, reason, message: messageOf(error) };
  }
}

/**
 * The event of a fan-out step: its own `with`, completed by the nearest earlier step that declares an event of that type under
 * `produces.events`. `step` is the step whose outputs the payload's `.outputs` means.
 */
function declaredEvent(workflow: Workflow, fanOut: FanOutStep, type: string) {
  const producers = workflow.steps.slice(0, fanOut.index).reverse();
  const producer = producers.find(step => step.produces.events.some(event => event.type === type));
  const declared = producer?.produces.events.find(event => event.type === type);
  const ownPayload = Object.keys(fanOut.with.payload).length > 0;
  return {
    artifact: fanOut.with.artifact ?? producer?.produces.artifact ?? 'default',
    schemaVersion: fanOut.with.schemaVersion ?? declared?.schemaVersion,
    payload: ownPayload ? fanOut.with.payload : (declared?.payload ?? {}),
    step: ownPayload ? undefined : producer?.id,
  };
}
