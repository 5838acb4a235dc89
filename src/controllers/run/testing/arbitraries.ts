import fc from 'fast-check';
import type { AgentResult } from '../../../agent/contract.ts';
import { type Condition, conditionsSchema } from '../../../api/common.ts';
import type { TakoRunSpec } from '../../../api/takorun.ts';
import { type Attempt, ERROR_TYPES, PHASES, type TakoRunStatus } from '../../../api/takorun-status.ts';
import type { RunManifest } from '../../../fanout/objects.ts';
import { runConditions } from '../conditions.ts';
import type { EventObservation } from '../event-observation.ts';
import type { Expansion } from '../expand.ts';
import type { LiveRun, ObservedPod } from '../observed.ts';
import type { Preparation } from '../prepare.ts';
import type { WorkflowObservation } from '../workflow-observation.ts';
import {
  agentResult,
  at,
  CREATED,
  creating,
  eventRun,
  fanOutOf,
  finishedPod,
  observedPod,
  prepared,
  repository,
  running,
  settings,
  terminated,
  waiting,
  workflowRun,
} from './builders.ts';

/** Any text that a cluster may give, halves of characters included. */
const anyText = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom('\ud83d', 'x'.repeat(9_000), `${'a'.repeat(2_047)}\u{1F600}`, '') },
);
const anyMs = fc.constantFrom(0, 1_000, 3_000, 10_000, 90_000, 3_600_000, 3_630_000, 3_645_000, 90_000_000);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** Of a workflow whose last step is a fan-out. */
const anySteps = fc.constant([{ id: 'emit', phase: 'Succeeded' as const }]);

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

const anySummary = fc
  .record({
    completed: fc.nat({ max: 3 }),
    failed: fc.nat({ max: 3 }),
    timedOut: fc.nat({ max: 3 }),
    canceled: fc.nat({ max: 3 }),
    running: fc.nat({ max: 3 }),
    pending: fc.nat({ max: 3 }),
  })
  .map(states => ({ total: Object.values(states).reduce((sum, count) => sum + count, 0), ...states }));

const anyAttempts: fc.Arbitrary<Attempt[]> = fc
  .tuple(fc.constantFrom(1, 2, 3, 4), maybe(fc.tuple(anyMs.map(at), anyText)), fc.constantFrom(1, 16))
  .map(([number, end, listed]) =>
    Array.from({ length: Math.min(number, listed) }, (_, index): Attempt => {
      const own = number - index;
      const closed = index > 0 ? ([at(0), 'before'] as const) : end;
      return {
        number: own,
        podName: `pod-${own}`,
        podUID: `pod-${own}`,
        startTime: at(0),
        ...(closed === undefined
          ? {}
          : { completionTime: closed[0], reason: 'PodLost', message: closed[1].slice(0, 1_024).toWellFormed() }),
      };
    }).reverse(),
  );

/** A status as earlier decisions may have left it; its conditions fit its phase. */
function anyStatus(reasons: readonly string[]): fc.Arbitrary<TakoRunStatus> {
  return fc
    .record({
      phase: maybe(fc.constantFrom(...PHASES)),
      reason: fc.constantFrom(...reasons),
      startTime: maybe(anyMs.map(at)),
      completionTime: maybe(anyMs.map(at)),
      attempts: maybe(anyAttempts),
      childrenSummary: maybe(anySummary),
      steps: maybe(anySteps),
    })
    .map(({ reason, ...status }) => {
      const conditions: Condition[] | undefined =
        status.phase === undefined
          ? undefined
          : runConditions({ phase: status.phase, reason, message: 'before' }, undefined, 1, at(0));
      return withoutUndefined({ ...status, conditions }) as TakoRunStatus;
    });
}

const REASONS = [
  'RetryBackoff',
  'Running',
  'TimingOut',
  'Canceling',
  'ImagePullBackOff',
  'RepositoryNotFound',
  'ConcurrencyLimit',
];

const anySpec: fc.Arbitrary<TakoRunSpec> = fc
  .record({
    cancel: maybe(fc.boolean()),
    suspend: maybe(fc.boolean()),
    dryRun: maybe(fc.boolean()),
    timeout: maybe(fc.constantFrom('10s', '1h')),
    waitForChildren: maybe(fc.boolean()),
    retry: maybe(fc.constantFrom({ limit: 0 }, { limit: 2, backoff: { initial: '10s' } }, { onWorkflowFailure: true })),
    ttlSecondsAfterFinished: maybe(fc.constantFrom(0, 3_600)),
  })
  .map(withoutUndefined);

const anyParent = maybe(fc.record({ deadline: anyMs.map(at), step: fc.constant('emit') }));

function anyRun(kind: 'workflow' | 'event'): fc.Arbitrary<LiveRun> {
  const build = kind === 'workflow' ? workflowRun : eventRun;
  return fc
    .tuple(anySpec, anyParent, maybe(anyStatus(REASONS)))
    .map(([spec, parent, status]) => build(withoutUndefined({ spec, parent, status }) as Parameters<typeof build>[0]));
}

const anyState = fc.oneof(
  fc.constantFrom(running, creating),
  fc
    .tuple(
      fc.constantFrom('ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'CreateContainerConfigError', 'strange'),
      anyText,
    )
    .map(([reason, message]) => waiting(reason, message)),
  fc
    .tuple(
      fc.constantFrom('Completed', 'Error', 'OOMKilled', 'StartError', 'ContainerStatusUnknown', 'Odd one!'),
      fc.constantFrom(0, 1, 127, 137),
      anyText,
      anyMs,
    )
    .map(([reason, code, message, after]) => terminated(reason, code, message, after)),
);

const anyResult: fc.Arbitrary<AgentResult> = fc
  .record({
    state: fc.constantFrom('succeeded' as const, 'failed' as const),
    errorType: maybe(fc.constantFrom(...ERROR_TYPES)),
    reason: maybe(fc.constantFrom('StepFailed', 'StepContainerDied', 'StepContainerNotStarted', 'GitUnavailable')),
    message: maybe(anyText.map(text => text.slice(0, 1_024))),
    outputs: maybe(fc.dictionary(fc.constantFrom('a.b', 'c.d'), anyText)),
    waitFor: maybe(fc.constant(['emit'])),
    steps: anySteps,
    held: maybe(fc.constant({ container: 'step-0', seconds: 600 })),
    ref: maybe(fc.constant({ name: 'result', digest: 'e'.repeat(64) })),
  })
  .map(result => agentResult(withoutUndefined(result) as Partial<AgentResult>));

const anyPod: fc.Arbitrary<ObservedPod> = fc
  .record({
    attempt: fc.constantFrom(1, 2, 3),
    agent: maybe(anyState),
    step: maybe(anyState),
    result: maybe(anyResult),
    phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'),
    reason: maybe(fc.constantFrom('Evicted', 'DeadlineExceeded', 'no word')),
    message: maybe(anyText),
    unschedulable: maybe(anyText),
    disruption: maybe(fc.constantFrom('PreemptionByScheduler', 'DeletionByTaintManager')),
    bound: maybe(fc.boolean()),
    deletedAfter: maybe(anyMs),
    createdAfter: fc.constantFrom(0, 5_000),
    claimed: fc.boolean(),
    finalizers: fc.constantFrom(['tako.dev/tracking'], [], ['other/one', 'tako.dev/tracking']),
  })
  .map(({ agent, step, result, ...rest }) => {
    const containers = withoutUndefined({ agent, 'step-0': step });
    const options = { ...withoutUndefined(rest), uid: `pod-${rest.attempt}`, containers } as never;
    return result === undefined ? observedPod(options) : finishedPod(result, options);
  });

const anyFanOut: fc.Arbitrary<LiveRun> = fc
  .tuple(fc.constantFrom('emit', 'first'), anySpec, maybe(anyStatus(REASONS)))
  .map(([step, spec, status]) => {
    // Only a fan-out that waits is left to the run by its agent.
    const waits = step === 'emit' ? { ...spec, waitForChildren: true } : spec;
    return fanOutOf(workflowRun(), step, withoutUndefined({ spec: waits, status }) as never);
  });

const ready = prepared('- ./build.sh\n- run: echo two\n  image: alpine:3');
const anyPreparation: fc.Arbitrary<Preparation | undefined> = fc.oneof(
  fc.constantFrom(undefined, ready),
  fc
    .tuple(fc.constantFrom('waiting' as const, 'failed' as const), anyText)
    .map(([kind, message]): Preparation => ({ kind, reason: 'RepositoryNotFound', message })),
);

const anyLineage = fc.constantFrom('live' as const, 'early' as const, 'ending' as const, 'gone' as const);

export function anyWorkflowObservation(): fc.Arbitrary<WorkflowObservation> {
  return fc
    .record({
      run: anyRun('workflow'),
      now: anyMs.map(ms => CREATED + ms),
      pods: fc.uniqueArray(anyPod, { maxLength: 2, selector: pod => pod.metadata.uid }),
      fanOuts: fc.uniqueArray(anyFanOut, { maxLength: 2, selector: run => run.metadata.name }),
      lineage: anyLineage,
      preparation: anyPreparation,
      repository: maybe(fc.constant(repository())),
      held: maybe(
        fc.record({
          reason: fc.constantFrom('Suspended', 'ConcurrencyLimit', 'QuotaExceeded', 'OperatorLimit'),
          limit: fc.constant(1),
          message: anyText,
        }),
      ),
      circuit: fc.option(anyText, { nil: undefined, freq: 8 }),
      retention: maybe(fc.constantFrom('granted' as const, 'refused' as const)),
      refusal: maybe(
        fc.record({
          reason: fc.constantFrom('PodForbidden' as const, 'PodInvalid' as const),
          message: anyText,
        }),
      ),
      stored: maybe(
        fc.oneof(
          fc.constant('missing' as const),
          fc.record({ steps: anySteps, outputs: fc.dictionary(fc.constantFrom('a.b', 'c.d'), anyText) }),
        ),
      ),
    })
    .map(observation => ({ ...observation, options: settings, gatewayCa: 'PEM', below: () => [] }));
}

const anyChild: fc.Arbitrary<LiveRun> = fc
  .tuple(fc.nat({ max: 4 }), anySpec, maybe(anyStatus(REASONS)), maybe(anyText))
  .map(([index, spec, status, message]) => {
    const told = status === undefined || message === undefined ? status : { ...status, message };
    return workflowRun(withoutUndefined({ name: `child-${index}`, parent: {}, spec, status: told }) as never);
  });

const anyFirstRun = fc.record({
  name: fc.constant('first'),
  phase: maybe(fc.constantFrom(...PHASES)),
  errorType: maybe(fc.constantFrom(...ERROR_TYPES)),
  message: maybe(anyText),
  expanded: fc.boolean(),
});

const anyExpansion: fc.Arbitrary<Expansion | undefined> = fc.oneof(
  fc.constant(undefined),
  anyFirstRun.map((of): Expansion => ({ kind: 'duplicate', of })),
  fc
    .tuple(fc.constantFrom('waiting' as const, 'failed' as const), anyText)
    .map(([kind, message]): Expansion => ({ kind, reason: 'SourceNotFound', message })),
  fc
    .tuple(
      fc.uniqueArray(anyChild, { maxLength: 4, selector: run => run.metadata.name }),
      fc.nat({ max: 9 }),
      fc.nat({ max: 2 }),
      anyText,
    )
    .map(
      ([children, found, shared, message]): Expansion => ({
        kind: 'expanded',
        children: children.slice(shared).map(child => ({ ...child, status: undefined }) as unknown as RunManifest),
        shared: children.slice(0, shared).map(child => ({ ...child, status: undefined }) as unknown as RunManifest),
        subscribersFound: found,
        withoutConsent: 0,
        deduplicated: 0,
        skippedCount: 1,
        skipped: [{ repository: 'acme/x', workflow: 'ci', reason: 'FilterError', message: message.slice(0, 512) }],
        warnings: found > 6 ? [{ type: 'DeepTree', message }] : [],
      }),
    ),
);

export function anyEventObservation(): fc.Arbitrary<EventObservation> {
  const latched = fc
    .tuple(anyRun('event'), fc.nat({ max: 5 }), fc.nat({ max: 2 }), fc.boolean())
    .map(([run, triggeredCount, sharedCount, expanded]) => ({
      ...run,
      status: { ...run.status, ...(expanded ? { fanOut: { expanded, triggeredCount, sharedCount } } : {}) },
    }));
  return fc
    .record({
      run: latched,
      now: anyMs.map(ms => CREATED + ms),
      children: fc.uniqueArray(anyChild, { maxLength: 5, selector: run => run.metadata.name }),
      settled: fc.boolean(),
      shared: fc.uniqueArray(anyChild, { maxLength: 2, selector: run => run.metadata.name }),
      cycle: fc.option(fc.constant('acme/a ci -> acme/b ci'), { nil: undefined, freq: 9 }),
      lineage: anyLineage,
      expansion: anyExpansion,
    })
    .map(observation => ({ ...observation, below: () => [], above: () => [], options: settings }));
}

/** Conditions that the API server would take. */
export function parseConditions(conditions: unknown): Condition[] {
  return conditionsSchema.parse(conditions);
}
