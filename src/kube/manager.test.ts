import { describe, expect, it } from 'vitest';
import { createStorage } from '../../test/fixtures/api-server/storage.ts';
import type { FakeClock } from '../../test/fixtures/fake-clock.ts';
import { createFakeClock, settled } from '../../test/fixtures/fake-clock.ts';
import { createController } from './controller.ts';
import { ApiError } from './errors.ts';
import type { LeaderElectionOptions } from './leader-election.ts';
import type { Manager, ManagerOptions, ManagerOutcome } from './manager.ts';
import { createManager } from './manager.ts';
import type { Reflector } from './reflector.ts';

interface Bench {
  clock: FakeClock;
  log: string[];
  manager: Manager;
  outcome: () => ManagerOutcome | undefined;
  sync: () => void;
  stop: () => void;
}

/** A manager with one reflector, which syncs when told to, and one controller, whose reconciles take `workMs`. */
function bench({ workMs = 0, ...options }: Partial<ManagerOptions> & { workMs?: number; obeys?: boolean } = {}): Bench {
  const clock = createFakeClock();
  const log: string[] = [];
  const note = (what: string): void => {
    log.push(`${what}@${clock.monotonic()}`);
  };
  const firstSync = Promise.withResolvers<void>();
  let synced = false;
  const reflector: Reflector = {
    name: 'things',
    start: () => note('reflector starts'),
    stop: async () => note('reflector stops'),
    hasSynced: () => synced,
    synced: signal =>
      Promise.race([
        firstSync.promise,
        new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
      ]),
  };
  const controller = createController({
    name: 'things',
    clock,
    sources: [
      {
        start: enqueue => {
          note('controller starts');
          enqueue('n/a');
          return () => note('controller stops');
        },
      },
    ],
    reconcile: async (_, signal) => {
      await clock.sleep(workMs, options.obeys === false ? undefined : signal);
      note('reconciled');
    },
  });
  const manager = createManager({
    reflectors: [reflector],
    controllers: [controller],
    recorder: { event: () => {}, stop: async () => note('recorder stops') },
    clock,
    ...options,
  });
  const abort = new AbortController();
  let outcome: ManagerOutcome | undefined;
  manager.run(abort.signal).then(result => {
    outcome = result;
  });
  return {
    clock,
    log,
    manager,
    outcome: () => outcome,
    sync: () => {
      synced = true;
      firstSync.resolve();
    },
    stop: () => abort.abort(new Error('SIGTERM')),
  };
}

/** A Lease that works, or not. */
function election(): { options: NonNullable<ManagerOptions['election']>; fails: () => void; holder: () => unknown } {
  const storage = createStorage();
  let works = true;
  const check = (): void => {
    if (!works) throw new ApiError({ class: 'transient', code: 500, reason: 'x', message: 'm' });
  };
  const client: LeaderElectionOptions['client'] = {
    get: async () => {
      check();
      const lease = storage.get('/leases', 'l');
      if (lease === undefined) throw new ApiError({ class: 'notFound', code: 404, reason: 'x', message: 'm' });
      return lease as never;
    },
    create: async (_, object) => {
      check();
      return storage.put('/leases', 'l', object) as never;
    },
    replace: async (_, object) => {
      check();
      return storage.put('/leases', 'l', object) as never;
    },
  };
  return {
    options: { client, namespace: 'n', name: 'l', identity: 'me' },
    fails: () => {
      works = false;
    },
    holder: () =>
      (storage.get('/leases', 'l') as { spec?: { holderIdentity?: string } } | undefined)?.spec?.holderIdentity,
  };
}

describe('without an election', () => {
  it('given stores that fill, then controllers start only after that', async () => {
    const { clock, log, manager, sync } = bench();
    await clock.advance(1_000);
    expect([log, manager.isSynced()]).toEqual([['reflector starts@0'], false]);
    sync();
    await settled();
    expect(log.slice(1)).toEqual(['controller starts@1000']);
    await clock.advance(0);
    expect([manager.isSynced(), manager.isLeader()]).toEqual([true, true]);
  });

  it('given a signal, then reconciles finish, events go out, reflectors stop, in that order', async () => {
    const { clock, log, outcome, sync, stop } = bench({ workMs: 5_000 });
    sync();
    await clock.advance(1_000);
    stop();
    await clock.advance(3_999);
    expect(outcome()).toBeUndefined();
    await clock.advance(1);
    expect(log).toEqual([
      'reflector starts@0',
      'controller starts@0',
      'controller stops@1000',
      'reconciled@5000',
      'recorder stops@5000',
      'reflector stops@5000',
    ]);
    expect(outcome()).toBe('stopped');
  });

  it('given a reconcile that does not end, then its signal is aborted in time for the rest', async () => {
    const { clock, outcome, sync, stop } = bench({ workMs: 3_600_000 });
    sync();
    await clock.advance(1_000);
    stop();
    await clock.advance(19_999);
    expect(outcome()).toBeUndefined();
    await clock.advance(1);
    expect(outcome()).toBe('stopped');
  });

  it('given a reconcile that ignores even its signal, then it is left behind within the drain time', async () => {
    const { clock, outcome, sync, stop } = bench({ workMs: 3_600_000, obeys: false });
    sync();
    await clock.advance(1_000);
    stop();
    await clock.advance(30_000);
    expect(outcome()).toBe('stopped');
  });

  it('given a signal before the first sync, then controllers never start', async () => {
    const { log, outcome, sync, stop } = bench();
    await settled();
    stop();
    await settled();
    sync();
    await settled();
    expect(outcome()).toBe('stopped');
    expect(log).toEqual(['reflector starts@0', 'recorder stops@0', 'reflector stops@0']);
  });

  it('given a signal that is already aborted, then it ends at once', async () => {
    const manager = createManager({ reflectors: [], controllers: [] });
    expect(await manager.run(AbortSignal.abort())).toBe('stopped');
  });
});

describe('with an election', () => {
  it('given leadership, then controllers run, and on the signal the Lease is released after they have finished', async () => {
    const { options, holder } = election();
    const fences: number[] = [];
    const { clock, log, manager, outcome, sync, stop } = bench({
      workMs: 5_000,
      election: options,
      onStartedLeading: ({ fence }) => fences.push(fence),
    });
    sync();
    await clock.advance(1_000);
    expect([manager.isLeader(), fences]).toEqual([true, [0]]);
    stop();
    await clock.advance(3_999);
    expect(holder()).toBe('me');
    await clock.advance(1);
    expect([holder(), outcome(), manager.isLeader()]).toEqual([undefined, 'stopped', false]);
    expect(log).toContain('reconciled@5000');
  });

  it('given leadership that is lost, then reconciles are aborted at once and the outcome says so', async () => {
    const { options, fails } = election();
    const { clock, log, manager, outcome, sync } = bench({ workMs: 3_600_000, election: options });
    sync();
    await clock.advance(1_000);
    fails();
    await clock.advance(9_000);
    expect([outcome(), manager.isLeader()]).toEqual(['lost', false]);
    expect(log).not.toContain(expect.stringContaining('reconciled'));
  });

  it('given no leadership, then reflectors run all the same and controllers do not', async () => {
    const { options, fails } = election();
    fails();
    const { clock, log, manager, outcome, sync, stop } = bench({ election: options });
    sync();
    await clock.advance(60_000);
    expect([log, manager.isSynced(), manager.isLeader()]).toEqual([['reflector starts@0'], true, false]);
    stop();
    await settled();
    expect(outcome()).toBe('stopped');
  });

  it('given a start of the work that throws, then leadership is given up rather than held in vain', async () => {
    const { clock, outcome } = bench({
      onStartedLeading: () => {
        throw new Error('broken');
      },
    });
    await clock.advance(0);
    expect(outcome()).toBe('lost');
  });
});
