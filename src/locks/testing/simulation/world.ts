import { ANNOTATIONS } from '../../../api/meta.ts';
import type { Clock } from '../../../kube/clock.ts';
import { createLockKeeper, type LockKeeper, type LockKeeperOptions } from '../../keeper.ts';
import { lockName } from '../../lease.ts';
import type { LockState, Want } from '../../types.ts';
import { createMemoryLeases, type LeaseFault, type MemoryLeases } from '../memory-leases.ts';
import { type Agent, type AgentWorld, Died, live, type Network, NoAnswer } from './agent.ts';
import { type Chance, createChance } from './chance.ts';
import type { History, Version } from './history.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';
import { createVolume } from './volume.ts';

/** What is replaced by something wrong, to see that the check finds it. */
export interface Sabotage {
  /** Puts something between agents and a keeper. */
  readonly keeper?: (keeper: LockKeeper, leases: MemoryLeases) => LockKeeper;
  /** An API server that writes whatever comes. */
  readonly compares?: false;
  /** What a keeper measures silence with. */
  readonly clock?: (clock: Clock) => Clock;
  /** Whether Pods are over. */
  readonly isGone?: (truth: (uid: string) => boolean, ageMs: (uid: string) => number) => LockKeeperOptions['isGone'];
  readonly tellsFences?: false;
}

export interface SimulationOptions {
  readonly seed: number;
  readonly contenders?: number;
  readonly repositories?: number;
  readonly sabotage?: Sabotage;
}

const NAMESPACE = 'team';
const GATEWAYS = 3;
/** Agents come within this time, milliseconds. */
const ARRIVALS_MS = 15 * 60_000;
/** Whoever is not done by then, milliseconds, starves: the longest histories take 4 hours. */
const LIMIT_MS = 12 * 3_600_000;

const ANSWERED = new Error('there is an answer');

interface Gateway {
  keeper: LockKeeper | undefined;
  /** Ends its process: what it was asked is not answered. */
  stop: AbortController;
}

/** Lets contenders loose on a few repositories, in hours of virtual time, and gives back what happened. */
export async function simulate(options: SimulationOptions): Promise<History> {
  const { seed, contenders = 200, repositories = 5, sabotage = {} } = options;
  const chance = createChance(seed);
  const time = createVirtualTime();
  const urls = Array.from({ length: repositories }, (_, index) => `https://git.example.com/acme/app-${index}.git`);
  const keys = new Map(urls.map(url => [`${NAMESPACE}/${lockName(url)}`, url]));
  const versions = new Map<string, Version[]>(urls.map(url => [url, [firstVersion()]]));
  const leases = createMemoryLeases({
    delay: () => time.sleep(chance.happens(0.01) ? chance.between(100, 6_000) : chance.between(1, 10)),
    lateness: () => time.sleep(chance.between(10, 5_000)),
    fault: () => drawFault(chance),
    compares: sabotage.compares ?? true,
  });
  const agents = Array.from({ length: contenders }, (_, index) => drawAgent(index, chance, urls));
  const born = new Map<string, number>();
  const isOver = (uid: string): boolean => gone.has(uid);
  const gone = new Set<string>();
  const gateways = Array.from(
    { length: GATEWAYS },
    (): Gateway => ({ keeper: undefined, stop: new AbortController() }),
  );

  leases.onChange = (key, lease) => {
    const url = keys.get(key)!;
    const sequence = versions.get(url)!;
    const text = lease?.metadata.annotations?.[ANNOTATIONS.lock];
    sequence.at(-1)!.toMs = time.nowMs;
    const state = text === undefined ? undefined : (JSON.parse(text) as LockState);
    sequence.push({ fromMs: time.nowMs, toMs: Number.POSITIVE_INFINITY, state });
    // The last gateway has no watch.
    for (const gateway of gateways.slice(0, -1)) {
      if (lease === undefined || chance.happens(0.05)) continue;
      const { namespace, name, resourceVersion } = lease.metadata;
      void time
        .sleep(chance.between(1, 50))
        .then(() => gateway.keeper?.leaseChanged({ namespace, name, resourceVersion }));
    }
  };

  const bury = async (uid: string, atMs: number): Promise<void> => {
    await time.sleep(atMs);
    gone.add(uid);
    for (const { keeper } of gateways) keeper?.podEnded({ namespace: NAMESPACE, uid });
  };
  const start = (gateway: Gateway): void => {
    let skewMs = chance.between(-300_000, 300_000);
    const truth = async (uid: string): Promise<boolean> => {
      await time.sleep(chance.between(1, 30));
      if (chance.happens(0.05)) throw new Error('the API server does not say');
      return isOver(uid);
    };
    const clock = time.clock(() => {
      if (chance.happens(0.001)) skewMs = chance.between(-300_000, 300_000);
      return skewMs;
    });
    const keeper = createLockKeeper({
      client: leases.client,
      isGone: sabotage.isGone?.(isOver, uid => time.nowMs - (born.get(uid) ?? 0)) ?? (({ uid }) => truth(uid)),
      clock: sabotage.clock?.(clock) ?? clock,
      random: chance.next,
      qps: 10_000,
      burst: 10_000,
    });
    gateway.stop = new AbortController();
    gateway.keeper = sabotage.keeper?.(keeper, leases) ?? keeper;
  };
  const world: AgentWorld = {
    time,
    chance,
    network: createNetwork(gateways, time, chance),
    namespace: NAMESPACE,
    volumes: new Map(urls.map(url => [url, createVolume()])),
    tellsFences: sabotage.tellsFences ?? true,
    calls: [],
    tenures: [],
    readings: [],
    collisions: [],
    freeFromMs: new Map(),
  };

  let running = agents.length;
  const starved = new Set(agents.map(({ name }) => name));
  const begin = async (agent: Agent, atMs: number): Promise<void> => {
    await time.sleep(atMs);
    born.set(agent.owner.podUid, time.nowMs);
    await live(agent, world).catch(error => {
      if (!(error instanceof Died)) throw error;
    });
  };
  let failure: unknown;
  for (const agent of agents) {
    begin(agent, chance.between(0, ARRIVALS_MS))
      .catch(error => {
        failure ??= error;
      })
      .finally(() => {
        running -= 1;
        starved.delete(agent.name);
      });
    if (agent.death?.kind === 'gone') void bury(agent.owner.podUid, agent.death.atMs);
  }
  const restartForever = async (gateway: Gateway): Promise<void> => {
    for (;;) {
      start(gateway);
      await time.sleep(chance.between(30_000, 600_000));
      gateway.keeper = undefined;
      gateway.stop.abort(new NoAnswer('the gateway was restarted'));
      await time.sleep(chance.between(500, 20_000));
    }
  };
  for (const gateway of gateways) void restartForever(gateway);
  const deletions = new Map<string, number[]>(urls.map(url => [url, []]));
  for (let index = 0; index < 3; index++) {
    const [key, url] = chance.pick([...keys]);
    void time.sleep(chance.between(60_000, 2 * ARRIVALS_MS)).then(() => {
      deletions.get(url)!.push(time.nowMs);
      leases.delete(key);
    });
  }

  await time.run(() => running === 0 || failure !== undefined, LIMIT_MS);
  if (failure !== undefined) throw failure;
  const deletedMs = ({ repository, askedMs }: { repository: string; askedMs: number }): number =>
    Math.min(...deletions.get(repository)!.filter(atMs => atMs >= askedMs));
  const deaths = new Map(agents.map(({ name, death }) => [name, death?.kind === 'gone' ? death.atMs : undefined]));
  return {
    versions,
    calls: world.calls,
    // Whoever deletes the record takes the lock from all.
    tenures: world.tenures.map(tenure => ({ ...tenure, untilMs: Math.min(tenure.untilMs, deletedMs(tenure)) })),
    readings: world.readings.filter(reading => reading.atMs < deletedMs(reading)),
    collisions: world.collisions,
    freeFromMs: id => {
      const never = Number.POSITIVE_INFINITY;
      return Math.min(world.freeFromMs.get(id) ?? never, deaths.get(id.slice(0, id.lastIndexOf('-'))) ?? never);
    },
    starved: [...starved],
  };
}

function firstVersion(): Version {
  return { fromMs: 0, toMs: Number.POSITIVE_INFINITY, state: undefined };
}

function drawAgent(index: number, chance: Chance, urls: readonly string[]): Agent {
  const name = `run-${index}`;
  const drawWant = (): Want => {
    if (chance.happens(0.4)) return { mode: 'read' };
    return chance.happens(0.35) ? { mode: 'write' } : { commit: chance.pick(['a', 'b', 'c']).repeat(40) };
  };
  const dies = chance.happens(0.12);
  return {
    name,
    owner: { run: name, runUid: `run-uid-${name}`, pod: `${name}-pod`, podUid: `pod-uid-${name}` },
    repository: chance.pick(urls),
    death: dies
      ? { atMs: chance.between(0, 2 * ARRIVALS_MS), kind: chance.happens(0.7) ? 'gone' : 'silent' }
      : undefined,
    wants: Array.from({ length: chance.pick([1, 2, 3]) }, drawWant),
    isSleepy: chance.happens(0.06),
  };
}

function drawFault(chance: Chance): LeaseFault | undefined {
  if (!chance.happens(0.06)) return undefined;
  return chance.pick(['error', 'error', 'lostAnswer', 'late', 'conflict'] as const);
}

/** Requests and answers get lost, come twice, or take long; an agent does not know which, and gives up after a time. */
function createNetwork(gateways: readonly Gateway[], time: VirtualTime, chance: Chance): Network {
  const patienceMs = 40_000;
  const way = () => time.sleep(chance.happens(0.01) ? chance.between(500, 15_000) : chance.between(1, 10));
  return async call => {
    await way();
    const { keeper, stop } = chance.pick(gateways);
    if (keeper === undefined || chance.happens(0.01)) throw new NoAnswer('the request did not arrive');
    if (chance.happens(0.02)) {
      void time
        .sleep(chance.between(0, 30_000))
        .then(() => call(keeper, stop.signal))
        .catch(() => {});
    }
    const patience = new AbortController();
    const tooLate = time.sleep(patienceMs, patience.signal).then(() => {
      throw new NoAnswer('no answer');
    });
    tooLate.catch(() => {});
    const answer = await Promise.race([call(keeper, stop.signal), tooLate]).finally(() => patience.abort(ANSWERED));
    await way();
    if (stop.signal.aborted || chance.happens(0.01)) throw new NoAnswer('the answer got lost');
    return answer;
  };
}
