import { ANNOTATIONS } from '../../api/meta.ts';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import type { ObjectName } from '../../fanout/objects.ts';
import type { ConfigMap } from '../../kube/objects.ts';
import type { GatewayRuns, LiveRun, RunContext } from '../runs.ts';

/** The cluster as the gateway uses it, in memory. */
export interface MemoryRuns extends GatewayRuns {
  /** Puts a run there, as it comes from the API server. */
  put(run: LiveRun): void;
  remove(run: ObjectName): void;
  report(run: ObjectName, status: TakoRunStatus): void;
  list(): LiveRun[];
  /** What the repository of every run is; and the deadline of the runs. */
  context: Omit<RunContext, 'run'>;
  configMaps: Map<string, ConfigMap>;
  /** Called before every call of the API; throw to make it fail. */
  beforeCall: (call: 'get' | 'create' | 'cancel' | 'retry' | 'getConfigMap' | 'createConfigMap') => void;
  /** How many wait now. */
  readonly waiting: number;
}

export function createMemoryRuns(): MemoryRuns {
  const runs = new Map<string, LiveRun>();
  const waiters = new Set<() => void>();
  let created = 0;

  const keyOf = ({ namespace, name }: { namespace?: string | undefined; name?: string | undefined }): string =>
    `${namespace}/${name}`;
  const changed = (): void => {
    for (const wake of [...waiters]) wake();
  };

  const memory: MemoryRuns = {
    context: { repository: { slug: 'acme/core-lib', artifacts: ['core', 'default'] } },
    configMaps: new Map(),
    beforeCall: () => {},
    get waiting() {
      return waiters.size;
    },
    put: run => {
      runs.set(keyOf(run.metadata), run);
      changed();
    },
    remove: run => {
      runs.delete(keyOf(run));
      changed();
    },
    report: (run, status) => {
      const found = runs.get(keyOf(run));
      if (found === undefined) throw new Error(`no run ${keyOf(run)}`);
      memory.put({ ...found, status: { ...found.status, ...status } });
    },
    list: () => [...runs.values()],
    findByPodUid: podUid => {
      const run = [...runs.values()].find(({ status }) => status?.attempts?.some(attempt => attempt.podUID === podUid));
      return run && { ...memory.context, run };
    },
    get: async (ref, signal) => {
      signal.throwIfAborted();
      memory.beforeCall('get');
      return runs.get(keyOf(ref));
    },
    create: async (manifest, signal) => {
      signal.throwIfAborted();
      memory.beforeCall('create');
      if (runs.has(keyOf(manifest.metadata))) return undefined;
      created += 1;
      const { namespace, name } = manifest.metadata;
      const run: LiveRun = {
        metadata: { ...manifest.metadata, namespace, name, uid: `uid-${created}` },
        spec: structuredClone(manifest.spec),
      };
      memory.put(run);
      return run;
    },
    cancel: async (ref, signal) => {
      signal.throwIfAborted();
      memory.beforeCall('cancel');
      const run = runs.get(keyOf(ref));
      if (run !== undefined) memory.put({ ...run, spec: { ...run.spec, cancel: true } });
    },
    retry: async (ref, { requestedAt, deadline }, signal) => {
      signal.throwIfAborted();
      memory.beforeCall('retry');
      const run = runs.get(keyOf(ref));
      if (run === undefined) return undefined;
      const annotations = { [ANNOTATIONS.retryAt]: requestedAt, [ANNOTATIONS.retryDeadline]: deadline };
      memory.put({ ...run, metadata: { ...run.metadata, annotations } });
      return runs.get(keyOf(ref));
    },
    waitForRun: async (ref, condition, signal) => {
      const current = (): LiveRun | undefined => runs.get(keyOf(ref));
      while (!condition(current()) && !signal.aborted) {
        await new Promise<void>(resolve => {
          const wake = (): void => {
            waiters.delete(wake);
            signal.removeEventListener('abort', wake);
            resolve();
          };
          waiters.add(wake);
          signal.addEventListener('abort', wake);
        });
      }
      return current();
    },
    getConfigMap: async (ref, signal) => {
      signal.throwIfAborted();
      memory.beforeCall('getConfigMap');
      return memory.configMaps.get(keyOf(ref));
    },
    createConfigMap: async (configMap, signal) => {
      signal.throwIfAborted();
      memory.beforeCall('createConfigMap');
      if (memory.configMaps.has(keyOf(configMap.metadata))) return false;
      memory.configMaps.set(keyOf(configMap.metadata), structuredClone(configMap));
      return true;
    },
  };
  return memory;
}
