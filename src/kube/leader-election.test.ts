import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStorage } from '../../test/fixtures/api-server/storage.ts';
import type { FakeClock } from '../../test/fixtures/fake-clock.ts';
import { createFakeClock, settled } from '../../test/fixtures/fake-clock.ts';
import type { KubeClient } from './client.ts';
import { ApiError } from './errors.ts';
import type { ElectionOutcome, LeaderElectionOptions, Leadership } from './leader-election.ts';
import { createLeaderElector } from './leader-election.ts';
import type { Lease } from './objects.ts';

type LeaseClient = LeaderElectionOptions['client'];

/** The API as leader election sees it, with what may go wrong in it. */
function leaseServer(clock: FakeClock) {
  const storage = createStorage();
  const server = {
    storage,
    /** What becomes of the next calls of that contender: done and told, told 1 s later, not told, refused, or no answer ever. */
    mode: new Map<string, 'works' | 'slow' | 'lostAnswer' | 'fails' | 'hangs'>(),
    lease: () => storage.get('/leases', 'n/leader') as Lease | undefined,
    clientOf: (identity: string): LeaseClient => {
      const act = async <R>(signal: AbortSignal | undefined, effect: () => R): Promise<R> => {
        signal?.throwIfAborted();
        const mode = server.mode.get(identity) ?? 'works';
        if (mode === 'hangs') await clock.sleep(3_600_000, signal);
        if (mode === 'fails') throw apiError('transient', 500);
        const result = effect();
        if (mode === 'slow') await clock.sleep(1_000, signal);
        if (mode === 'lostAnswer') throw apiError('transient', 0);
        return result;
      };
      const get: KubeClient['get'] = (_type, _ref, options) =>
        act(options?.signal, () => {
          const lease = storage.get('/leases', 'n/leader');
          if (lease === undefined) throw apiError('notFound', 404);
          return lease as never;
        });
      const create: KubeClient['create'] = (_type, object, options) =>
        act(options?.signal, () => {
          if (server.lease() !== undefined) throw apiError('alreadyExists', 409);
          return storage.put('/leases', 'n/leader', object) as never;
        });
      const replace: KubeClient['replace'] = (_type, object, options) =>
        act(options?.signal, () => {
          if (server.lease()?.metadata.resourceVersion !== object.metadata.resourceVersion)
            throw apiError('conflict', 409);
          return storage.put('/leases', 'n/leader', object) as never;
        });
      return { get, create, replace };
    },
  };
  return server;
}

function apiError(kind: ApiError['class'], code: number): ApiError {
  return new ApiError({ class: kind, code, reason: kind, message: kind });
}

interface Contender {
  /** `started FENCE` and `stopped`, with their times. */
  log: string[];
  leadership: Leadership | undefined;
  outcome: ElectionOutcome | undefined;
  isLeader(): boolean;
  leader(): string | undefined;
  stop(): void;
}

function contend(
  server: ReturnType<typeof leaseServer>,
  clock: FakeClock,
  identity: string,
  options: Partial<LeaderElectionOptions> = {},
): Contender {
  const abort = new AbortController();
  const elector = createLeaderElector({
    client: server.clientOf(identity),
    namespace: 'n',
    name: 'leader',
    identity,
    clock,
    random: () => 0,
    onStartedLeading: leadership => {
      contender.leadership = leadership;
      contender.log.push(`started ${leadership.fence} @${clock.monotonic()}`);
    },
    onStoppedLeading: () => contender.log.push(`stopped @${clock.monotonic()}`),
    ...options,
  });
  const contender: Contender = {
    log: [],
    leadership: undefined,
    outcome: undefined,
    isLeader: elector.isLeader,
    leader: elector.leader,
    stop: () => abort.abort(new Error('stop')),
  };
  elector.run(abort.signal).then(outcome => {
    contender.outcome = outcome;
  });
  return contender;
}

function setup() {
  const clock = createFakeClock();
  return { clock, server: leaseServer(clock) };
}

describe('two contenders', () => {
  it('given no Lease, then one leads and keeps leading, and the other waits and knows who leads', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await settled();
    const b = contend(server, clock, 'b');
    await clock.advance(120_000);
    expect([a.isLeader(), b.isLeader(), b.leader()]).toEqual([true, false, 'a']);
    expect([a.log, b.log]).toEqual([['started 0 @0'], []]);
  });

  it('given a clean exit, then the Lease is released and the other leads at its next try', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await settled();
    const b = contend(server, clock, 'b');
    await clock.advance(10_000);
    a.stop();
    await settled();
    expect([a.outcome, server.lease()?.spec?.holderIdentity]).toEqual(['stopped', undefined]);
    expect(a.leadership?.signal.aborted).toBe(true);
    await clock.advance(2_000);
    expect([a.log, b.log]).toEqual([['started 0 @0', 'stopped @10000'], ['started 1 @12000']]);
  });

  it('given a leader that is killed, then the other leads when the Lease has run out by its own clock', async () => {
    const { clock, server } = setup();
    contend(server, clock, 'a');
    await settled();
    const b = contend(server, clock, 'b');
    await clock.advance(10_000);
    server.mode.set('a', 'hangs');
    await clock.advance(14_000);
    expect(b.isLeader()).toBe(false);
    await clock.advance(4_000);
    expect(b.log).toEqual([expect.stringMatching(/^started 1 @2[45678]\d{3}$/)]);
  });

  it('given times in the Lease from a clock that is an hour off, then they change nothing', async () => {
    const { clock, server } = setup();
    const spec = {
      holderIdentity: 'z',
      leaseDurationSeconds: 15,
      renewTime: '2025-12-31T23:00:00.000000Z',
      leaseTransitions: 7,
    };
    const put = () =>
      server.storage.put('/leases', 'n/leader', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'leader', namespace: 'n' },
        spec,
      } as Lease);
    put();
    const a = contend(server, clock, 'a');
    for (let i = 0; i < 6; i++) {
      await clock.advance(10_000);
      put();
    }
    expect(a.isLeader()).toBe(false);
    await clock.advance(18_000);
    expect(a.log).toEqual([expect.stringContaining('started 8')]);
  });

  it('given two that start at the same moment, then exactly one creates the Lease', async () => {
    const { clock, server } = setup();
    const contenders = ['a', 'b', 'c'].map(identity => contend(server, clock, identity));
    await clock.advance(5_000);
    expect(contenders.filter(contender => contender.isLeader())).toHaveLength(1);
  });
});

describe('losing leadership', () => {
  it('given an API server that answers with errors, then the leader steps down 10 s after its last renewal', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a', { retryPeriodMs: 3_000 });
    await clock.advance(6_100);
    server.mode.set('a', 'fails');
    await clock.advance(9_800);
    expect([a.isLeader(), a.leadership?.signal.aborted]).toEqual([true, false]);
    await clock.advance(200);
    expect(a.log.at(-1)).toBe('stopped @16000');
    expect([a.outcome, a.leadership?.signal.aborted]).toEqual(['lost', true]);
  });

  it('given an API server that does not answer at all, then the same', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await clock.advance(6_100);
    server.mode.set('a', 'hangs');
    await clock.advance(10_000);
    expect([a.log.at(-1), a.outcome]).toEqual(['stopped @16000', 'lost']);
  });

  it('given answers that are slow, then the time counts from when the renewal was sent', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await clock.advance(1_900);
    server.mode.set('a', 'slow');
    await clock.advance(200);
    server.mode.set('a', 'hangs');
    await clock.advance(20_000);
    expect(a.log.at(-1)).toBe('stopped @12000');
  });

  it('given errors that end in time, then it goes on leading', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await clock.advance(6_100);
    server.mode.set('a', 'fails');
    await clock.advance(7_000);
    server.mode.set('a', 'works');
    await clock.advance(60_000);
    expect(a.log).toEqual(['started 0 @0']);
  });

  it('given a renewal whose answer was lost, then it goes on leading with the same fence', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await clock.advance(1_000);
    server.mode.set('a', 'lostAnswer');
    await clock.advance(2_000);
    server.mode.set('a', 'works');
    await clock.advance(60_000);
    expect([a.log, server.lease()?.spec?.leaseTransitions]).toEqual([['started 0 @0'], 0]);
  });

  it('given someone who puts a label on the Lease, then it goes on leading', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await clock.advance(1_000);
    const lease = server.lease()!;
    server.storage.put('/leases', 'n/leader', { ...lease, metadata: { ...lease.metadata, labels: { k: 'v' } } });
    await clock.advance(60_000);
    expect([a.log, server.lease()?.metadata.labels]).toEqual([['started 0 @0'], { k: 'v' }]);
  });

  it.each([
    ['taken by another', { holderIdentity: 'z', leaseTransitions: 1 }],
    ['taken and released by another', { leaseTransitions: 1 }],
    ['mine, but with the transitions of a later term', { holderIdentity: 'a', leaseTransitions: 2 }],
  ])('given a Lease that was %s meanwhile, then it steps down at once', async (_, spec) => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await clock.advance(1_000);
    server.storage.put('/leases', 'n/leader', { ...server.lease()!, spec } as Lease);
    await clock.advance(1_000);
    expect([a.outcome, a.log.at(-1)]).toEqual(['lost', 'stopped @2000']);
  });

  it('given a Lease that was deleted, then it steps down, as somebody may have held it meanwhile', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await clock.advance(1_000);
    server.storage.delete('/leases', 'n/leader');
    await clock.advance(1_000);
    expect(a.outcome).toBe('lost');
  });

  it('given a process that was stopped for longer than the deadline, then it steps down before it renews', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await clock.advance(500);
    const before = server.lease()?.metadata.resourceVersion;
    // All timers fire late and at once, as after SIGSTOP and SIGCONT.
    const late = clock.setTimeout(() => {}, 0);
    late();
    clock.monotonic = () => 30_000;
    await clock.advance(1_500);
    expect([a.outcome, server.lease()?.metadata.resourceVersion]).toEqual(['lost', before]);
  });
});

describe('the work of a leader', () => {
  it('given work that ends some time after the signal, then the Lease is released only then', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a', {
      onStartedLeading: async ({ signal }) => {
        await clock.sleep(3_600_000, signal).catch(() => {});
        await clock.sleep(3_000);
      },
    });
    await clock.advance(1_000);
    a.stop();
    await clock.advance(2_999);
    expect([a.outcome, server.lease()?.spec?.holderIdentity]).toEqual([undefined, 'a']);
    await clock.advance(1);
    expect([a.outcome, server.lease()?.spec?.holderIdentity]).toEqual(['stopped', undefined]);
  });

  it('given work that does not end, then the Lease is left to run out', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a', { onStartedLeading: () => new Promise(() => {}) });
    await clock.advance(1_000);
    a.stop();
    await clock.advance(15_000);
    expect([a.outcome, server.lease()?.spec?.holderIdentity]).toEqual(['stopped', 'a']);
    expect(clock.pending).toBe(0);
  });

  it('given work that throws, then it is logged and leadership is kept until it is stopped', async () => {
    const { clock, server } = setup();
    const errors: string[] = [];
    const none = () => {};
    const a = contend(server, clock, 'a', {
      onStartedLeading: () => {
        throw new Error('broken');
      },
      logger: { debug: none, info: none, warn: none, error: (_, message) => errors.push(message) },
    });
    await clock.advance(20_000);
    expect([errors, a.isLeader()]).toEqual([['the work of the leader failed'], true]);
    a.stop();
    await settled();
    expect(a.outcome).toBe('stopped');
  });

  it('given an API server that is away at the exit, then the exit does not fail', async () => {
    const { clock, server } = setup();
    const a = contend(server, clock, 'a');
    await clock.advance(1_000);
    server.mode.set('a', 'fails');
    a.stop();
    await clock.advance(0);
    expect([a.outcome, server.lease()?.spec?.holderIdentity]).toEqual(['stopped', 'a']);
  });
});

describe('stopping and options', () => {
  it('given a contender that waits, when it is stopped, then it never leads and touches nothing', async () => {
    const { clock, server } = setup();
    contend(server, clock, 'a');
    await settled();
    const b = contend(server, clock, 'b');
    await clock.advance(3_000);
    b.stop();
    await settled();
    expect([b.outcome, b.log, server.lease()?.spec?.holderIdentity]).toEqual(['stopped', [], 'a']);
  });

  it('given new leaders, then each is told once', async () => {
    const { clock, server } = setup();
    const told: string[] = [];
    const a = contend(server, clock, 'a');
    await settled();
    contend(server, clock, 'b', { onNewLeader: identity => told.push(identity) });
    await clock.advance(5_000);
    a.stop();
    await clock.advance(5_000);
    expect(told).toEqual(['a', 'b']);
  });

  it('given callbacks that throw, then it is logged and changes nothing', async () => {
    const { clock, server } = setup();
    const errors: string[] = [];
    const broken = (): never => {
      throw new Error('broken');
    };
    const none = () => {};
    const a = contend(server, clock, 'a', {
      onNewLeader: broken,
      onStoppedLeading: broken,
      logger: { debug: none, info: none, warn: none, error: (_, message) => errors.push(message) },
    });
    await clock.advance(60_000);
    expect([a.isLeader(), errors.length]).toEqual([true, 1]);
    a.stop();
    await settled();
    expect([a.outcome, errors.length]).toEqual(['stopped', 2]);
  });

  it.each([
    { leaseDurationMs: 1_500 },
    { leaseDurationMs: 10_000 },
    { renewDeadlineMs: 2_400 },
    { retryPeriodMs: 0 },
    { leaseDurationMs: 0 },
  ])('given %o, then it is refused', times => {
    const { clock, server } = setup();
    expect(() => contend(server, clock, 'a', times)).toThrow(RangeError);
  });
});

describe('under random faults', () => {
  it('given any faults of the API for any contender, then two never lead at once, fences only grow, and in the end one leads', async () => {
    const identity = fc.constantFrom('a', 'b', 'c');
    const mode = fc.constantFrom(
      'works' as const,
      'slow' as const,
      'lostAnswer' as const,
      'fails' as const,
      'hangs' as const,
    );
    const step = fc.record({ identity, mode, forMs: fc.integer({ min: 0, max: 12_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async steps => {
        const { clock, server } = setup();
        const leaders = new Set<string>();
        const fences: number[] = [];
        let processes = 0;
        const enter = (name: string, fence: number): void => {
          leaders.add(name);
          fences.push(fence);
          expect([...leaders]).toEqual([name]);
        };
        const enterRace = (name: string): void => {
          processes += 1;
          const contender = contend(server, clock, name, {
            identity: `${name}-${processes}`,
            onStartedLeading: ({ fence }) => enter(name, fence),
            onStoppedLeading: () => leaders.delete(name),
          });
          contenders.set(name, contender);
        };
        const contenders = new Map<string, Contender>();
        for (const name of ['a', 'b', 'c']) enterRace(name);
        for (const { identity: name, mode: next, forMs } of steps) {
          server.mode.set(name, next);
          await clock.advance(forMs);
          // A process that lost exits and starts afresh.
          if (contenders.get(name)?.outcome === 'lost') enterRace(name);
        }
        expect(fences).toEqual([...new Set(fences)].sort((x, y) => x - y));
        server.mode.clear();
        for (const [name, { outcome }] of contenders) if (outcome === 'lost') enterRace(name);
        await clock.advance(60_000);
        expect(leaders.size).toBe(1);
        for (const contender of contenders.values()) contender.stop();
        await clock.advance(20_000);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
