import { AGENT_CONTAINER, type AgentResult, PROTOCOL_VERSION } from '../../../src/agent/contract.ts';
import { API_VERSION } from '../../../src/api/meta.ts';
import { takoRepositories, takoRuns } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { isTerminal } from '../../../src/api/takorun-status.ts';
import type { LiveRun } from '../../../src/controllers/run/observed.ts';
import type { Planners } from '../../../src/controllers/run/reconciler.ts';
import { eventRun } from '../../../src/fanout/event-run.ts';
import { controllerOf, type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import { createFakeClock } from '../../fixtures/fake-clock.ts';
import { createModelCluster, type ModelCluster } from './cluster.ts';
import { type Watched, watchInvariants } from './invariants.ts';
import { type Process, startProcess } from './process.ts';
import { emitted, repositories, STEP, WORKFLOW } from './repositories.ts';

const NAMESPACE = 'team';

/** How a Pod that runs comes to its end. */
export type PodEnd = 'succeeds' | 'fails' | 'is evicted' | 'crashes';

/** One operator on a cluster with a few repositories, its kubelet, its agents and its users. */
export interface ModelWorld {
  readonly cluster: ModelCluster;
  operator: Process;
  /** What was seen so far. */
  readonly watched: Watched;
  /** Goes on by `ms`, and the wall clock by `jumpMs` more. */
  advance(ms: number, jumpMs?: number): void;
  /** A new operator, in place of one that is killed first. */
  restart(): void;
  apply(spec: TakoRunSpec): void;
  /** The Pods that have not ended, oldest first. */
  openPods(): Live<Pod>[];
  runs(): LiveRun[];
  /** One step of a Pod: it starts, its agent emits, or it ends like this. Says whether it took one. */
  goOn(pod: Live<Pod>, how: PodEnd): boolean;
}

export function createModelWorld(planners?: Planners): ModelWorld {
  const clock = createFakeClock('2026-01-01T00:00:00Z');
  let jumpedMs = 0;
  const wall = { ...clock, now: () => new Date(clock.now().getTime() + jumpedMs) };
  const cluster = createModelCluster(wall.now);
  for (const repository of repositories) cluster.create(takoRepositories, repository);
  const watched = watchInvariants(cluster);
  /** UIDs of Pods whose agents have told their end. */
  const told = new Set<string>();
  let applied = 0;

  const report = (pod: Live<Pod>, status: Pod['status']) =>
    cluster.change(pods, pod.metadata, old => ({ ...old, status: { ...old.status, ...status } }));
  const runOf = (pod: Pod): LiveRun | undefined =>
    cluster.all(takoRuns).find(({ metadata }) => metadata.uid === controllerOf(pod)?.uid);
  const timestamp = () => `${wall.now().toISOString().slice(0, 19)}Z`;

  const world: ModelWorld = {
    cluster,
    watched,
    operator: startProcess(cluster, wall, planners),
    advance(ms, jumpMs = 0) {
      clock.advanceSync(ms);
      jumpedMs += jumpMs;
    },
    restart() {
      world.operator.kill();
      world.operator = startProcess(cluster, wall, planners);
    },
    apply(spec) {
      applied += 1;
      const metadata = { namespace: NAMESPACE, name: `run-${applied}` };
      cluster.create(takoRuns, { apiVersion: API_VERSION, kind: 'TakoRun', metadata, spec });
    },
    openPods: () => cluster.all(pods).filter(isOpen),
    runs: () => cluster.all(takoRuns),
    goOn(pod, how) {
      const stopped = pod.metadata.deletionTimestamp !== undefined;
      if (!isRunning(pod)) {
        if (stopped) return false;
        const running = { startedAt: timestamp() };
        report(pod, { phase: 'Running', containerStatuses: containers(pod, { running }) });
        return true;
      }
      if (!stopped && how === 'succeeds') {
        const run = runOf(pod);
        const type = emitted(run?.spec.workflow?.repositoryRef.name ?? '');
        if (run !== undefined && type !== undefined && !hasEmitted(cluster, run)) return emit(pod, run, type);
      }
      if (!stopped && how === 'succeeds' && !told.has(pod.metadata.uid)) {
        told.add(pod.metadata.uid);
        world.operator.tell(pod, written(how, runOf(pod)));
        return true;
      }
      end(pod, endOf(pod, how));
      return true;
    },
  };

  /** The agent's call of the gateway, which serves the last attempt alone, and only once the status tells of it. */
  function emit(pod: Live<Pod>, run: LiveRun, type: string): boolean {
    const attempt = run.status?.attempts?.at(-1);
    if (isTerminal(run.status?.phase) || attempt?.podUID !== pod.metadata.uid || attempt.completionTime !== undefined)
      return false;
    const slug = `acme/${run.spec.workflow!.repositoryRef.name}`;
    const manifest = eventRun(run, {
      step: STEP,
      slug,
      event: { type, source: `${slug}:core`, schemaVersion: '1.0.0' },
      waitForChildren: true,
      concurrencyLimit: 2,
      deadlineMs: Date.parse(run.metadata.creationTimestamp) + 3_600_000,
    });
    cluster.create(takoRuns, manifest as never);
    return true;
  }

  /** An agent that has told its success has nothing left that can fail. Its node may still take the result away. */
  function endOf(pod: Live<Pod>, how: PodEnd): PodEnd | 'is stopped' {
    if (told.has(pod.metadata.uid)) return how === 'is evicted' ? how : 'succeeds';
    return pod.metadata.deletionTimestamp === undefined ? how : 'is stopped';
  }

  function end(pod: Live<Pod>, how: PodEnd | 'is stopped'): void {
    const succeeded = how === 'succeeds';
    const terminated = {
      reason: succeeded ? 'Completed' : 'Error',
      exitCode: succeeded ? 0 : 1,
      message: written(how, runOf(pod)),
      finishedAt: timestamp(),
    };
    report(pod, {
      phase: succeeded ? 'Succeeded' : 'Failed',
      ...(how === 'is evicted' ? { reason: 'Evicted', message: 'the node was low on memory' } : {}),
      containerStatuses: containers(pod, { terminated }),
    });
  }

  return world;
}

/** A run of the root's workflow, or of its event. */
export function rootSpec(
  kind: 'workflow' | 'event' | 'event that does not wait',
  concurrencyLimit: number,
): TakoRunSpec {
  if (kind === 'workflow') return { workflow: { repositoryRef: { name: 'library' }, name: WORKFLOW } };
  const event = { type: 'library_built', source: 'acme/library:core', schemaVersion: '1.0.0' };
  return { event, concurrencyLimit, waitForChildren: kind === 'event' };
}

function hasEmitted(cluster: ModelCluster, run: LiveRun): boolean {
  return cluster.all(takoRuns).some(other => controllerOf(other)?.uid === run.metadata.uid);
}

/** What the agent leaves. */
function written(how: PodEnd | 'is stopped', run: LiveRun | undefined): string {
  const emits = emitted(run?.spec.workflow?.repositoryRef.name ?? '') !== undefined;
  const failed = { protocol: PROTOCOL_VERSION, state: 'failed', steps: [] } as const;
  const text = (result: AgentResult): string => JSON.stringify(result);
  switch (how) {
    case 'succeeds':
      return text({
        protocol: PROTOCOL_VERSION,
        state: 'succeeded',
        steps: [{ id: emits ? STEP : 'test', phase: 'Succeeded' }],
        ...(emits ? { waitFor: [STEP] } : {}),
      });
    case 'fails':
      return text({ ...failed, errorType: 'workflow_failed', reason: 'StepFailed', message: 'exit code 1' });
    case 'is stopped':
      return text({ ...failed, errorType: 'canceled', reason: 'Canceled', message: 'the run was stopped' });
    case 'is evicted':
    case 'crashes':
      return '';
  }
}

function containers(pod: Pod, state: object) {
  return pod.spec.containers.map(({ name, image = '' }) => ({
    name,
    image,
    imageID: '',
    ready: false,
    restartCount: 0,
    state,
  }));
}

/** Whether a kubelet has still to do with it. */
export function isOpen({ status }: Pod): boolean {
  return status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

function isRunning({ status }: Pod): boolean {
  return status?.containerStatuses?.find(({ name }) => name === AGENT_CONTAINER)?.state?.running !== undefined;
}
