import { takoRepositories, takoRuns } from '../../../src/api/resources.ts';
import { createBreakers } from '../../../src/controllers/repository/breakers.ts';
import { createAdmission } from '../../../src/controllers/run/admission.ts';
import { createEarlyResults } from '../../../src/controllers/run/early-results.ts';
import { type LiveRun, projectPod } from '../../../src/controllers/run/observed.ts';
import { createRunReconciler, type Planners } from '../../../src/controllers/run/reconciler.ts';
import { createTakoRunRunner } from '../../../src/controllers/run/runner.ts';
import { settings } from '../../../src/controllers/run/testing/builders.ts';
import { DEFAULT_BREAKER_POLICY } from '../../../src/fanout/breaker.ts';
import type { Clock } from '../../../src/kube/clock.ts';
import { silentLogger } from '../../../src/kube/logger.ts';
import { type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import { createStores, repositoriesBySlug, runSources, subscriberIndex } from '../../../src/operator/stores.ts';
import { NO_LIMITS } from '../../../src/queue/testing/naive.ts';
import { apiError, type Change, type ModelCluster, type Transport } from './cluster.ts';
import { reader } from './repositories.ts';

/** What happens to one call of the operator to the API server. */
export type Fault =
  /** It is refused, or never arrives. */
  | 'refused'
  /** It has its effect, and its answer gets lost. */
  | 'lost'
  /** Somebody else was faster; of a write of a status. */
  | 'conflict'
  /** The operator is killed before the call, or after it. */
  | 'killed before'
  | 'killed after';

export interface Process {
  /** Whether it was killed. */
  readonly isDead: boolean;
  /** Makes the `nth` call from now on end like this. */
  fail(nth: number, fault: Fault): void;
  /** Forgets a fault that has not come up. */
  heal(): void;
  kill(): void;
  /** An agent's call of the gateway as it ends. */
  tell(pod: Live<Pod>, message: string): void;
  /** Brings at most `count` changes of a resource into its store. Says whether there were any. */
  deliver(type: 'takoruns' | 'pods', count: number): boolean;
  /** Brings all changes into its stores. Says whether there were any. */
  catchUp(): boolean;
  /** Reconciles at most `width` runs that are due at the same time, from the `first` on in their order. Says whether there were any. */
  reconcile(first: number, width: number): Promise<boolean>;
  /** Until a run is due, milliseconds; undefined when none will be. */
  nextDueMs(): number | undefined;
}

/** Wait after a reconcile that failed, milliseconds. */
const BACK_OFF_MS = 1_000;

/** The run controller of one operator process: real but for the connection to the API server, the queue and the reflectors. */
export function startProcess(cluster: ModelCluster, clock: Clock, planners: Planners | undefined): Process {
  let dead = false;
  let next: { left: number; fault: Fault } | undefined;
  let calls = 0;
  let lost: Fault | undefined;

  const die = (): never => {
    dead = true;
    throw new Error('this process was killed');
  };
  const transport: Transport = {
    async before(method) {
      calls += 1;
      // Calls under way at the same time overtake each other.
      for (let turns = (calls * 7) % 4; turns > 0; turns--) await null;
      if (dead) die();
      if (next === undefined || --next.left > 0) return;
      const { fault } = next;
      if (fault === 'conflict' && method !== 'applyServerSide') return;
      next = undefined;
      if (fault === 'killed before') die();
      if (fault === 'refused') throw apiError('transient', 'planted: refused');
      if (fault === 'conflict') throw apiError('conflict', 'planted: the object has been modified');
      lost = fault;
    },
    async after() {
      const fault = lost;
      lost = undefined;
      if (dead || fault === 'killed after') die();
      if (fault === 'lost') throw apiError('transient', 'planted: the answer got lost');
    },
  };

  const client = cluster.client(transport);
  const stores = createStores(silentLogger);
  const due = new Map<string, number>();
  const enqueue = (key: string, afterMs = 0): void => {
    const at = clock.monotonic() + afterMs;
    due.set(key, Math.min(at, due.get(key) ?? Number.POSITIVE_INFINITY));
  };
  // A new process lists all that there is, and watches from there.
  for (const run of cluster.all(takoRuns)) stores.runs.set(run as LiveRun);
  for (const pod of cluster.all(pods)) stores.pods.set(projectPod(pod));
  for (const repository of cluster.all(takoRepositories)) stores.repositories.set(repository);
  const cursors = { takoruns: cluster.changes.length, pods: cluster.changes.length };
  const earlyResults = createEarlyResults({ ...stores, now: () => clock.now().getTime(), metrics: { told: () => {} } });
  for (const source of [...runSources(stores), earlyResults.source]) source.start(key => enqueue(key));

  const subscribers = subscriberIndex(stores.repositories);
  const reconcile = createRunReconciler({
    ...stores,
    client,
    clock,
    recorder: { event: () => {}, stop: async () => {} },
    logger: silentLogger,
    runner: createTakoRunRunner(client),
    earlyResults,
    admission: createAdmission({ limits: NO_LIMITS, wake: key => enqueue(key), clock }),
    options: settings,
    breakers: createBreakers({ ...stores, policy: DEFAULT_BREAKER_POLICY }),
    prepare: { reader, secrets: { read: async () => undefined } },
    expand: {
      repositoriesBySlug: (namespace, slug) => repositoriesBySlug(stores.repositories, namespace, slug),
      subscribers,
      evaluator: {
        evaluate: async () => ({ ok: true, value: true }),
        evaluateMany: async () => [],
        close: async () => {},
      },
      emitter: async name => ({ name, labels: {} }),
    },
    gatewayCa: () => 'PEM',
    ...(planners === undefined ? {} : { planners }),
  });

  async function reconcileOne(key: string): Promise<void> {
    due.delete(key);
    try {
      const result = await reconcile(key, NEVER);
      if (result?.requeueAfterMs !== undefined) enqueue(key, result.requeueAfterMs);
    } catch {
      enqueue(key, BACK_OFF_MS);
    }
  }

  function take({ type, key, object }: Change): void {
    if (type === 'pods') {
      if (object === undefined) stores.pods.delete(key);
      else stores.pods.set(projectPod(object as unknown as Live<Pod>));
    } else if (object === undefined) stores.runs.delete(key);
    else stores.runs.set(object as unknown as LiveRun);
  }

  function deliver(type: 'takoruns' | 'pods', count: number): boolean {
    let delivered = 0;
    while (cursors[type] < cluster.changes.length && delivered < count) {
      const change = cluster.changes[cursors[type]++]!;
      if (change.type !== type) continue;
      take(change);
      delivered += 1;
    }
    return delivered > 0;
  }

  return {
    get isDead() {
      return dead;
    },
    fail: (nth, fault) => {
      next = { left: nth, fault };
    },
    heal: () => {
      next = undefined;
    },
    kill: () => {
      dead = true;
    },
    tell({ metadata: { namespace = '', name, uid } }, message) {
      earlyResults.tell({ namespace, name, uid }, message);
    },
    deliver,
    catchUp: () =>
      [deliver('takoruns', Number.POSITIVE_INFINITY), deliver('pods', Number.POSITIVE_INFINITY)].includes(true),
    async reconcile(first, width) {
      const ready = [...due].filter(([, at]) => at <= clock.monotonic()).map(([key]) => key);
      const start = first % Math.max(1, ready.length);
      const chosen = [...ready.slice(start), ...ready.slice(0, start)].slice(0, width);
      await Promise.all(chosen.map(reconcileOne));
      return chosen.length > 0;
    },
    nextDueMs() {
      if (due.size === 0) return undefined;
      return Math.max(0, Math.min(...due.values()) - clock.monotonic());
    },
  };
}

const NEVER = new AbortController().signal;
