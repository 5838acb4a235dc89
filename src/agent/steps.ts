import type { StepStatus } from '../api/takorun.ts';
import { renderText, renderValue } from '../workflow/template/index.ts';
import { renderScript } from '../workflow/template/script.ts';
import type { FailureScript, FanOutStep, JsonValue, RunStep, Step, Workflow } from '../workflow/types.ts';
import type { AgentResult, Assignment } from './contract.ts';
import { PATHS, PROTOCOL_VERSION } from './contract.ts';
import {
  type CheckoutFacts,
  checkVariableName,
  environmentPrelude,
  type ResolvedEnv,
  takoVariables,
} from './environment.ts';
import { GatewayCallError, type GatewayClient } from './gateway-client.ts';
import { collectOutputs, environmentCapture, type StepOutputs } from './outputs.ts';
import type { StepContainer } from './protocol/container.ts';
import type { Mask } from './protocol/mask.ts';
import { describeOutcome, type ScriptOutcome } from './protocol/outcome.ts';

/** Captured for outputs; one byte more than an output may have, so that a longer one is noticed. */
const CAPTURE_BYTES = 64 * 1024 + 1;

export interface StepsOptions {
  readonly assignment: Assignment;
  readonly workflow: Workflow;
  readonly facts: CheckoutFacts;
  /** By step index. */
  readonly containerOf: (index: number) => StepContainer;
  readonly gateway: GatewayClient;
  readonly mask: Mask;
  /** Evaluates an `if`; rejects with a message for the user. */
  readonly evaluate: (expression: string, variables: Record<string, unknown>, signal: AbortSignal) => Promise<boolean>;
  /** Aborted with `timeout` as its reason at the deadline, with anything else when the Pod is being deleted. */
  readonly signal: AbortSignal;
  readonly graceMs: number;
}

/** The reason of the signal that ends a run at its deadline. */
export const TIMEOUT = new Error('the time limit of the run is over');

type StepEnd =
  | { readonly kind: 'succeeded'; readonly exitCode?: number; readonly waitFor?: true }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly exitCode?: number;
      readonly execution?: true;
    }
  | { readonly kind: 'stopped' };

/**
 * Runs the steps of a workflow one after the other and says how it ended. It never throws for what a step does. A step that exits
 * non-zero makes the run workflow_failed; a step that could not be run at all makes it execution_failed.
 */
export async function runSteps(options: StepsOptions): Promise<AgentResult> {
  const { workflow, signal, mask } = options;
  const statuses: StepStatus[] = [];
  const outputs: Record<string, StepOutputs> = {};
  const waitFor: string[] = [];
  const companions = new Companions();
  let failure: Extract<StepEnd, { kind: 'failed' }> | undefined;
  let failedStep: Step | undefined;

  for (const step of workflow.steps) {
    if (failure !== undefined || signal.aborted) {
      statuses.push({ id: step.id, phase: 'Skipped' });
      continue;
    }
    const started = performance.now();
    const end = await runStep(step);
    statuses.push(statusOf(step, end, performance.now() - started, signal, mask));
    if (end.kind === 'failed') {
      failure = end;
      failedStep = step;
      if (step.onFailure.length > 0 && !signal.aborted) await runFailureScripts(step);
    }
    if (end.kind === 'succeeded' && end.waitFor) waitFor.push(step.id);
  }
  await companions.stop();

  const flat = flatten(outputs, mask);
  const base = {
    protocol: PROTOCOL_VERSION,
    steps: statuses,
    ...(Object.keys(flat).length === 0 ? {} : { outputs: flat }),
  } as const;
  if (signal.aborted) {
    const timeout = signal.reason === TIMEOUT;
    return {
      ...base,
      state: 'failed',
      errorType: timeout ? 'timeout' : 'canceled',
      reason: timeout ? 'TimedOut' : 'Canceled',
      message: timeout ? 'the time limit of the run was reached' : 'the run was stopped',
    };
  }
  if (failure !== undefined) {
    return {
      ...base,
      state: 'failed',
      errorType: failure.execution === true ? 'execution_failed' : 'workflow_failed',
      reason: failure.reason,
      message: cut(mask.text(`step ${failedStep?.id}: ${failure.message}`)),
    };
  }
  return { ...base, state: 'succeeded', ...(waitFor.length === 0 ? {} : { waitFor }) };

  async function runStep(step: Step): Promise<StepEnd> {
    const scope = scopeFor({});
    if (step.if !== undefined) {
      try {
        const variables = { ...celVariables(scope), outputs: {} };
        if (!(await options.evaluate(step.if, variables, signal))) {
          return { kind: 'succeeded', skipped: true } as StepEnd;
        }
      } catch (error) {
        return { kind: 'failed', reason: 'ConditionFailed', message: `if: ${messageOf(error)}` };
      }
    }
    switch (step.kind) {
      case 'run':
        return await runScriptStep(step);
      case 'uses':
        if (step.uses === 'tako/fan-out@v1') return await fanOut(step);
        return {
          kind: 'failed',
          execution: true,
          reason: 'UnsupportedStep',
          message: `${step.uses} cannot be run by this version of Tako`,
        };
    }
  }

  async function runScriptStep(step: RunStep): Promise<StepEnd> {
    const script = prepare(step.run, step, step.index);
    if (!script.ok) return { kind: 'failed', reason: 'InvalidScript', message: script.message };
    const container = options.containerOf(step.index);
    if (step.longRunning) {
      companions.start(step.id, stop => container.run(script.script, { signal: stop, graceMs: options.graceMs }));
      return { kind: 'succeeded' };
    }
    const sources = Object.values(step.produces.outputs);
    const outcome = await container.run(script.script, {
      signal,
      graceMs: options.graceMs,
      startTimeoutMs: options.assignment.startTimeoutMs,
      capture: {
        stdoutBytes: sources.some(source => source.kind === 'stdout') ? CAPTURE_BYTES : 0,
        stderrBytes: sources.some(source => source.kind === 'stderr') ? CAPTURE_BYTES : 0,
      },
    });
    const end = endOf(outcome);
    if (end.kind !== 'succeeded' || sources.length === 0) return end;
    const collected = await collectOutputs({
      step,
      outcome: outcome as Extract<ScriptOutcome, { kind: 'exited' }>,
      container,
      signal,
      render: (text, own) => renderText(text, { ...scopeFor(step.env), outputs: own }),
    });
    if (!collected.ok) return { kind: 'failed', reason: 'OutputFailed', message: collected.message };
    outputs[step.id] = collected.outputs;
    return end;
  }

  async function runFailureScripts(step: Step): Promise<void> {
    for (const script of step.onFailure) {
      const started = performance.now();
      const end = await runFailureScript(step, script);
      statuses.push(statusOf({ id: script.id }, end, performance.now() - started, signal, mask));
      if (end.kind !== 'succeeded') return;
    }
  }

  async function runFailureScript(step: Step, script: FailureScript): Promise<StepEnd> {
    const prepared = prepare(script.run, { ...step, env: { ...step.env, ...script.env } }, undefined);
    if (!prepared.ok) return { kind: 'failed', reason: 'InvalidScript', message: prepared.message };
    return endOf(await options.containerOf(step.index).run(prepared.script, { signal, graceMs: options.graceMs }));
  }

  function prepare(
    source: string,
    step: Pick<Step, 'env' | 'produces'>,
    capture: number | undefined,
  ): { ok: true; script: { prelude: string; body: string } } | { ok: false; message: string } {
    const env = resolveEnv(step.env);
    if (!env.ok) return env;
    const rendered = renderScript(source, scopeFor(step.env));
    if (!rendered.ok) return { ok: false, message: rendered.errors.map(error => error.message).join('; ') };
    const prelude = [
      environmentPrelude(takoVariables(options.assignment, options.facts), env.env),
      ...(capture === undefined ? [] : environmentCapture(step.produces.outputs, capture)),
      rendered.prelude,
    ];
    return { ok: true, script: { prelude: prelude.join('\n'), body: rendered.body } };
  }

  function resolveEnv(
    own: Step['env'],
  ): { ok: true; env: Record<string, ResolvedEnv> } | { ok: false; message: string } {
    const env: Record<string, ResolvedEnv> = {};
    const all = {
      ...Object.fromEntries(
        Object.entries(workflow.env).map(([name, value]) => [name, { kind: 'literal' as const, value }]),
      ),
      ...own,
    };
    for (const [name, value] of Object.entries(all)) {
      const problem = checkVariableName(name);
      if (problem !== undefined) return { ok: false, message: problem };
      if (value.kind === 'secret') {
        env[name] = value;
        continue;
      }
      const text = renderText(value.value, scopeFor({}));
      if (!text.ok) return { ok: false, message: `env.${name}: ${text.error.message}` };
      env[name] = { kind: 'literal', value: text.value };
    }
    return { ok: true, env };
  }

  async function fanOut(step: FanOutStep): Promise<StepEnd> {
    const scope = scopeFor(step.env);
    const type = renderText(step.with.eventType, scope);
    if (!type.ok) return { kind: 'failed', reason: 'InvalidEvent', message: `event_type: ${type.error.message}` };
    const declared = declaredEvent(workflow, step, type.value);
    const version = declared.schemaVersion === undefined ? undefined : renderText(declared.schemaVersion, scope);
    if (version?.ok === false)
      return { kind: 'failed', reason: 'InvalidEvent', message: `schema_version: ${version.error.message}` };
    const payload = renderValue(
      declared.payload,
      declared.step === undefined ? scope : { ...scope, outputs: outputs[declared.step] ?? {} },
    );
    if (!payload.ok) return { kind: 'failed', reason: 'InvalidEvent', message: `payload: ${payload.error.message}` };
    try {
      const state = await options.gateway.fanOut(
        step.id,
        {
          type: type.value,
          ...(version === undefined ? {} : { schemaVersion: version.value }),
          artifact: declared.artifact,
          payload: payload.value as JsonValue,
          waitForChildren: step.with.waitForChildren,
          ...(step.with.timeoutMs === undefined ? {} : { timeoutMs: step.with.timeoutMs }),
          ...(step.with.concurrencyLimit === undefined ? {} : { concurrencyLimit: step.with.concurrencyLimit }),
          ...(step.with.idempotent ? { idempotent: true } : {}),
        },
        signal,
      );
      if (!step.with.waitForChildren) return { kind: 'succeeded' };
      if (step === workflow.steps.at(-1)) return { kind: 'succeeded', waitFor: true };
      const ended = state.finished ? state : await options.gateway.waitForFanOut(step.id, signal);
      if (ended.phase === 'Succeeded') return { kind: 'succeeded' };
      return {
        kind: 'failed',
        reason: 'ChildrenFailed',
        message: ended.message ?? `the fan-out ended as ${ended.phase}`,
      };
    } catch (error) {
      if (signal.aborted) return { kind: 'stopped' };
      const reason = error instanceof GatewayCallError ? error.reason : 'GatewayUnreachable';
      return { kind: 'failed', execution: true, reason, message: messageOf(error) };
    }
  }

  function endOf(outcome: ScriptOutcome): StepEnd {
    if (signal.aborted) return { kind: 'stopped' };
    if (outcome.kind === 'exited' && outcome.code === 0) return { kind: 'succeeded', exitCode: 0 };
    const message = describeOutcome(outcome);
    switch (outcome.kind) {
      case 'exited':
        return { kind: 'failed', reason: 'StepFailed', message, exitCode: outcome.code };
      case 'supervisorLost':
        return { kind: 'failed', reason: 'StepLost', message };
      case 'containerDied':
        return { kind: 'failed', reason: 'StepContainerDied', message };
      case 'neverStarted':
        return { kind: 'failed', execution: true, reason: 'StepNotStarted', message };
    }
  }

  function scopeFor(own: Step['env']): Record<string, unknown> {
    const { assignment } = options;
    const literal: Record<string, string> = { ...workflow.env };
    for (const [name, value] of Object.entries(own)) if (value.kind === 'literal') literal[name] = value.value;
    const trigger = assignment.trigger;
    return {
      inputs: assignment.inputs,
      steps: Object.fromEntries(Object.entries(outputs).map(([id, values]) => [id, { outputs: values }])),
      outputs: {},
      env: literal,
      event:
        trigger === undefined
          ? {}
          : {
              type: trigger.type,
              source: trigger.source,
              schema_version: trigger.schemaVersion ?? '',
              payload: trigger.payload ?? {},
            },
      payload: trigger?.payload ?? {},
      trigger: {
        repository: assignment.repository.slug,
        commit: assignment.repository.commit,
        tag: options.facts.tag ?? '',
        run_id: assignment.run.runId,
      },
      artifacts: {},
    };
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

/** Long-running steps: they run beside the others and are stopped at the end. */
class Companions {
  readonly #running = new Map<string, { stop: AbortController; done: Promise<ScriptOutcome> }>();

  start(id: string, run: (signal: AbortSignal) => Promise<ScriptOutcome>): void {
    const stop = new AbortController();
    this.#running.set(id, { stop, done: run(stop.signal) });
  }

  async stop(): Promise<void> {
    for (const { stop } of this.#running.values()) stop.abort();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }
}

function statusOf(step: { id: string }, end: StepEnd, ms: number, signal: AbortSignal, mask: Mask): StepStatus {
  const durationMilliseconds = Math.round(ms);
  switch (end.kind) {
    case 'succeeded':
      return {
        id: step.id,
        phase: 'skipped' in end ? 'Skipped' : 'Succeeded',
        ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
        durationMilliseconds,
      };
    case 'failed':
      return {
        id: step.id,
        phase: 'Failed',
        ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
        durationMilliseconds,
        message: cut(mask.text(end.message)),
      };
    case 'stopped':
      return { id: step.id, phase: signal.reason === TIMEOUT ? 'TimedOut' : 'Canceled', durationMilliseconds };
  }
}

function celVariables(scope: Record<string, unknown>): Record<string, unknown> {
  const { inputs, steps, env, event, payload } = scope;
  return { inputs, steps, env, event, payload };
}

function flatten(outputs: Record<string, StepOutputs>, mask: Mask): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [id, values] of Object.entries(outputs)) {
    for (const [name, value] of Object.entries(values)) flat[`${id}.${name}`] = mask.text(value);
  }
  return flat;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function cut(text: string): string {
  return text.length <= 1_000 ? text : `${text.slice(0, 999)}…`;
}

export { PATHS };
