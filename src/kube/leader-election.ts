import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { isApiError, undefinedWhen } from './errors.ts';
import type { LeaseHolder } from './lease-record.ts';
import { holderOf, mayTake, released, taken, transitionsOf } from './lease-record.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { KubeMetrics } from './metrics.ts';
import { noMetrics } from './metrics.ts';
import type { Lease, Live } from './objects.ts';
import { leases } from './objects.ts';

/** What a leader may do while it leads. */
export interface Leadership {
  /** Aborted the moment leadership may pass to another, and when the election is stopped. */
  signal: AbortSignal;
  /**
   * Fencing: the Lease's leaseTransitions. It grows with every change of the holder for as long as the Lease exists, so what was
   * written under a higher one is from a later leader.
   */
  fence: number;
}

export interface LeaderElectionOptions {
  client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  namespace: string;
  /** The Lease's name. */
  name: string;
  /** Unique for this process, such as `hostname_uuid`: a restarted one is another contender. */
  identity: string;
  /** How long the others wait after the last renewal that they saw. Whole seconds. Default 15,000. */
  leaseDurationMs?: number;
  /** How long after its last renewal the leader steps down. Default 10,000. */
  renewDeadlineMs?: number;
  /** Between two attempts to get or to renew it; contenders wait up to 20 % longer. Default 2,000. */
  retryPeriodMs?: number;
  /** Called once, when the Lease is ours. Should resolve when the work is over, which `signal` asks for. */
  onStartedLeading: (leadership: Leadership) => Promise<void> | void;
  /** Called once after that, when leadership is over for whatever reason. */
  onStoppedLeading?: () => void;
  /** Told of every new leader, this one too. */
  onNewLeader?: (identity: string) => void;
  clock?: Clock;
  /** In [0, 1); default Math.random. */
  random?: () => number;
  logger?: Logger;
  metrics?: KubeMetrics;
}

/** `stopped` by the signal, or leadership was `lost`: then a process should exit and start afresh, as users of client-go do. */
export type ElectionOutcome = 'stopped' | 'lost';

export interface LeaderElector {
  /**
   * Waits for the Lease, leads, and resolves when that is over. Never throws: errors of the API are logged and tried again.
   *
   * For a clean exit end the work first and abort `signal` then; the Lease is released when `onStartedLeading` has returned, or is left
   * to run out when that takes longer than it lasts.
   */
  run(signal: AbortSignal): Promise<ElectionOutcome>;
  isLeader(): boolean;
  /** The holder as last seen. */
  leader(): string | undefined;
}

/** JitterFactor of client-go's leaderelection.go, less the 1. */
const contenderJitter = 0.2;

/** A process that exits does not wait long for an API server that does not answer. */
const releaseTimeoutMs = 5_000;

/**
 * Leader election on a Lease, by the rules of client-go and so compatible with it.
 *
 * Times in the Lease are for people. How old a renewal is, everyone measures with its own monotonic clock from when it saw
 * the Lease change, so clocks need not agree. The leader counts from before it sent its last successful renewal, and steps down
 * `renewDeadlineMs` later: before anyone else may take over.
 *
 * Unlike client-go's, this leader also steps down when it finds the Lease deleted, as it cannot know who held it meanwhile.
 */
export function createLeaderElector(options: LeaderElectionOptions): LeaderElector {
  const { client, onStartedLeading, onStoppedLeading = () => {}, onNewLeader = () => {} } = options;
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = options;
  const { clock = systemClock, random = Math.random, logger = silentLogger, metrics = noMetrics } = options;
  checkTimes(leaseDurationMs, renewDeadlineMs, retryPeriodMs);

  const holder: LeaseHolder = { ...options, leaseDurationMs };
  const { namespace, name, identity } = holder;
  const fields = { lease: `${namespace}/${name}`, identity };
  let observed: Live<Lease> | undefined;
  let observedAt = 0;
  let renewedAt = 0;
  let newestLeader: string | undefined;
  let leading = false;

  /** A caller's callback must not look like a failure of the API. */
  const tell = (callback: () => void): void => {
    try {
      callback();
    } catch (err) {
      logger.error({ ...fields, err }, 'a callback of the leader election failed');
    }
  };

  const observe = (lease: Live<Lease>): Live<Lease> => {
    if (lease.metadata.resourceVersion === observed?.metadata.resourceVersion) return observed;
    observed = lease;
    observedAt = clock.monotonic();
    const current = holderOf(lease);
    if (current !== '' && current !== newestLeader) {
      newestLeader = current;
      logger.info({ ...fields, leader: current }, 'there is a new leader');
      tell(() => onNewLeader(current));
    }
    return lease;
  };

  const read = async (signal: AbortSignal): Promise<Live<Lease> | undefined> => {
    const lease = await undefinedWhen(
      client.get(leases, { namespace, name }, { signal, urgent: true, attempts: 1 }),
      'notFound',
    );
    return lease && observe(lease);
  };

  /** False: another was faster. */
  const write = async (current: Live<Lease> | undefined, signal: AbortSignal): Promise<boolean> => {
    const sentAt = clock.monotonic();
    const call = { signal, urgent: true, attempts: 1 };
    const lease = taken(current, holder, clock.now());
    try {
      observe(await (current === undefined ? client.create(leases, lease, call) : client.replace(leases, lease, call)));
    } catch (error) {
      if (isApiError(error, 'conflict', 'alreadyExists')) return false;
      throw error;
    }
    renewedAt = sentAt;
    return true;
  };

  const tryAcquire = async (signal: AbortSignal): Promise<boolean> => {
    const current = await read(signal);
    if (current !== undefined && !mayTake(current, holder, clock.monotonic() - observedAt)) return false;
    return write(current, signal);
  };

  /** False: it is not ours any more. */
  const tryRenew = async (fence: number, signal: AbortSignal): Promise<boolean> => {
    if (await write(observed, signal)) return true;
    // Someone changed it: a label perhaps, or our last renewal arrived though its answer did not.
    const current = await read(signal);
    if (current === undefined || holderOf(current) !== identity || transitionsOf(current) !== fence) return false;
    await write(current, signal);
    return true;
  };

  /** One attempt, at most `limitMs` long; undefined when it failed and may be tried again. */
  const attempt = async (
    limitMs: number,
    signal: AbortSignal,
    what: (signal: AbortSignal) => Promise<boolean>,
  ): Promise<boolean | undefined> => {
    const limited = new AbortController();
    const onAbort = (): void => limited.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const cancel = clock.setTimeout(() => limited.abort(new Error(`no answer within ${limitMs} ms`)), limitMs);
    try {
      return await what(limited.signal);
    } catch (err) {
      if (!signal.aborted) logger.warn({ ...fields, err, leading }, 'cannot get or renew the Lease, will try again');
      return undefined;
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
    }
  };

  const pause = (delayMs: number, signal: AbortSignal): Promise<void> => clock.sleep(delayMs, signal).catch(() => {});

  const acquire = async (signal: AbortSignal): Promise<boolean> => {
    while (!signal.aborted) {
      if ((await attempt(renewDeadlineMs, signal, tryAcquire)) === true) return true;
      await pause(retryPeriodMs * (1 + contenderJitter * random()), signal);
    }
    return false;
  };

  const renewUntilOver = async (fence: number, signal: AbortSignal): Promise<ElectionOutcome> => {
    const leftMs = (): number => renewedAt + renewDeadlineMs - clock.monotonic();
    while (leftMs() > 0) {
      await pause(Math.min(retryPeriodMs, leftMs()), signal);
      if (signal.aborted) return 'stopped';
      if (leftMs() <= 0) break;
      if ((await attempt(leftMs(), signal, limited => tryRenew(fence, limited))) === false) break;
    }
    return signal.aborted ? 'stopped' : 'lost';
  };

  const release = async (): Promise<void> => {
    if (observed === undefined) return;
    try {
      await client.replace(leases, released(observed, clock.now()), {
        timeoutMs: releaseTimeoutMs,
        urgent: true,
        attempts: 1,
      });
      logger.info(fields, 'released the Lease');
    } catch (err) {
      logger.warn({ ...fields, err }, 'could not release the Lease; it will run out');
    }
  };

  const lead = async (signal: AbortSignal): Promise<ElectionOutcome> => {
    const fence = transitionsOf(observed!);
    const abort = new AbortController();
    leading = true;
    metrics.leading({ name, leading });
    logger.info({ ...fields, fence }, 'started leading');
    const work = (async () => onStartedLeading({ signal: abort.signal, fence }))().catch(err =>
      logger.error({ ...fields, err }, 'the work of the leader failed'),
    );
    const outcome = await renewUntilOver(fence, signal);
    leading = false;
    metrics.leading({ name, leading });
    abort.abort(new Error(`leadership was ${outcome}`));
    logger.info({ ...fields, outcome }, 'stopped leading');
    tell(onStoppedLeading);
    if (outcome === 'stopped') await releaseAfter(work);
    return outcome;
  };

  const releaseAfter = async (work: Promise<void>): Promise<void> => {
    const waiting = new AbortController();
    const leftMs = renewedAt + leaseDurationMs - clock.monotonic();
    const tooLate = clock.sleep(leftMs, waiting.signal).then(
      () => true,
      () => false,
    );
    const isTooLate = await Promise.race([work.then(() => false), tooLate]);
    waiting.abort();
    if (!isTooLate) await release();
  };

  return {
    run: async signal => ((await acquire(signal)) ? lead(signal) : 'stopped'),
    isLeader: () => leading,
    leader: () => newestLeader,
  };
}

function checkTimes(leaseDurationMs: number, renewDeadlineMs: number, retryPeriodMs: number): void {
  if (!Number.isInteger(leaseDurationMs / 1000) || leaseDurationMs <= 0) {
    throw new RangeError(`leaseDurationMs must be whole seconds, got ${leaseDurationMs}`);
  }
  if (!(leaseDurationMs > renewDeadlineMs)) {
    throw new RangeError(`leaseDurationMs ${leaseDurationMs} must be more than renewDeadlineMs ${renewDeadlineMs}`);
  }
  if (!(renewDeadlineMs > retryPeriodMs * (1 + contenderJitter)) || !(retryPeriodMs > 0)) {
    throw new RangeError(
      `renewDeadlineMs ${renewDeadlineMs} must be more than 1.2 times retryPeriodMs ${retryPeriodMs}`,
    );
  }
}
