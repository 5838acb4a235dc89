import pLimit from 'p-limit';
import type { SkippedSubscriber } from '../../api/takorun-status.ts';
import type { Evaluator } from '../../evaluator/evaluator.ts';
import { childRun, childrenScope, type PlannedChild, planChildren } from '../../fanout/children.ts';
import type { FirstRun } from '../../fanout/claim.ts';
import type { EmitterNamespace } from '../../fanout/consent.ts';
import { checkPayload } from '../../fanout/fingerprint.ts';
import { resolveInputs } from '../../fanout/inputs.ts';
import { checkLineage, withoutCyclesElsewhere } from '../../fanout/lineage.ts';
import { candidates, decide, type FilterResult, filterExpressions, skippedStatus } from '../../fanout/match.ts';
import { type RunManifest, runIdentity } from '../../fanout/objects.ts';
import { isElsewhere, waitsForChildren } from '../../fanout/parentage.ts';
import type { WorkflowRunner } from '../../fanout/runner.ts';
import type { SubscriberIndex } from '../../fanout/subscribers.ts';
import type { TreeWarning } from '../../fanout/tree-warnings.ts';
import { type WaitersOf, waitCycle, wayText } from '../../fanout/wait-cycle.ts';
import { eventVariables } from '../../workflow/cel/variables.ts';
import type { JsonObject } from '../../workflow/types.ts';
import { ChildRefusedError, type Refused, skipCycle, skipRefused } from './child-refused.ts';
import type { ClaimOutcome } from './event-claim.ts';
import type { LiveRepository, LiveRun } from './observed.ts';
import type { TreeBudget } from './tree-budget.ts';

/** What became of an event's matching. */
export type Expansion =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string }
  /** Another run has sent the event already. */
  | { readonly kind: 'duplicate'; readonly of: FirstRun }
  /** Its children exist. */
  | (Matching & {
      readonly kind: 'expanded';
      readonly children: readonly RunManifest[];
      /** Those that other events of the tree have started. */
      readonly shared: readonly RunManifest[];
    })
  /** A dry run: these would be its children. */
  | (Matching & {
      readonly kind: 'planned';
      readonly children: readonly PlannedChild[];
      /** The run whose result the event would take instead. */
      readonly duplicateOf?: string;
    });

/** Who listens, and who does not run. */
export interface Matching {
  readonly subscribersFound: number;
  readonly withoutConsent: number;
  readonly deduplicated: number;
  readonly skippedCount: number;
  readonly skipped: readonly SkippedSubscriber[];
  readonly warnings: readonly TreeWarning[];
}

export interface ExpandContext {
  /** TakoRepositories of the event's namespace whose slug is `slug`. */
  readonly repositoriesBySlug: (namespace: string, slug: string) => readonly LiveRepository[];
  readonly subscribers: Pick<SubscriberIndex, 'find'>;
  readonly evaluator: Evaluator;
  readonly emitter: (namespace: string) => Promise<EmitterNamespace>;
  /** Throws a `ChildRefusedError` when the API server does not take a child. */
  readonly runner: Pick<WorkflowRunner, 'start' | 'share'>;
  readonly budget: Pick<TreeBudget, 'check' | 'take'>;
  /** Claims the event of a run that is idempotent. */
  readonly claim: (run: LiveRun, signal: AbortSignal) => Promise<ClaimOutcome>;
  /** The run that has claimed the event. */
  readonly peekClaim: (run: LiveRun, signal: AbortSignal) => Promise<FirstRun | undefined>;
  readonly waitersOf: WaitersOf;
}

/** Children that are created at the same time; the client's rate limit is the real bound. */
const CREATE_CONCURRENCY = 16;

/**
 * Matches an event and creates its children, all at once: the children are the queue. Names follow from the parent's UID and the child's
 * content, so a try that was cut off is completed by the next one.
 */
export async function expandEvent(
  run: LiveRun,
  deadlineMs: number,
  now: number,
  context: ExpandContext,
  signal: AbortSignal,
): Promise<Expansion> {
  const event = run.spec.event!;
  const namespace = run.metadata.namespace!;
  const payload = checkPayload(event.payload);
  if (!payload.ok) return { kind: 'failed', reason: 'InvalidPayload', message: payload.message };
  const source = checkSource(event.source, namespace, context.repositoriesBySlug);
  if (source !== undefined) return source;
  const claimed = await claim(run, context, signal);
  if (claimed !== undefined) return claimed;

  const emitter = await context.emitter(namespace);
  const first = candidates(event, context.subscribers.find(event.source, event.type), emitter);
  const expressions = filterExpressions(first.candidates);
  const filters = await evaluateFilters(expressions, event, context.evaluator, signal);
  const second = decide(first.candidates, filters);
  const third = resolveInputs(second.matched, event);
  const plan = planChildren(childrenScope(run), third.resolved);
  const { children, cycles } = withoutCyclesElsewhere(run, plan.children);
  const lineage = checkLineage(run, children);
  if (!lineage.ok) return { kind: 'failed', reason: lineage.reason, message: lineage.message };

  const isDryRun = run.spec.dryRun === true;
  const room = isDryRun ? context.budget.check(run, children) : context.budget.take(run, children);
  if (!room.ok) return { kind: 'failed', reason: room.reason, message: room.message };

  const skipped = [...first.skipped, ...second.skipped, ...third.skipped, ...cycles.map(skipCycle)];
  const matching = (refused: readonly Refused[]): Matching => ({
    subscribersFound: first.subscribersFound,
    withoutConsent: first.withoutConsent,
    deduplicated: plan.deduplicated,
    ...skippedStatus([...skipped, ...refused.map(skipRefused)]),
    warnings: [...warning('DeepTree', lineage), ...warning('LargeTree', room)],
  });
  if (isDryRun) {
    const first = run.spec.idempotent === true ? await context.peekClaim(run, signal) : undefined;
    const duplicateOf = first === undefined ? {} : { duplicateOf: first.name };
    return { ...matching([]), kind: 'planned', children, ...duplicateOf };
  }
  const planned = children.map(child => ({ child, manifest: childRun(run, child, { now, deadlineMs }) }));
  const { refused, ...started } = await startAll(run, planned, context.runner, signal);
  return { ...matching(refused), kind: 'expanded', ...started };
}

/** Undefined: the event is this run's to send. */
async function claim(run: LiveRun, context: ExpandContext, signal: AbortSignal): Promise<Expansion | undefined> {
  if (run.spec.idempotent !== true || run.spec.dryRun === true) return undefined;
  const outcome = await context.claim(run, signal);
  if (outcome.kind === 'mine') return undefined;
  if (outcome.kind === 'refused') {
    const message = `the API server refuses the Lease that keeps an idempotent event from being sent twice: ${outcome.message}`;
    return { kind: 'waiting', reason: 'ClaimRefused', message };
  }
  const cycle = waitCycle(run, [outcome.run], context.waitersOf);
  if (cycle === undefined) return { kind: 'duplicate', of: outcome.of };
  return {
    kind: 'failed',
    reason: 'CycleDetected',
    message: `an equal event is that of TakoRun ${outcome.of.name}, which waits for this run itself: ${wayText(cycle)}; give the event another id or payload, or do not wait for it`,
  };
}

function warning(type: TreeWarning['type'], result: { readonly warning?: string }): TreeWarning[] {
  return result.warning === undefined ? [] : [{ type, message: result.warning }];
}

interface Planned {
  readonly child: PlannedChild;
  readonly manifest: RunManifest;
}

interface Started {
  readonly children: readonly RunManifest[];
  /** Another event of the tree has started them; this one only notes that it waits for them. */
  readonly shared: readonly RunManifest[];
  /** Another namespace does not take them: what is wrong there must not end the event here. */
  readonly refused: readonly Refused[];
}

/** Starts all children; after a failure no further ones, and it is thrown once those under way have ended. */
async function startAll(
  run: LiveRun,
  planned: readonly Planned[],
  runner: ExpandContext['runner'],
  signal: AbortSignal,
): Promise<Started> {
  const limit = pLimit(CREATE_CONCURRENCY);
  const failures: unknown[] = [];
  const refused: Refused[] = [];
  const shared: RunManifest[] = [];
  const own = new Set<RunManifest>();
  const start = async ({ child, manifest }: Planned): Promise<void> => {
    if (failures.length > 0) return;
    try {
      const started = await runner.start(manifest, { signal });
      if (!started.shared) return void own.add(manifest);
      if (waitsForChildren(run)) await runner.share(started.identity, runIdentity(run), { signal });
      shared.push(manifest);
    } catch (error) {
      if (error instanceof ChildRefusedError && isElsewhere(manifest, run.metadata.namespace))
        refused.push({ child, error });
      else failures.push(error);
    }
  };
  await Promise.all(planned.map(one => limit(start, one)));
  if (failures.length > 0) throw failures[0];
  return { children: planned.map(({ manifest }) => manifest).filter(manifest => own.has(manifest)), shared, refused };
}

/** Nobody speaks for a repository that is not theirs: the source must be a repository of the run's own namespace. */
function checkSource(
  source: string,
  namespace: string,
  bySlug: ExpandContext['repositoriesBySlug'],
): Extract<Expansion, { kind: 'waiting' | 'failed' }> | undefined {
  const colon = source.lastIndexOf(':');
  const slug = source.slice(0, colon);
  const artifact = source.slice(colon + 1);
  const found = bySlug(namespace, slug);
  const repository = found.find(({ status }) => status?.revision !== undefined);
  if (repository === undefined) {
    return found.length === 0
      ? {
          kind: 'waiting',
          reason: 'SourceNotFound',
          message: `there is no TakoRepository ${slug} in namespace ${namespace}: an event can only speak for a repository of its own namespace`,
        }
      : {
          kind: 'waiting',
          reason: 'SourceNotReady',
          message: `TakoRepository ${found[0]?.metadata.name} (${slug}) is not ready yet`,
        };
  }
  const artifacts = repository.status?.artifacts ?? [];
  if (artifacts.includes(artifact)) return undefined;
  return {
    kind: 'failed',
    reason: 'ArtifactNotFound',
    message: `${slug} has no artifact "${artifact}": it has ${artifacts.join(', ')}`,
  };
}

async function evaluateFilters(
  expressions: readonly string[],
  event: NonNullable<LiveRun['spec']['event']>,
  evaluator: Evaluator,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, FilterResult>> {
  if (expressions.length === 0) return new Map();
  const { type, source, schemaVersion, id } = event;
  const variables = eventVariables({
    type,
    source,
    payload: (event.payload ?? {}) as JsonObject,
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
    ...(id === undefined ? {} : { id }),
  });
  const results = await evaluator.evaluateMany(expressions, variables, signal);
  return new Map(
    results.map((result, index): [string, FilterResult] => {
      const expression = expressions[index]!;
      if (!result.ok) return [expression, { kind: 'error', message: result.message }];
      if (typeof result.value !== 'boolean') {
        return [
          expression,
          { kind: 'error', message: `it gives ${JSON.stringify(result.value)}, expected true or false` },
        ];
      }
      return [expression, { kind: 'value', value: result.value }];
    }),
  );
}
