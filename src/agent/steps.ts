import type { StepStatus } from '../api/takorun-status.ts';
import type { CelVariables } from '../workflow/cel/variables.ts';
import { renderText } from '../workflow/template/index.ts';
import { renderScript } from '../workflow/template/script.ts';
import type { EnvValue, FailureScript, RunStep, Step, Workflow } from '../workflow/types.ts';
import { createCompanions } from './companions.ts';
import { type AgentResult, type Assignment, type CheckoutFacts, PATHS, PROTOCOL_VERSION } from './contract.ts';
import { environmentPrelude, takoVariables } from './environment.ts';
import { runFanOut } from './fan-out-step.ts';
import type { GatewayClient } from './gateway-client.ts';
import { CAPTURE_BYTES, collectOutputs, environmentCapture, type StepOutputs } from './outputs.ts';
import type { StepContainer } from './protocol/container.ts';
import type { Mask } from './protocol/mask.ts';
import type { Script } from './protocol/script.ts';
import { createTail } from './protocol/tail.ts';
import { conditionVariables, resolveEnv, type Scope, type ScopeSource, templateScope } from './scope.ts';
import {
  cut,
  endOfScript,
  messageOf,
  type StepEnd,
  type StepFailure,
  stepStatus,
  TIMEOUT,
  withOutput,
} from './step-end.ts';

export interface StepsOptions {
  readonly assignment: Assignment;
  readonly workflow: Workflow;
  readonly facts: CheckoutFacts;
  /** The container of a step's scripts, by the step's index. */
  readonly containerOf: (index: number) => StepContainer;
  readonly gateway: Pick<GatewayClient, 'fanOut' | 'waitForFanOut'>;
  readonly mask: Mask;
  /** Evaluates an `if`; rejects with a message for the user. */
  readonly evaluate: (expression: string, variables: CelVariables, signal: AbortSignal) => Promise<boolean>;
  /** Aborted with `TIMEOUT` as its reason at the deadline, with anything else when the Pod is being deleted. */
  readonly signal: AbortSignal;
  /** From TERM to KILL, milliseconds. */
  readonly graceMs: number;
  /** The workspace as the steps see it. Default: that of a run's Pod. */
  readonly workspace?: string;
}

/**
 * Runs the steps of a workflow one after the other and says how it ended. It never throws for what a step does. A step that exits
 * non-zero makes the run workflow_failed; a step that could not be run at all makes it execution_failed.
 */
export async function runSteps(options: StepsOptions): Promise<AgentResult> {
  const { assignment, workflow, facts, signal, mask, graceMs, workspace = PATHS.workspace } = options;
  const statuses: StepStatus[] = [];
  const outputs: Record<string, StepOutputs> = {};
  const waitFor: string[] = [];
  const companions = createCompanions(signal);
  const source: ScopeSource = { assignment, workflow, facts, outputs };
  let failure: { step: Step; end: StepFailure } | undefined;
  let stopped: { step: Step; output: string | undefined } | undefined;

  for (const step of workflow.steps) {
    if (failure !== undefined || signal.aborted) {
      statuses.push({ id: step.id, phase: 'Skipped' });
      continue;
    }
    const end = await timed(step.id, () => runStep(step));
    if (end.kind === 'failed') {
      failure = { step, end };
      await runFailureScripts(step);
    }
    if (end.kind === 'stopped') stopped = { step, output: end.output };
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
    const message = timeout ? 'the time limit of the run was reached' : 'the run was stopped';
    return {
      ...base,
      state: 'failed',
      errorType: timeout ? 'timeout' : 'canceled',
      reason: timeout ? 'TimedOut' : 'Canceled',
      message: stopped === undefined ? message : `${message} in step ${stopped.step.id}`,
      ...outputOf(stopped?.output),
    };
  }
  if (failure !== undefined) {
    const { step, end } = failure;
    return {
      ...base,
      state: 'failed',
      errorType: end.execution === true ? 'execution_failed' : 'workflow_failed',
      reason: end.reason,
      message: cut(mask.text(`step ${step.id}: ${end.message}`)),
      ...outputOf(end.output),
    };
  }
  return { ...base, state: 'succeeded', ...(waitFor.length === 0 ? {} : { waitFor }) };

  /** Masked again: what was taken out of the lines may have stood in the middle of a secret. */
  function outputOf(output: string | undefined): Pick<AgentResult, 'output'> {
    return output === undefined ? {} : { output: cut(mask.text(output)) };
  }

  async function timed(id: string, run: () => Promise<StepEnd>): Promise<StepEnd> {
    const started = performance.now();
    const end = await run();
    statuses.push(stepStatus(id, end, performance.now() - started, signal, mask));
    return end;
  }

  async function runStep(step: Step): Promise<StepEnd> {
    const unmet = await checkCondition(step.if);
    if (unmet !== undefined) return unmet;
    switch (step.kind) {
      case 'run':
        return await runScriptStep(step);
      case 'uses': {
        if (step.uses !== 'tako/fan-out@v1') {
          const message = `${step.uses} cannot be run by this version of Tako`;
          return { kind: 'failed', execution: true, reason: 'UnsupportedStep', message };
        }
        const env = resolveEnv(source, step.env);
        if (!env.ok) return { kind: 'failed', reason: 'InvalidEvent', message: env.message };
        const scope = templateScope(source, env.literals);
        return await runFanOut({ step, workflow, scope, outputs, gateway: options.gateway, signal });
      }
    }
  }

  /** How a step or script ends that is not to run; undefined when it is. */
  async function checkCondition(expression: string | undefined): Promise<StepEnd | undefined> {
    if (expression === undefined) return undefined;
    try {
      return (await options.evaluate(expression, conditionVariables(source), signal)) ? undefined : { kind: 'skipped' };
    } catch (error) {
      if (signal.aborted) return { kind: 'stopped' };
      return { kind: 'failed', reason: 'ConditionFailed', message: `if: ${messageOf(error)}` };
    }
  }

  async function runScriptStep(step: RunStep): Promise<StepEnd> {
    const prepared = prepare(step.run, step.env, environmentCapture(step, workspace));
    if (!prepared.ok) return { kind: 'failed', reason: 'InvalidScript', message: prepared.message };
    const { script, scope } = prepared;
    const container = options.containerOf(step.index);
    if (step.longRunning) {
      companions.start(stop => container.run(script, { signal: stop, graceMs }));
      return { kind: 'succeeded' };
    }
    const kinds = new Set(Object.values(step.produces.outputs).map(({ kind }) => kind));
    const tail = createTail();
    const outcome = await container.run(script, {
      signal,
      graceMs,
      startTimeoutMs: assignment.startTimeoutMs,
      onMasked: tail.push,
      capture: {
        stdoutBytes: kinds.has('stdout') ? CAPTURE_BYTES : 0,
        stderrBytes: kinds.has('stderr') ? CAPTURE_BYTES : 0,
      },
    });
    const end = withOutput(endOfScript(outcome, signal), tail.text());
    if (end.kind !== 'succeeded' || outcome.kind !== 'exited' || kinds.size === 0) return end;
    const render = (text: string, own: StepOutputs) => renderText(text, { ...scope, outputs: own });
    const collected = await collectOutputs({ step, outcome, container, workspace, signal, render });
    if (signal.aborted) return { kind: 'stopped' };
    if (!collected.ok) return { kind: 'failed', reason: 'OutputFailed', message: collected.message };
    outputs[step.id] = collected.outputs;
    return end;
  }

  /** In order, until one fails. */
  async function runFailureScripts(step: Step): Promise<void> {
    for (const script of step.onFailure) {
      if (signal.aborted) return;
      const end = await timed(script.id, () => runFailureScript(step, script));
      if (end.kind === 'failed' || end.kind === 'stopped') return;
    }
  }

  async function runFailureScript(step: Step, script: FailureScript): Promise<StepEnd> {
    const unmet = await checkCondition(script.if);
    if (unmet !== undefined) return unmet;
    const prepared = prepare(script.run, { ...step.env, ...script.env }, []);
    if (!prepared.ok) return { kind: 'failed', reason: 'InvalidScript', message: prepared.message };
    const { startTimeoutMs } = assignment;
    const container = options.containerOf(step.index);
    return endOfScript(await container.run(prepared.script, { signal, graceMs, startTimeoutMs }), signal);
  }

  function prepare(
    text: string,
    own: Readonly<Record<string, EnvValue>>,
    capture: readonly string[],
  ): { ok: true; script: Script; scope: Scope } | { ok: false; message: string } {
    const env = resolveEnv(source, own);
    if (!env.ok) return env;
    const scope = templateScope(source, env.literals);
    const rendered = renderScript(text, scope);
    if (!rendered.ok) return { ok: false, message: rendered.errors.map(error => error.message).join('; ') };
    const head = environmentPrelude(workspace, takoVariables(assignment, facts, workspace), env.env);
    const prelude = [head, ...capture, rendered.prelude].join('\n');
    return { ok: true, script: { prelude, body: rendered.body }, scope };
  }
}

function flatten(outputs: Record<string, StepOutputs>, mask: Mask): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [id, values] of Object.entries(outputs)) {
    for (const [name, value] of Object.entries(values)) flat[`${id}.${name}`] = mask.text(value);
  }
  return flat;
}
