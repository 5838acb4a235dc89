import type { AgentResult, ResultBody } from '../../agent/contract.ts';
import { ANNOTATIONS, LABELS } from '../../api/meta.ts';
import type { Attempt, ErrorType, Phase, TakoRunStatus } from '../../api/takorun.ts';
import { isTerminal } from '../../api/takorun.ts';
import { type Completion, type PodOutcome, workflowCompletion } from '../../fanout/completion.ts';
import { inheritedDeadline, runDeadline } from '../../fanout/deadline.ts';
import { mergeErrors } from '../../fanout/errors.ts';
import { addSummaries, addTreeSummaries, childrenText } from '../../fanout/summary.ts';
import type { Action, Decision, EventIntent } from './decision.ts';
import { NOTHING } from './decision.ts';
import { milliseconds } from './durations.ts';
import { runIdOf } from './identity.ts';
import type { LiveRepository, LiveRun, ObservedPod } from './observed.ts';
import type { RunOptions } from './options.ts';
import { planFinished, releaseActions } from './plan-finished.ts';
import { buildPod, type PodInput } from './pod.ts';
import { type ContainerProblem, type PodState, podState } from './pod-state.ts';
import type { Preparation, PreparedWorkflow } from './prepare.ts';
import { parseResult } from './result.ts';
import { rfc3339, type StatusBody } from './status.ts';

/** All that a decision about a workflow run rests on. */
export interface WorkflowObservation {
  readonly run: LiveRun;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly options: RunOptions;
  /** Pods that the run controls. */
  readonly pods: readonly ObservedPod[];
  /** Event runs that its fan-out steps created. */
  readonly fanOuts: readonly LiveRun[];
  /** False when the parent or the root is gone or going: nothing starts any more, garbage collection does the rest. */
  readonly wanted: boolean;
  /** Only looked up while there is no Pod. */
  readonly preparation?: Preparation | undefined;
  readonly repository?: LiveRepository | undefined;
  /** Whether the fan-out that started the run has a place for it. */
  readonly admitted: boolean;
  /** The result that the agent stored because it did not fit; only when its message says so. */
  readonly stored?: ResultBody | 'missing' | undefined;
  readonly trigger?: PodInput['trigger'];
  readonly gatewayCa: string;
}

/** A Pod that does not run after this long is worth a status of its own; before, it is just starting. Milliseconds. */
const QUIET_START_MS = 3_000;
/** What an agent gets beyond the deadline to report by itself, milliseconds. */
const DEADLINE_BACKSTOP_MS = 45_000;
/** How long a fan-out that the agent names may be unknown to our store, milliseconds. */
const FAN_OUT_VISIBLE_MS = 30_000;
const MAX_LISTED_STEPS = 64;
const MAX_LISTED_OUTPUTS = 64;
const MAX_OUTPUT_LENGTH = 4_096;

/** Decides what happens next with a run of a workflow. Pure: the same observation gives the same decision. */
export function planWorkflowRun(observation: WorkflowObservation): Decision {
  const { run, pods } = observation;
  if (isTerminal(run.status?.phase)) return planFinished({ ...observation, children: observation.fanOuts });
  if (!observation.wanted) return NOTHING;
  if (run.status?.phase === 'Waiting')
    return finish(observation, { state: 'succeeded', waitFor: waitingSteps(observation) }, {});
  const pod = [...pods].sort((a, b) => attemptOf(a) - attemptOf(b)).at(-1);
  if (pod !== undefined) return planPod(observation, pod, podState(pod));
  if ((run.status?.attempts?.length ?? 0) > 0) {
    return end(
      observation,
      'Failed',
      'execution_failed',
      'PodLost',
      'the Pod of the run was removed and its result with it: was its finalizer taken off?',
    );
  }
  return planStart(observation);
}

function planStart(observation: WorkflowObservation): Decision {
  const { run, now, preparation, options } = observation;
  const deadlineMs = deadlineOf(observation, undefined);
  if (run.spec.cancel === true)
    return end(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled before it started');
  if (now >= deadlineMs) {
    return end(
      observation,
      'TimedOut',
      'timeout',
      'DeadlineExceeded',
      'the time limit was over before the run could start',
      { timeoutExceeded: true },
    );
  }
  if (run.spec.suspend === true)
    return hold(observation, 'Pending', 'Suspended', 'the run is suspended: set spec.suspend to false to start it');
  if (preparation === undefined) return NOTHING;
  switch (preparation.kind) {
    case 'failed':
      return end(observation, 'Failed', 'execution_failed', preparation.reason, preparation.message);
    case 'waiting': {
      const left = Date.parse(run.metadata.creationTimestamp) + options.repositoryTimeoutMs - now;
      if (left <= 0) return end(observation, 'Failed', 'execution_failed', preparation.reason, preparation.message);
      return {
        ...hold(observation, 'Pending', preparation.reason, preparation.message, true),
        requeueAfterMs: Math.min(left, 5_000),
      };
    }
    case 'ready':
      if (!observation.admitted) {
        return hold(
          observation,
          'Queued',
          'ConcurrencyLimit',
          'waiting for its turn: the concurrency limit of the fan-out is reached',
        );
      }
      return start(observation, preparation, deadlineMs);
  }
}

function start(observation: WorkflowObservation, prepared: PreparedWorkflow, deadlineMs: number): Decision {
  const { run, repository, now } = observation;
  if (repository === undefined) return NOTHING;
  const pod = buildPod({
    run,
    repository,
    slug: prepared.slug,
    workflow: prepared.workflow,
    containers: prepared.containers,
    inputs: prepared.inputs,
    trigger: observation.trigger,
    commit: prepared.commit,
    configDigest: prepared.configDigest,
    runId: runIdOf(run.metadata),
    attempt: 1,
    deadline: rfc3339(deadlineMs),
    remainingSeconds: (deadlineMs - now) / 1_000,
    gatewayCa: observation.gatewayCa,
    options: observation.options,
  });
  return { ...NOTHING, before: [{ kind: 'createPod', pod }], requeueAfterMs: QUIET_START_MS };
}

function planPod(observation: WorkflowObservation, pod: ObservedPod, state: PodState): Decision {
  const { run, now, options } = observation;
  const created = Date.parse(pod.metadata.creationTimestamp);
  const remove: Action = { kind: 'deletePod', name: pod.metadata.name, uid: pod.metadata.uid };
  const going = pod.metadata.deletionTimestamp !== undefined;
  const attempt = recordAttempt(observation, pod);

  if (state.kind === 'finished') return planResult(observation, pod, state);
  if (state.kind === 'lost') {
    if (run.spec.cancel === true)
      return end(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled', attempt);
    if (state.reason === 'DeadlineExceeded') return timedOut(observation, pod);
    return end(observation, 'Failed', 'execution_failed', reasonWord(state.reason), state.message, attempt);
  }
  if (going) {
    const gone = Date.parse(pod.metadata.deletionTimestamp!) + options.gracePeriodMs;
    if (now < gone) return { ...NOTHING, requeueAfterMs: gone - now };
    const [phase, type, message] =
      run.spec.cancel === true
        ? (['Canceled', 'canceled', 'the run was canceled'] as const)
        : (['Failed', 'execution_failed', 'the Pod of the run was deleted while it ran'] as const);
    return end(observation, phase, type, phase === 'Canceled' ? 'Canceled' : 'PodDeleted', message, attempt);
  }
  if (run.spec.cancel === true) {
    return {
      ...hold(observation, currentPhase(run), 'Canceling', 'the run is being canceled', false, attempt),
      before: [remove],
    };
  }
  const deadlineMs = deadlineOf(observation, created);
  if (now >= deadlineMs + DEADLINE_BACKSTOP_MS) return { ...timedOut(observation, pod), before: [remove] };

  const problem = state.problem?.reason === 'OOMKilled' ? undefined : state.problem;
  if (problem !== undefined) return planProblem(observation, pod, problem, attempt);
  const backstop = deadlineMs + DEADLINE_BACKSTOP_MS - now;
  if (state.kind === 'running') {
    return {
      ...hold(observation, 'Running', 'Running', 'the steps are running', false, attempt),
      requeueAfterMs: backstop,
    };
  }
  if (now - created < QUIET_START_MS) return { ...NOTHING, requeueAfterMs: QUIET_START_MS };
  if (now - created >= options.startTimeoutMs) {
    const message = 'the Pod did not start in time and the node does not say why: look at its events';
    return { ...end(observation, 'Failed', 'execution_failed', 'PodNotStarted', message, attempt), before: [remove] };
  }
  return {
    ...hold(observation, 'Pending', 'PodStarting', 'the Pod is starting', false, attempt),
    requeueAfterMs: options.startTimeoutMs - (now - created),
  };
}

/** A container that cannot start: at once when waiting cannot help, else after the time that an administrator allows. */
function planProblem(
  observation: WorkflowObservation,
  pod: ObservedPod,
  problem: ContainerProblem,
  attempt: Partial<StatusBody>,
): Decision {
  const { now, options } = observation;
  const left = Date.parse(pod.metadata.creationTimestamp) + options.startTimeoutMs - now;
  if (!problem.fatal && left > 0) {
    return {
      ...hold(observation, 'Pending', reasonWord(problem.reason), problem.message, true, attempt),
      requeueAfterMs: left,
    };
  }
  return {
    ...end(observation, 'Failed', 'execution_failed', reasonWord(problem.reason), problem.message, attempt),
    before: [{ kind: 'deletePod', name: pod.metadata.name, uid: pod.metadata.uid }],
  };
}

function planResult(
  observation: WorkflowObservation,
  pod: ObservedPod,
  state: Extract<PodState, { kind: 'finished' }>,
): Decision {
  const attempt = recordAttempt(observation, pod);
  const result = parseResult(state.message);
  if (result === undefined) {
    if (observation.run.spec.cancel === true)
      return end(observation, 'Canceled', 'canceled', 'Canceled', 'the run was canceled', attempt);
    const cause =
      state.problem?.message ?? `exit code ${state.exitCode}${state.reason === '' ? '' : `, ${state.reason}`}`;
    return end(
      observation,
      'Failed',
      'execution_failed',
      'AgentFailed',
      `the agent ended without a result: ${cause}`,
      attempt,
    );
  }
  if (result.ref !== undefined && observation.stored === 'missing') {
    const message = `the ConfigMap ${result.ref.name} with the result is missing or does not match its digest`;
    return end(observation, 'Failed', 'execution_failed', 'ResultLost', message, attempt);
  }
  const body = result.ref !== undefined && typeof observation.stored === 'object' ? observation.stored : result;
  return finish(observation, explained(result, state.problem), {
    ...attempt,
    ...resultStatus(body, result.ref),
  });
}

/** A killed step looks like exit code 137; the kubelet knows that it was the memory limit. */
function explained(result: AgentResult, problem: ContainerProblem | undefined): AgentResult {
  if (result.state === 'succeeded' || problem?.reason !== 'OOMKilled') return result;
  return { ...result, reason: 'OOMKilled', message: `${result.message ?? 'a step failed'} (${problem.message})` };
}

/** The agent has spoken; what is left are the fan-outs that the run waits for. */
function finish(
  observation: WorkflowObservation,
  agent: Pick<AgentResult, 'state' | 'errorType' | 'reason' | 'message' | 'waitFor'>,
  changes: Partial<StatusBody>,
): Decision {
  const { run, now, fanOuts } = observation;
  const byStep = new Map(fanOuts.map(fanOut => [fanOut.spec.parent?.step ?? '', fanOut]));
  const unseen = (agent.waitFor ?? []).filter(step => !byStep.has(step));
  const podsDone = now - latestPodTime(observation);
  if (unseen.length > 0 && podsDone < FAN_OUT_VISIBLE_MS) return { ...NOTHING, requeueAfterMs: 1_000 };

  const summary = addSummaries(...fanOuts.map(fanOut => fanOut.status?.childrenSummary ?? EMPTY_SUMMARY));
  const errors = mergeErrors(
    fanOuts.map(fanOut => ({
      errors: fanOut.status?.detailedErrors ?? [],
      omitted: fanOut.status?.detailedErrorsOmitted ?? 0,
    })),
  );
  const below: Partial<StatusBody> =
    fanOuts.length === 0
      ? {}
      : {
          childrenSummary: summary,
          treeSummary: addTreeSummaries(...fanOuts.map(fanOut => fanOut.status?.treeSummary ?? EMPTY_TREE)),
          children: childrenText(summary),
          ...(errors.errors.length === 0 ? {} : { detailedErrors: [...errors.errors] }),
          ...(errors.omitted === 0 ? {} : { detailedErrorsOmitted: errors.omitted }),
        };
  const completion = workflowCompletion({
    pod: podOutcome(agent, run),
    fanOuts: new Map([...byStep].map(([step, fanOut]) => [step, { ...fanOut.status, phase: fanOut.status?.phase }])),
    cancel: run.spec.cancel === true,
    deadlineMs: deadlineOf(observation, startOf(observation)),
    now,
  });
  return decide(observation, completion, { ...changes, ...below });
}

/** An agent that was stopped by the deletion of its Pod tells of a cancel; without `spec.cancel` it was somebody else. */
function podOutcome(
  agent: Pick<AgentResult, 'state' | 'errorType' | 'reason' | 'message' | 'waitFor'>,
  run: LiveRun,
): PodOutcome {
  if (agent.state === 'succeeded') return { state: 'succeeded', waitFor: agent.waitFor };
  const { errorType = 'execution_failed', reason = 'AgentFailed', message = 'the agent gave no reason' } = agent;
  if (errorType === 'canceled' && run.spec.cancel !== true) {
    return {
      state: 'failed',
      errorType: 'execution_failed',
      reason: 'PodDeleted',
      message: 'the Pod of the run was deleted while it ran',
    };
  }
  return { state: 'failed', errorType, reason, message };
}

function decide(observation: WorkflowObservation, completion: Completion, changes: Partial<StatusBody>): Decision {
  const unfinished = observation.fanOuts.filter(fanOut => !isTerminal(fanOut.status?.phase));
  const cancel = unfinished.filter(fanOut => fanOut.spec.cancel !== true).map(cancelAction);
  const requeueAfterMs = Math.max(0, deadlineOf(observation, startOf(observation)) - observation.now);
  switch (completion.state) {
    case 'running':
      return {
        ...hold(
          observation,
          completion.phase,
          'WaitingForChildren',
          'the steps have ended, the children are running',
          false,
          changes,
        ),
        after: releaseActions(observation.pods),
        requeueAfterMs,
      };
    case 'stopping':
      return {
        ...hold(
          observation,
          completion.phase,
          completion.cause === 'Cancel' ? 'Canceling' : 'TimingOut',
          completion.message,
          false,
          changes,
        ),
        before: cancel,
        after: releaseActions(observation.pods),
        requeueAfterMs: 5_000,
      };
    case 'ended': {
      const ended = end(observation, completion.phase, completion.errorType, completion.reason, completion.message, {
        ...changes,
        ...(completion.timeoutExceeded ? { timeoutExceeded: true } : {}),
      });
      return completion.phase === 'Succeeded'
        ? ended
        : { ...ended, before: unfinished.filter(waits).filter(notCanceled).map(cancelAction) };
    }
  }
}

/** A status for a run that goes on. */
function hold(
  observation: WorkflowObservation,
  phase: Phase,
  reason: string,
  message: string,
  tell = false,
  changes: Partial<StatusBody> = {},
): Decision {
  const { run } = observation;
  const before = run.status?.conditions?.find(condition => condition.type === 'Ready');
  const events: EventIntent[] = tell && before?.reason !== reason ? [{ type: 'Warning', reason, message }] : [];
  return {
    ...NOTHING,
    verdict: { phase, reason, message },
    status: {
      ...body(observation, changes),
      ...(phase === 'Queued' && run.status?.queuedTime === undefined ? { queuedTime: rfc3339(observation.now) } : {}),
    },
    events,
  };
}

function end(
  observation: WorkflowObservation,
  phase: Phase,
  errorType: ErrorType | undefined,
  reason: string,
  message: string,
  changes: Partial<StatusBody> = {},
): Decision {
  const { run, now } = observation;
  const isChild = run.spec.parent !== undefined;
  const succeeded = phase === 'Succeeded';
  const { errorType: _, ...rest } = body(observation, changes);
  return {
    ...NOTHING,
    verdict: { phase, reason, message },
    status: {
      ...rest,
      ...(errorType === undefined ? {} : { errorType }),
      startTime: rest.startTime ?? rfc3339(now),
      completionTime: rfc3339(now),
      ...(rest.attempts === undefined ? {} : { attempts: closeAttempt(rest.attempts, now, reason, message) }),
    },
    after: releaseActions(observation.pods),
    events: succeeded && isChild ? [] : [{ type: succeeded ? 'Normal' : 'Warning', reason, message }],
  };
}

function timedOut(observation: WorkflowObservation, pod: ObservedPod): Decision {
  return end(observation, 'TimedOut', 'timeout', 'DeadlineExceeded', 'the time limit of the run was reached', {
    ...recordAttempt(observation, pod),
    timeoutExceeded: true,
  });
}

/** The status so far with what every workflow run carries. */
function body(observation: WorkflowObservation, changes: Partial<StatusBody>): StatusBody {
  const { run, preparation } = observation;
  const {
    conditions: _c,
    observedGeneration: _g,
    phase: _p,
    message: _m,
    ...previous
  }: TakoRunStatus = run.status ?? {};
  return {
    ...previous,
    runId: runIdOf(run.metadata),
    ...(preparation?.kind === 'ready' ? { repository: preparation.slug, revision: preparation.commit } : {}),
    ...(previous.repository === undefined && observation.repository?.status?.slug !== undefined
      ? { repository: observation.repository.status.slug }
      : {}),
    ...changes,
  };
}

function recordAttempt(observation: WorkflowObservation, pod: ObservedPod): Partial<StatusBody> {
  const number = attemptOf(pod);
  const previous = observation.run.status?.attempts ?? [];
  const revision = pod.metadata.annotations?.[ANNOTATIONS.revision];
  const attempt: Attempt = previous.find(entry => entry.number === number) ?? {
    number,
    podName: pod.metadata.name,
    podUID: pod.metadata.uid,
    startTime: pod.metadata.creationTimestamp,
  };
  return {
    startTime: observation.run.status?.startTime ?? pod.metadata.creationTimestamp,
    ...(revision === undefined ? {} : { revision }),
    attempts: [...previous.filter(entry => entry.number !== number), attempt],
  };
}

function closeAttempt(attempts: readonly Attempt[], now: number, reason: string, message: string): Attempt[] {
  return attempts.map((attempt, index) =>
    index === attempts.length - 1 && attempt.completionTime === undefined
      ? { ...attempt, completionTime: rfc3339(now), reason, message: message.slice(0, 1_024) }
      : attempt,
  );
}

function resultStatus(result: ResultBody, ref: AgentResult['ref']): Partial<StatusBody> {
  const outputs = Object.entries(result.outputs ?? {})
    .filter(([, value]) => value.length <= MAX_OUTPUT_LENGTH)
    .slice(0, MAX_LISTED_OUTPUTS);
  return {
    steps: result.steps.slice(0, MAX_LISTED_STEPS),
    ...(result.steps.length > MAX_LISTED_STEPS ? { stepsOmitted: result.steps.length - MAX_LISTED_STEPS } : {}),
    ...(outputs.length === 0 ? {} : { outputs: Object.fromEntries(outputs) }),
    ...(ref === undefined ? {} : { resultRef: { name: ref.name, digest: ref.digest } }),
  };
}

function deadlineOf(observation: WorkflowObservation, startedMs: number | undefined): number {
  const { run, repository, options } = observation;
  const timeout = run.spec.timeout ?? repository?.spec.runTemplate?.timeout;
  const inheritedMs = inheritedDeadline(run);
  return runDeadline({
    createdMs: Date.parse(run.metadata.creationTimestamp),
    startedMs: startedMs ?? observation.now,
    timeoutMs: milliseconds(timeout, options.defaultTimeoutMs),
    ...(inheritedMs === undefined ? {} : { inheritedMs }),
  });
}

function startOf(observation: WorkflowObservation): number {
  const started = observation.run.status?.startTime ?? observation.pods[0]?.metadata.creationTimestamp;
  return started === undefined ? observation.now : Date.parse(started);
}

function latestPodTime(observation: WorkflowObservation): number {
  const times = observation.pods.map(pod => {
    const agent = pod.status?.containerStatuses?.find(status => status.state?.terminated !== undefined);
    return Date.parse(agent?.state?.terminated?.finishedAt ?? pod.metadata.creationTimestamp);
  });
  return times.length === 0 ? 0 : Math.max(...times);
}

function waitingSteps({ fanOuts }: WorkflowObservation): string[] {
  return fanOuts.filter(waits).map(fanOut => fanOut.spec.parent?.step ?? '');
}

function waits(fanOut: LiveRun): boolean {
  return fanOut.spec.waitForChildren !== false;
}

function notCanceled(run: LiveRun): boolean {
  return run.spec.cancel !== true;
}

function cancelAction(run: LiveRun): Action {
  return { kind: 'cancelRun', namespace: run.metadata.namespace!, name: run.metadata.name };
}

function attemptOf(pod: ObservedPod): number {
  return Number(pod.metadata.labels?.[LABELS.attempt] ?? 1);
}

function currentPhase(run: LiveRun): Phase {
  return run.status?.phase ?? 'Pending';
}

/** A kubelet's word as a condition's reason, which allows letters, digits and underscores. */
function reasonWord(reason: string): string {
  return /^[A-Za-z][A-Za-z0-9_]*$/.test(reason) ? reason : 'ContainerProblem';
}

const EMPTY_SUMMARY = { total: 0, completed: 0, failed: 0, timedOut: 0, canceled: 0, running: 0, pending: 0 };
const EMPTY_TREE = { ...EMPTY_SUMMARY, depth: 0 };
