import type { TakoRun } from '../api/resources.ts';
import { takoRuns } from '../api/resources.ts';
import { milliseconds } from '../controllers/run/durations.ts';
import { RUN_INDEXES } from '../controllers/run/indexes.ts';
import type { LiveRepository, LiveRun } from '../controllers/run/observed.ts';
import { createTakoRunRunner } from '../controllers/run/runner.ts';
import { tellOfRetry } from '../controllers/run/tell-of-retry.ts';
import { countedFrom, inheritedDeadline, runDeadline, startedAt } from '../fanout/deadline.ts';
import type { GatewayRuns } from '../gateway/runs.ts';
import type { KubeClient } from '../kube/client.ts';
import { undefinedWhen } from '../kube/errors.ts';
import { configMaps, keyOf } from '../kube/objects.ts';
import type { ReadonlyStore } from '../kube/store.ts';

export interface GatewayRunsOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'mergePatch'>;
  readonly runs: ReadonlyStore<LiveRun>;
  readonly repositories: ReadonlyStore<LiveRepository>;
  readonly defaultTimeoutMs: number;
}

/** The cluster as the gateway uses it: reads from the stores that every replica has, writes through the client. */
export function createGatewayRuns({ client, runs, repositories, defaultTimeoutMs }: GatewayRunsOptions): GatewayRuns {
  const waiters = createWaiters();
  const runner = createTakoRunRunner(client);
  runs.subscribe(event => waiters.wake(event.key));
  return {
    findByPodUid(podUid) {
      const run = runs.byIndex(RUN_INDEXES.podUid, podUid)[0] as
        | (LiveRun & { metadata: { namespace: string } })
        | undefined;
      if (run === undefined) return undefined;
      const { namespace } = run.metadata;
      const repository = repositories.get(keyOf({ namespace, name: run.spec.workflow?.repositoryRef.name ?? '' }));
      const inheritedMs = inheritedDeadline(run);
      return {
        run,
        repository: {
          slug: run.status?.repository ?? repository?.status?.slug ?? '',
          artifacts: repository?.status?.artifacts ?? ['default'],
        },
        deadlineMs: runDeadline({
          createdMs: countedFrom(run),
          startedMs: startedAt(run) ?? countedFrom(run),
          timeoutMs: milliseconds(run.spec.timeout ?? repository?.spec.runTemplate?.timeout, defaultTimeoutMs),
          ...(inheritedMs === undefined ? {} : { inheritedMs }),
        }),
      };
    },
    get: (ref, signal) => undefinedWhen(client.get(takoRuns, ref, { signal }), 'notFound') as never,
    create: (manifest, signal) =>
      undefinedWhen(client.create(takoRuns, manifest as TakoRun, { signal }), 'alreadyExists') as never,
    cancel: (ref, signal) => runner.cancel(ref, { signal }),
    retry: (ref, order, signal) => undefinedWhen(tellOfRetry(client, ref, { ...order, signal }), 'notFound') as never,
    async waitForRun(ref, condition, signal) {
      const key = keyOf(ref);
      const current = () => runs.get(key) as never;
      if (condition(current()) || signal.aborted) return current();
      await new Promise<void>(resolve => {
        const done = () => {
          signal.removeEventListener('abort', done);
          forget();
          resolve();
        };
        const forget = waiters.add(key, () => {
          if (condition(current())) done();
        });
        signal.addEventListener('abort', done, { once: true });
      });
      return current();
    },
    getConfigMap: (ref, signal) => undefinedWhen(client.get(configMaps, ref, { signal }), 'notFound'),
    createConfigMap: async (configMap, signal) =>
      (await undefinedWhen(client.create(configMaps, configMap, { signal }), 'alreadyExists')) !== undefined,
  };
}

/** Callbacks by key: a thousand agents that wait share one subscription to the store. */
function createWaiters(): { add(key: string, callback: () => void): () => void; wake(key: string): void } {
  const byKey = new Map<string, Set<() => void>>();
  return {
    add(key, callback) {
      const callbacks = byKey.get(key) ?? new Set();
      byKey.set(key, callbacks.add(callback));
      return () => {
        callbacks.delete(callback);
        if (callbacks.size === 0) byKey.delete(key);
      };
    },
    wake(key) {
      for (const callback of [...(byKey.get(key) ?? [])]) callback();
    },
  };
}
