import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { ApiServer, Fault } from '../../test/fixtures/api-server/server.ts';
import { startApiServer } from '../../test/fixtures/api-server/server.ts';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { until } from '../../test/fixtures/until.ts';
import type { KubeClient } from './client.ts';
import { createKubeClient } from './client.ts';
import { ApiError } from './errors.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { ConfigMap, Live } from './objects.ts';
import { configMaps } from './objects.ts';
import type { Reflector, ReflectorOptions } from './reflector.ts';
import { createReflector } from './reflector.ts';
import type { Store } from './store.ts';
import { createStore } from './store.ts';

let api: ApiServer;
let client: KubeClient;

beforeEach(async () => {
  api = await startApiServer();
  client = createKubeClient(api.config, { qps: 1e6, burst: 1e6 });
});

afterEach(async () => {
  await client.close();
  await api.close();
});

type Options = Partial<ReflectorOptions<ConfigMap, Live<ConfigMap>>>;

function reflect(options: Options = {}): { store: Store<Live<ConfigMap>>; reflector: Reflector; events: string[] } {
  const store = (options.store as Store<Live<ConfigMap>>) ?? createStore<Live<ConfigMap>>();
  const events: string[] = [];
  store.subscribe(event => {
    events.push(`${event.type} ${event.key}`);
  });
  const reflector = createReflector({
    client,
    type: configMaps,
    backOff: { firstMs: 1, longestMs: 5 },
    ...options,
    store,
  });
  reflector.start();
  onTestFinished(() => reflector.stop());
  return { store, reflector, events };
}

function put(name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}): void {
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'a', labels, managedFields: [{}] },
    data,
  };
  api.storage.put('/configmaps', `a/${name}`, object);
}

function remove(name: string): void {
  api.storage.delete('/configmaps', `a/${name}`);
}

function contents(store: Store<Live<ConfigMap>>): string[] {
  return [...store.values()].map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort();
}

function serverContents(): string[] {
  return api.storage
    .list('/configmaps')
    .map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`)
    .sort();
}

function lists(): number {
  return api.requests.filter(({ query }) => !query.has('watch') && !query.has('continue')).length;
}

function watchVersions(): (string | null)[] {
  return api.requests.filter(({ query }) => query.has('watch')).map(({ query }) => query.get('resourceVersion'));
}

async function whenWatching(): Promise<void> {
  await until('an open watch', () => api.openWatches === 1);
}

describe('in good times', () => {
  it('given objects, then the store is filled page by page, and follows what changes', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) put(name);
    const { store, reflector, events } = reflect({ pageSize: 2 });
    expect(reflector.hasSynced()).toBe(false);
    await reflector.synced();
    expect(reflector.hasSynced()).toBe(true);
    expect(contents(store)).toEqual(serverContents());
    expect(api.requests.filter(({ query }) => !query.has('watch'))).toHaveLength(3);
    await whenWatching();
    put('a', { k: 'v' });
    remove('b');
    put('f');
    await until('the changes', () => events.length === 8);
    expect(events.slice(5)).toEqual(['updated a/a', 'deleted a/b', 'added a/f']);
    expect(contents(store)).toEqual(serverContents());
  });

  it('given no projection, then everything is kept but managedFields', async () => {
    put('x', { k: 'v' });
    const { store, reflector } = reflect();
    await reflector.synced();
    expect(store.get('a/x')).toMatchObject({ kind: 'ConfigMap', data: { k: 'v' }, metadata: { name: 'x' } });
    expect(store.get('a/x')?.metadata.managedFields).toBeUndefined();
  });

  it('given a projection, then only what it gives is kept, from lists and from watches', async () => {
    put('x', { size: '5', other: 'long' });
    const store = createStore<{ metadata: Live['metadata']; size: number }>();
    const reflector = createReflector({
      client,
      type: configMaps,
      store,
      project: ({ metadata: { name, namespace = '', uid, resourceVersion, creationTimestamp }, data }) => ({
        metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
        size: Number(data?.size),
      }),
    });
    reflector.start();
    onTestFinished(() => reflector.stop());
    await reflector.synced();
    await whenWatching();
    put('y', { size: '7' });
    await until('the second', () => store.size === 2);
    expect([store.get('a/x')?.size, store.get('a/y')?.size]).toEqual([5, 7]);
    expect(Object.keys(store.get('a/y')!)).toEqual(['metadata', 'size']);
  });

  it('given a selection, then only what it selects is there, and what leaves it is deleted', async () => {
    put('x', {}, { k: 'v' });
    put('y');
    const { store, reflector } = reflect({ namespace: 'a', labelSelector: 'k=v' });
    await reflector.synced();
    await whenWatching();
    expect([...store.values()].map(({ metadata }) => metadata.name)).toEqual(['x']);
    put('x', {}, { k: 'other' });
    await until('its leaving', () => store.size === 0);
  });

  it('given 10 pages, then the event loop has a turn between them', async () => {
    for (let i = 0; i < 10; i++) put(`${i}`);
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 0);
    const { reflector } = reflect({ pageSize: 1 });
    await reflector.synced();
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});

describe('when watches end', () => {
  it('given a dropped watch, then it goes on from the last event without listing again', async () => {
    put('x');
    const { store, reflector } = reflect();
    await reflector.synced();
    await whenWatching();
    put('y');
    await until('the event', () => store.size === 2);
    api.dropWatches();
    put('z');
    await until('the missed event', () => store.size === 3);
    expect(lists()).toBe(1);
    expect(watchVersions()).toEqual(['2', '3']);
  });

  it('given bookmarks, then it goes on from the last one', async () => {
    const { reflector } = reflect();
    await reflector.synced();
    await whenWatching();
    api.storage.put('/others', 'x', { apiVersion: 'v1', kind: 'Other', metadata: { name: 'x' } });
    api.sendBookmarks();
    api.endWatches();
    await until('the next watch', () => watchVersions().length === 2);
    expect(watchVersions()).toEqual(['1', '2']);
  });

  it('given a hung watch, then it is noticed and replaced', async () => {
    const { store, reflector } = reflect({ idleTimeoutMs: 100 });
    await reflector.synced();
    await whenWatching();
    api.hangWatches();
    put('x');
    await until('the event by another watch', () => store.size === 1);
    expect(lists()).toBe(1);
  });

  it('given a version that is gone, then it lists again and handlers get the difference only', async () => {
    put('stays');
    put('changes');
    put('goes');
    const projected: string[] = [];
    const project = (object: Live<ConfigMap>): Live<ConfigMap> => {
      projected.push(object.metadata.name);
      return object;
    };
    const { reflector, events } = reflect({ project });
    await reflector.synced();
    await whenWatching();
    events.length = 0;
    projected.length = 0;
    api.faults = ({ query }) => (query.has('watch') ? { kind: 'status', code: 503 } : undefined);
    api.dropWatches();
    put('changes', { k: 'v' });
    remove('goes');
    put('comes');
    api.storage.compact();
    api.faults = () => undefined;
    await until('the second list', () => lists() === 2 && events.length === 3);
    expect(events).toEqual(['deleted a/goes', 'updated a/changes', 'added a/comes']);
    expect(projected.sort()).toEqual(['changes', 'comes']);
  });

  it('given a watch that says nonsense, then it lists again', async () => {
    const { reflector } = reflect();
    await reflector.synced();
    await whenWatching();
    api.sendToWatches('{"type":\n');
    await until('the second list', () => lists() === 2);
  });

  it('given a watch that the server ends, then it goes on', async () => {
    const { store, reflector } = reflect();
    await reflector.synced();
    await whenWatching();
    put('x');
    await until('the event', () => store.size === 1);
    api.endWatches();
    put('y');
    await until('the next', () => store.size === 2);
    expect(lists()).toBe(1);
  });
});

describe('when requests fail', () => {
  it('given an API server that refuses for a while, then it syncs in the end and says what went wrong', async () => {
    put('x');
    const warnings: object[] = [];
    const logger: Logger = { ...silentLogger, warn: fields => warnings.push(fields) };
    const faults: Fault[] = [
      { kind: 'status', code: 403, message: 'configmaps is forbidden' },
      { kind: 'status', code: 404 },
      { kind: 'body', code: 200, body: 'hello' },
    ];
    api.faults = () => faults.shift();
    const { store, reflector } = reflect({ logger });
    await reflector.synced();
    expect(store.size).toBe(1);
    expect(warnings[0]).toMatchObject({ resource: 'configmaps', err: { message: 'configmaps is forbidden' } });
    expect(warnings).toHaveLength(3);
  });

  it('given a snapshot that is lost between two pages, then it starts the list again', async () => {
    for (const name of ['a', 'b', 'c']) put(name);
    let lost = false;
    api.faults = ({ query }) => {
      if (lost || !query.has('continue')) return undefined;
      lost = true;
      put('d');
      api.storage.compact();
      return undefined;
    };
    const { store, reflector } = reflect({ pageSize: 1 });
    await reflector.synced();
    expect(contents(store)).toEqual(serverContents());
    expect(lists()).toBe(2);
  });

  it('given an object that cannot be projected, then it is logged and left out, and the others are there', async () => {
    put('good');
    put('bad');
    const errors: object[] = [];
    const { store, reflector } = reflect({
      logger: { ...silentLogger, error: fields => errors.push(fields) },
      project: object => {
        if (object.metadata.name === 'bad') throw new Error('broken');
        return object;
      },
    });
    await reflector.synced();
    await whenWatching();
    put('bad');
    put('also good');
    await until('the good ones', () => store.size === 2);
    expect(errors).toMatchObject([{ key: 'a/bad' }, { key: 'a/bad' }]);
  });
});

describe('pauses between attempts', () => {
  const refused = (retryAfterSeconds?: number) =>
    new ApiError({ class: 'transient', code: 503, reason: 'x', message: 'm', retryAfterSeconds });

  /** When, on the clock, the API was asked, with a client that fails in a given way. */
  async function attempts(failing: Partial<Pick<KubeClient, 'listAll' | 'watch'>>, ms: number): Promise<number[]> {
    const clock = createFakeClock();
    const times: number[] = [];
    const page = { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '1' }, items: [] };
    const works: Pick<KubeClient, 'listAll' | 'watch'> = {
      listAll: async function* () {
        yield page;
      },
      watch: async function* () {},
    };
    const noted = <F extends (...args: never[]) => unknown>(call: F): F =>
      ((...args: never[]) => {
        times.push(clock.monotonic());
        return call(...args);
      }) as F;
    const both = { ...works, ...failing };
    const reflector = createReflector({
      client: failing.listAll ? { ...both, listAll: noted(both.listAll) } : { ...both, watch: noted(both.watch) },
      type: configMaps,
      store: createStore<Live<ConfigMap>>(),
      clock,
      backOff: { random: () => 0 },
    });
    reflector.start();
    await clock.advance(ms);
    await reflector.stop();
    expect(clock.pending).toBe(0);
    return times;
  }

  it('given lists that fail, then they grow from 200 ms to 30 s', async () => {
    // biome-ignore lint/correctness/useYield: it fails before it has anything
    const listAll = async function* (): AsyncGenerator<never> {
      throw refused();
    };
    const times = await attempts({ listAll }, 120_000);
    const pauses = times.slice(1).map((time, index) => time - times[index]!);
    expect(pauses.slice(0, 4)).toEqual([200, 400, 800, 1_600]);
    expect(pauses.at(-1)).toBe(30_000);
  });

  it('given a Retry-After, then they are at least that', async () => {
    // biome-ignore lint/correctness/useYield: it fails before it has anything
    const watch = async function* (): AsyncGenerator<never> {
      throw refused(7);
    };
    expect(await attempts({ watch }, 15_000)).toEqual([0, 7_000, 14_000]);
  });

  it('given watches that end as soon as they begin, then they grow too', async () => {
    const watch = async function* (): AsyncGenerator<never> {};
    expect(await attempts({ watch }, 1_500)).toEqual([0, 200, 600, 1_400]);
  });
});

describe('stopping', () => {
  it('given a reflector that runs, when it is stopped, then its watch is closed and it does nothing more', async () => {
    const { reflector, store } = reflect();
    await reflector.synced();
    await whenWatching();
    await reflector.stop();
    await until('the end of the watch', () => api.openWatches === 0);
    put('x');
    expect([store.size, api.requests.length]).toEqual([0, 2]);
  });

  it('given a list that hangs, when it is stopped, then it ends', async () => {
    api.faults = () => ({ kind: 'hang' });
    const { reflector } = reflect();
    await until('the list', () => api.requests.length === 1);
    await reflector.stop();
    expect(reflector.hasSynced()).toBe(false);
  });

  it('given one that was never started, then it can be stopped', async () => {
    await createReflector({ client, type: configMaps, store: createStore() }).stop();
  });

  it('given a wait for the first sync, when its signal is aborted, then it rejects with the reason', async () => {
    api.faults = () => ({ kind: 'hang' });
    const { reflector } = reflect();
    const abort = new AbortController();
    const waiting = reflector.synced(abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(reflector.synced(abort.signal)).rejects.toThrow('enough');
  });
});

describe('under random faults', () => {
  it('given any changes and faults, then in the end the store is what the server has, and events add up to it', async () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    const action = fc.oneof(
      { weight: 6, arbitrary: name.map(n => ({ do: 'put' as const, name: n })) },
      { weight: 3, arbitrary: name.map(n => ({ do: 'remove' as const, name: n })) },
      {
        weight: 4,
        arbitrary: fc
          .constantFrom('drop', 'end', 'bookmark', 'compact', 'garble', 'wait')
          .map(kind => ({ do: kind, name: '' })),
      },
    );
    const fault: fc.Arbitrary<Fault | undefined> = fc.option(
      fc.oneof(
        fc.constantFrom(429, 500, 503, 410, 404).map(code => ({ kind: 'status' as const, code })),
        fc.constant({ kind: 'drop' as const }),
        fc.constant({ kind: 'body' as const, code: 200, body: '{"type":' }),
      ),
      { nil: undefined, freq: 2 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 40 }),
        fc.array(fault, { maxLength: 15 }),
        async (actions, faults) => {
          const server = await startApiServer();
          const impatient = createKubeClient(server.config, {
            qps: 1e6,
            burst: 1e6,
            clock: { ...createFakeClock(), sleep: async () => {} },
          });
          const store = createStore<Live<ConfigMap>>();
          const folded = new Map<string, string>();
          store.subscribe(event => {
            if (event.type === 'deleted') folded.delete(event.key);
            else folded.set(event.key, event.object.metadata.resourceVersion);
          });
          const reflector = createReflector({
            client: impatient,
            type: configMaps,
            store,
            pageSize: 2,
            backOff: { firstMs: 1, longestMs: 2 },
          });
          try {
            server.faults = () => faults.shift();
            reflector.start();
            for (const step of actions) {
              const key = `a/${step.name}`;
              if (step.do === 'put')
                server.storage.put('/configmaps', key, {
                  apiVersion: 'v1',
                  kind: 'ConfigMap',
                  metadata: { name: step.name, namespace: 'a' },
                });
              else if (step.do === 'remove') server.storage.delete('/configmaps', key);
              else if (step.do === 'drop') server.dropWatches();
              else if (step.do === 'end') server.endWatches();
              else if (step.do === 'bookmark') server.sendBookmarks();
              else if (step.do === 'compact') server.storage.compact();
              else if (step.do === 'garble') server.sendToWatches('{"nonsense\n');
              else await new Promise(resolve => setTimeout(resolve, 2));
            }
            const wanted = (): Map<string, string> =>
              new Map(
                server.storage
                  .list('/configmaps')
                  .map(({ metadata: m }) => [`${m.namespace}/${m.name}`, m.resourceVersion]),
              );
            const got = (): Map<string, string> =>
              new Map([...store.values()].map(({ metadata: m }) => [`${m.namespace}/${m.name}`, m.resourceVersion]));
            await until('the store to equal the server', () => reflector.hasSynced() && sameEntries(got(), wanted()));
            expect(sameEntries(folded, wanted())).toBe(true);
          } finally {
            await reflector.stop();
            await impatient.close();
            await server.close();
          }
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);
});

function sameEntries(a: Map<string, string>, b: Map<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
