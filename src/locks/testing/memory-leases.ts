import type { KubeClient } from '../../kube/client.ts';
import { ApiError, type ErrorClass } from '../../kube/errors.ts';
import { type KubeObject, keyOf, type Lease, type Live } from '../../kube/objects.ts';

/**
 * What goes wrong with a call. `lostAnswer`: it is done, but who asked learns nothing of it. `late`: who asked gives up, and it is done after
 * that.
 */
export type LeaseFault = 'error' | 'lostAnswer' | 'late' | 'conflict';

export interface MemoryLeases {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  /** By `namespace/name`; a test may write and delete as a person with kubectl does. */
  get(key: string): Live<Lease> | undefined;
  put(lease: Lease): void;
  delete(key: string): void;
  /** Counts of calls since the start. */
  readonly calls: { get: number; create: number; replace: number };
  /** Told of every write and deletion, in order; undefined: it was deleted. */
  onChange: (key: string, lease: Live<Lease> | undefined) => void;
}

export interface MemoryLeasesOptions {
  /** Called before a request arrives and again before its answer does: where the time of a network goes. */
  readonly delay?: () => Promise<void>;
  /** How long a late request is on its way. */
  readonly lateness?: () => Promise<void>;
  /** False: writes go through whatever version they started from, as with no API server that there is. */
  readonly compares?: boolean;
  readonly fault?: (call: 'get' | 'create' | 'replace') => LeaseFault | undefined;
}

/** Leases in memory with the API server's optimistic concurrency. What it does when all goes well is held against Kubernetes by an integration test. */
export function createMemoryLeases(options: MemoryLeasesOptions = {}): MemoryLeases {
  const { delay = async () => {}, lateness = async () => {}, fault = () => undefined, compares = true } = options;
  const objects = new Map<string, Live<Lease>>();
  const calls = { get: 0, create: 0, replace: 0 };
  let version = 0;
  let uids = 0;

  const store = (lease: Lease, uid: string): Live<Lease> => {
    const key = keyOf({ namespace: lease.metadata.namespace, name: lease.metadata.name! });
    const live: Live<Lease> = {
      ...lease,
      metadata: {
        ...lease.metadata,
        name: lease.metadata.name!,
        uid,
        resourceVersion: `${++version}`,
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
    };
    objects.set(key, live);
    memory.onChange(key, live);
    return live;
  };

  const serve = async (call: keyof typeof calls, act: () => Live<Lease>): Promise<Live<Lease>> => {
    calls[call] += 1;
    await delay();
    const kind = fault(call);
    if (kind === 'error') throw problem('transient', 500, 'InternalError');
    if (kind === 'conflict' && call !== 'get') throw problem('conflict', 409, 'Conflict');
    if (kind === 'late') {
      void lateness()
        .then(act)
        .catch(() => {});
      throw problem('transient', 0, 'UND_ERR_HEADERS_TIMEOUT');
    }
    const result = act();
    await delay();
    if (kind === 'lostAnswer') throw problem('transient', 0, 'UND_ERR_SOCKET');
    return result;
  };

  const client = {
    get: (_type: unknown, ref: { name: string; namespace?: string | undefined }) =>
      serve('get', () => objects.get(keyOf(ref)) ?? refuse('notFound', 404, 'NotFound')),
    create: (_type: unknown, lease: KubeObject) =>
      serve('create', () => {
        if (objects.has(keyOf({ namespace: lease.metadata.namespace, name: lease.metadata.name! }))) {
          refuse('alreadyExists', 409, 'AlreadyExists');
        }
        return store(lease as Lease, `uid-${++uids}`);
      }),
    replace: (_type: unknown, lease: KubeObject) =>
      serve('replace', () => {
        const { name, namespace, resourceVersion, uid } = lease.metadata;
        const current = objects.get(keyOf({ namespace, name: name! }));
        const isSame = current?.metadata.uid === uid && current?.metadata.resourceVersion === resourceVersion;
        if (current === undefined || (compares && !isSame)) {
          refuse('conflict', 409, 'Conflict');
        }
        return store(lease as Lease, uid!);
      }),
  };

  const memory: MemoryLeases = {
    client: client as unknown as MemoryLeases['client'],
    get: key => objects.get(key),
    put: lease => {
      store(lease, lease.metadata.uid ?? `uid-${++uids}`);
    },
    delete: key => {
      if (objects.delete(key)) memory.onChange(key, undefined);
    },
    calls,
    onChange: () => {},
  };
  return memory;
}

function refuse(errorClass: ErrorClass, code: number, reason: string): never {
  throw problem(errorClass, code, reason);
}

function problem(errorClass: ErrorClass, code: number, reason: string): ApiError {
  return new ApiError({ class: errorClass, code, reason, message: `a simulated ${reason}` });
}
