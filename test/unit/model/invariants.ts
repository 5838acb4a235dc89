import { LABELS } from '../../../src/api/meta.ts';
import { takoRuns } from '../../../src/api/resources.ts';
import { type ChildrenSummary, isTerminal } from '../../../src/api/takorun-status.ts';
import type { LiveRun } from '../../../src/controllers/run/observed.ts';
import { summaryState, unfinishedCount } from '../../../src/fanout/summary.ts';
import { controllerOf, type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import type { ModelCluster } from './cluster.ts';
import { isOpen } from './world.ts';

/** What was seen of a cluster so far. */
export interface Watched {
  readonly violations: readonly string[];
  /** UIDs of roots below which runs were deleted: what these counted is history. */
  readonly prunedTrees: ReadonlySet<string>;
}

/**
 * What holds at every moment, whatever happens.
 *
 * - A run that has ended stays as it ended.
 * - An attempt has one Pod, and an earlier one's Pod is over before it starts.
 * - No more Pods are open than a fan-out's limit allows.
 * - A run that waits for its children ends when all have ended, and not before.
 */
export function watchInvariants(cluster: ModelCluster): Watched {
  const violations: string[] = [];
  const attempts = new Set<string>();
  const prunedTrees = new Set<string>();

  function podCreated(pod: Live<Pod>): void {
    const uid = controllerOf(pod)?.uid ?? '';
    const id = `${uid} ${pod.metadata.labels?.[LABELS.attempt]}`;
    if (attempts.has(id)) violations.push(`${pod.metadata.name}: attempt ${id} got a second Pod`);
    attempts.add(id);
    const open = cluster.all(pods).filter(isOpen);
    const own = open.filter(other => controllerOf(other)?.uid === uid && !isGone(other));
    if (own.length > 1)
      violations.push(`${pod.metadata.name} started beside ${own.map(({ metadata }) => metadata.name)}`);
    const runs = new Map(cluster.all(takoRuns).map(run => [run.metadata.uid, run]));
    const run = runs.get(uid);
    if (isTerminal(run?.status?.phase)) violations.push(`${pod.metadata.name}: its run has ended`);
    const parent = runs.get(run?.spec.parent?.run.uid ?? '');
    const limit = parent?.spec.concurrencyLimit ?? Number.POSITIVE_INFINITY;
    // A run or attempt that was given up, as the node did not say in time what became of its Pod, has lost its place. A run that waits for a
    // fan-out of its own does not count, and takes its place back afterwards, beyond the limit if need be.
    const beside = open.filter(other => {
      const owner = runs.get(controllerOf(other)?.uid ?? '');
      if (owner === undefined || hasEnded(owner, other) || childrenOf(cluster, owner).length > 0) return false;
      return owner.spec.parent?.run.uid === parent?.metadata.uid;
    });
    if (beside.length > limit)
      violations.push(`${parent?.metadata.name}: ${beside.length} Pods, its limit is ${limit}`);
  }

  function runChanged(run: LiveRun, old: LiveRun | undefined): void {
    const { name } = run.metadata;
    const { phase } = run.status ?? {};
    if (isTerminal(old?.status?.phase)) {
      if (phase !== old?.status?.phase) violations.push(`${name} ended as ${old?.status?.phase}, and then as ${phase}`);
      return;
    }
    if (!isTerminal(phase)) return;
    const waitedFor = childrenOf(cluster, run).filter(child => isAwaited(run, child));
    const open = waitedFor.filter(child => !isTerminal(child.status?.phase));
    if (open.length > 0)
      violations.push(`${name} ended as ${phase} while ${open.map(child => child.metadata.name)} had not`);
  }

  cluster.onChange(({ type, object }, old) => {
    if (object === undefined) {
      if (type === takoRuns.plural) prunedTrees.add(rootUid(old as unknown as LiveRun));
      return;
    }
    if (type === pods.plural && old === undefined) podCreated(object as unknown as Live<Pod>);
    if (type === takoRuns.plural) runChanged(object as unknown as LiveRun, old as LiveRun | undefined);
  });
  return { violations, prunedTrees };
}

/**
 * What holds when all has come to rest.
 *
 * - Every run has ended, and every Pod is over and let go.
 * - The numbers of a parent are those of its children.
 * - Who waited for children that did not all succeed has not succeeded.
 */
export function restViolations(cluster: ModelCluster, { prunedTrees }: Watched): string[] {
  const violations: string[] = [];
  for (const run of cluster.all(takoRuns)) {
    const { name } = run.metadata;
    if (!isTerminal(run.status?.phase)) violations.push(`${name} has not ended: ${JSON.stringify(run.status)}`);
    else violations.push(...numberViolations(cluster, run, prunedTrees.has(rootUid(run))));
  }
  for (const pod of cluster.all(pods)) {
    if (isOpen(pod)) violations.push(`Pod ${pod.metadata.name} is not over`);
    if ((pod.metadata.finalizers ?? []).length > 0) violations.push(`Pod ${pod.metadata.name} was not let go`);
  }
  return violations;
}

function numberViolations(cluster: ModelCluster, run: LiveRun, isPruned: boolean): string[] {
  const { spec, status, metadata } = run;
  const children = childrenOf(cluster, run);
  const violations: string[] = [];
  if (spec.event !== undefined && status?.fanOut?.expanded === true) {
    const { triggeredCount = 0 } = status.fanOut;
    const counted = status.childrenSummary!;
    const { total, running, pending, ...ended } = counted;
    const left = count(children);
    const sum = Object.values(ended).reduce((a, b) => a + b, 0);
    if (!isPruned && (total !== triggeredCount || sum !== total || running + pending > 0))
      violations.push(`${metadata.name}: started ${triggeredCount}, counts ${JSON.stringify(counted)}`);
    // Children that were deleted count as they ended, or as canceled.
    for (const [state, number] of Object.entries(ended)) {
      const deleted = triggeredCount - children.length;
      const least = left[state as keyof ChildrenSummary];
      if (!isPruned && (number < least || number > least + deleted))
        violations.push(`${metadata.name}: ${state} is ${number}, there are ${least}, and ${deleted} were deleted`);
    }
    if (spec.waitForChildren !== false && status.phase === 'Succeeded' && counted.completed !== total)
      violations.push(`${metadata.name} succeeded with ${JSON.stringify(counted)}`);
  }
  if (spec.workflow !== undefined && status?.phase === 'Succeeded') {
    const bad = children.filter(child => isAwaited(run, child) && child.status?.phase !== 'Succeeded');
    if (bad.length > 0) violations.push(`${metadata.name} succeeded, ${bad[0]!.metadata.name} did not`);
  }
  const tree = status?.treeSummary;
  if (tree !== undefined && unfinishedCount(tree) > 0 && !isPruned)
    violations.push(`${metadata.name}: nothing goes on, it counts ${JSON.stringify(tree)}`);
  if (children.length > 0 && tree !== undefined && !isPruned) {
    const total = descendants(cluster, run).filter(below => below.spec.workflow !== undefined);
    const expected = count(total);
    const { depth: _, ...counted } = tree;
    if (JSON.stringify(sorted(counted)) !== JSON.stringify(sorted(expected)))
      violations.push(
        `${metadata.name}: the tree is ${JSON.stringify(expected)}, it counts ${JSON.stringify(counted)}`,
      );
  }
  return violations;
}

function sorted(summary: ChildrenSummary): [string, number][] {
  return Object.entries(summary).sort(([a], [b]) => (a < b ? -1 : 1));
}

function count(runs: readonly LiveRun[]): ChildrenSummary {
  const summary = { total: runs.length, completed: 0, failed: 0, timedOut: 0, canceled: 0, running: 0, pending: 0 };
  for (const { status } of runs) summary[summaryState(status?.phase)] += 1;
  return summary;
}

function childrenOf(cluster: ModelCluster, run: LiveRun): LiveRun[] {
  return cluster.all(takoRuns).filter(child => controllerOf(child)?.uid === run.metadata.uid);
}

function descendants(cluster: ModelCluster, run: LiveRun): LiveRun[] {
  return childrenOf(cluster, run).flatMap(child => [child, ...descendants(cluster, child)]);
}

function rootUid({ metadata, spec }: LiveRun): string {
  return spec.parent?.root.uid ?? metadata.uid;
}

/** Whether a run ends only after this child of it. */
function isAwaited(run: LiveRun, child: LiveRun): boolean {
  if (run.spec.event !== undefined) return run.spec.waitForChildren !== false && run.status?.fanOut?.expanded === true;
  // A step that failed does not wait for what it started; that is stopped.
  return run.status?.phase === 'Succeeded' && child.spec.waitForChildren !== false;
}

/** Whether the status says that the attempt which a Pod is has ended. */
function hasEnded({ status }: LiveRun, pod: Pod): boolean {
  const attempt = status?.attempts?.find(({ podUID }) => podUID === pod.metadata.uid);
  return isTerminal(status?.phase) || attempt?.completionTime !== undefined;
}

/** A Pod that never came to a node is over with its deletion. */
function isGone({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined && status?.containerStatuses === undefined;
}
