import { isApiError } from '../../../kube/errors.ts';
import type { AcquireRequest, LockKeeper } from '../../keeper.ts';
import type { Answers, Grant, LockMode, LockOwner, Want } from '../../types.ts';
import type { Chance } from './chance.ts';
import type { Call, Reading, Tenure } from './history.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Volume } from './volume.ts';

/** How long a holder may be silent here, seconds: shorter than the pauses. */
const LOCK_SECONDS = 300;
const RENEW_MS = 60_000;
const LONG_POLL_MS = 20_000;

/** Why an agent's coroutine ends: its process has. */
export class Died extends Error {}

/** Nobody knows whether a call did anything. */
export class NoAnswer extends Error {}

/** The way from an agent to any gateway: slow, and not certain. */
export type Network = <T>(call: (keeper: LockKeeper, signal: AbortSignal) => Promise<T>) => Promise<T>;

export interface AgentWorld {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly network: Network;
  readonly namespace: string;
  readonly volumes: ReadonlyMap<string, Volume>;
  /** False: it does not say which generations it sees. */
  readonly tellsFences: boolean;
  readonly calls: Call[];
  readonly tenures: Tenure[];
  readonly readings: Reading[];
  readonly collisions: string[];
  readonly freeFromMs: Map<string, number>;
}

export interface Agent {
  readonly name: string;
  readonly owner: LockOwner;
  readonly repository: string;
  /** Its process ends then, and its Pod with it, or stays and is silent. Undefined: it does not. */
  readonly death: { readonly atMs: number; readonly kind: 'gone' | 'silent' } | undefined;
  readonly wants: readonly Want[];
  /** With the first lock for each thing that it wants it sleeps, longer than it may be silent, and goes on as if nothing had been. */
  readonly isSleepy: boolean;
}

/** The life of an agent: it gets each lock that it wants, does with it what a lock is for, and keeps trying. Rejects with Died. */
export async function live(agent: Agent, world: AgentWorld): Promise<void> {
  let serial = 0;
  for (const want of agent.wants) {
    let { isSleepy } = agent;
    while (!(await useLock({ ...agent, isSleepy }, `${agent.name}-${serial++}`, want, world))) {
      isSleepy = false;
      await pause(agent, world, 1_000);
    }
  }
}

/** False: the lock was lost, or the generation's place was taken; the agent tries again with a new id. */
async function useLock(agent: Agent, id: string, want: Want, world: AgentWorld): Promise<boolean> {
  const { time, chance, volumes, namespace } = world;
  const { repository } = agent;
  const volume = volumes.get(repository)!;
  const ref = { namespace, url: repository, id };
  const seenFence = world.tellsFences ? volume.highest() : 0;
  const ask: Ask = (kind, call) => askUntilAnswered(agent, id, kind, call, world);
  const grant = await acquire({ ...ref, want, holder: agent.owner, seconds: LOCK_SECONDS, seenFence }, ask, world);
  const askedMs = grant.signMs;
  /** The last sign of life that a keeper certainly has. */
  let signMs = grant.signMs;
  let mode: LockMode = grant.mode;
  let fromMs = time.nowMs;

  const end = (): void => {
    const untilMs = Math.min(time.nowMs, signMs + LOCK_SECONDS * 1_000, agent.death?.atMs ?? Number.POSITIVE_INFINITY);
    world.tenures.push({ repository, id, mode, askedMs, fromMs, untilMs });
  };
  /** Works for so long and renews on the way. False: the lock is lost. */
  const work = async (ms: number): Promise<boolean> => {
    for (let leftMs = ms; leftMs > 0; leftMs -= RENEW_MS) {
      await pause(agent, world, Math.min(leftMs, RENEW_MS));
      if (leftMs <= RENEW_MS) return true;
      const { invokedMs, value } = await ask('renew', (keeper, signal) => keeper.renew(ref, { signal }));
      if (!value.held) return false;
      signMs = invokedMs;
    }
    return true;
  };
  const read = (fence: number | undefined): void => {
    const isMine = time.nowMs < signMs + LOCK_SECONDS * 1_000;
    if (fence === undefined || !isMine) return;
    world.readings.push({ repository, id, fence, writer: volume.writerOf(fence), askedMs, atMs: time.nowMs });
  };
  const giveBack = async (): Promise<void> => {
    world.freeFromMs.set(id, time.nowMs);
    await ask('release', async (keeper, signal) => {
      await keeper.release(ref, { signal });
      return {};
    });
  };

  try {
    if (mode === 'write') {
      if (world.tellsFences && grant.fence <= volume.highest()) return false;
      const isHeld = await work(chance.happens(0.1) ? chance.between(60_000, 400_000) : chance.between(100, 20_000));
      if (!isHeld) return false;
      if (agent.isSleepy) await pause(agent, world, chance.between(1.5, 3) * LOCK_SECONDS * 1_000);
      if (!volume.finish(grant.fence, id)) return false;
      const commits = ['0'.repeat(40), 'commit' in want ? want.commit : 'f'.repeat(40)];
      end();
      fromMs = Number.POSITIVE_INFINITY;
      const { invokedMs, value } = await ask('publish', (keeper, signal) =>
        keeper.publish({ ...ref, commits, bytes: 1 }, { signal }),
      );
      if (!value.held) return false;
      signMs = invokedMs;
      fromMs = time.nowMs;
      mode = 'read';
      if (volume.publish(grant.fence) > grant.fence) {
        world.collisions.push(
          `${repository}: ${id} published ${grant.fence}, which whoever published a later one deletes`,
        );
      }
      volume.deleteBelow(grant.fence);
      read(grant.fence);
      return true;
    }
    read(grant.published?.fence);
    const isHeld = await work(chance.happens(0.1) ? chance.between(60_000, 400_000) : chance.between(100, 10_000));
    if (!isHeld) return false;
    if (agent.isSleepy) await pause(agent, world, chance.between(1.5, 3) * LOCK_SECONDS * 1_000);
    read(grant.published?.fence);
    return true;
  } finally {
    end();
    if (agent.death === undefined || time.nowMs < agent.death.atMs) await giveBack();
  }
}

/** An answer, and when the call that brought it was made. */
type Ask = <K extends Call['answer']['kind']>(
  kind: K,
  call: (keeper: LockKeeper, signal: AbortSignal) => Promise<Answers[K]>,
) => Promise<{ invokedMs: number; value: Answers[K] }>;

async function acquire(request: AcquireRequest, ask: Ask, { time }: AgentWorld): Promise<Grant & { signMs: number }> {
  // Any call that was not answered may have been granted, so the lock may be as old as the first of them.
  let signMs = time.nowMs;
  for (;;) {
    const { invokedMs, value } = await ask('acquire', (keeper, signal) =>
      keeper.acquire(request, { signal, waitMs: LONG_POLL_MS }),
    );
    if (value.state === 'granted') return { ...value, signMs };
    signMs = invokedMs;
  }
}

/** Calls until somebody answers, and writes down what was answered. */
async function askUntilAnswered<K extends Call['answer']['kind']>(
  agent: Agent,
  id: string,
  kind: K,
  call: (keeper: LockKeeper, signal: AbortSignal) => Promise<Answers[K]>,
  world: AgentWorld,
): Promise<{ invokedMs: number; value: Answers[K] }> {
  const { time, chance, calls } = world;
  const { repository } = agent;
  for (;;) {
    const invokedMs = time.nowMs;
    const value = await world.network(call).catch(error => {
      if (!(error instanceof NoAnswer || isApiError(error, 'transient'))) throw error;
      return undefined;
    });
    if (value !== undefined) {
      calls.push({ repository, id, invokedMs, answeredMs: time.nowMs, answer: { kind, value } as Call['answer'] });
      checkAlive(agent, world);
      return { invokedMs, value };
    }
    await pause(agent, world, chance.between(100, 2_000));
  }
}

async function pause(agent: Agent, world: AgentWorld, ms: number): Promise<void> {
  await world.time.sleep(ms);
  checkAlive(agent, world);
}

function checkAlive({ death }: Agent, { time }: AgentWorld): void {
  if (death !== undefined && time.nowMs >= death.atMs) throw new Died();
}
