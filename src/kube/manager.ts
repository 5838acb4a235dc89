import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { Controller } from './controller.ts';
import type { EventRecorder } from './events.ts';
import type { LeaderElectionOptions, Leadership } from './leader-election.ts';
import { createLeaderElector } from './leader-election.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { Reflector } from './reflector.ts';

export interface ManagerOptions {
  /** Run on every replica, so that a new leader starts with warm stores. */
  reflectors: readonly Reflector[];
  /** Run on the leader only, once every reflector has synced. */
  controllers: readonly Controller[];
  /** Absent: this replica always leads. */
  election?: Omit<LeaderElectionOptions, 'onStartedLeading' | 'onStoppedLeading' | 'clock' | 'logger'>;
  recorder?: EventRecorder;
  /** Called when this replica leads, before the controllers start. */
  onStartedLeading?: (leadership: Leadership) => void;
  /** From the signal to the end of `run`. Default 30,000, a Pod's usual grace period. */
  drainMs?: number;
  clock?: Clock;
  logger?: Logger;
}

/** How it ended: `stopped` by the signal, or leadership was `lost`; then the process should exit with an error. */
export type ManagerOutcome = 'stopped' | 'lost';

export interface Manager {
  /**
   * Runs everything until `signal` is aborted or leadership is lost. On the signal: controllers take nothing more and finish what
   * they have, events are sent, the Lease is released, reflectors end; all within `drainMs`. When leadership is lost nothing is
   * waited for. Never throws.
   */
  run(signal: AbortSignal): Promise<ManagerOutcome>;
  /** Every store is filled: what readiness means. */
  isSynced(): boolean;
  isLeader(): boolean;
}

/** Of `drainMs`: for reconciles to end by themselves, and for them to end after their signal. The rest is for events and the Lease. */
const graceShare = 2 / 3;
const abortedShare = 1 / 6;

export function createManager(options: ManagerOptions): Manager {
  const { reflectors, controllers, election, recorder, onStartedLeading = () => {}, drainMs = 30_000 } = options;
  const { clock = systemClock, logger = silentLogger } = options;
  let leading = false;

  const startControllers = async (leadership: Leadership): Promise<void> => {
    leading = true;
    onStartedLeading(leadership);
    try {
      await Promise.all(reflectors.map(reflector => reflector.synced(leadership.signal)));
    } catch (error) {
      if (leadership.signal.aborted) return;
      throw error;
    }
    for (const controller of controllers) controller.start();
    logger.info({ controllers: controllers.map(({ name }) => name) }, 'controllers started');
  };

  const stopControllers = (graceMs: number): Promise<unknown> =>
    Promise.all(controllers.map(controller => controller.stop({ graceMs })));

  /** Leads until `signal`; `lost` only with an election. */
  const lead = async (signal: AbortSignal): Promise<ManagerOutcome> => {
    if (election === undefined) {
      await startControllers({ signal, fence: 0 });
      await aborted(signal);
      return 'stopped';
    }
    const elector = createLeaderElector({
      ...election,
      clock,
      logger,
      onStartedLeading: startControllers,
      onStoppedLeading: () => {
        leading = false;
      },
    });
    return elector.run(signal);
  };

  const within = async (limitMs: number, what: string, work: Promise<unknown>): Promise<void> => {
    const waiting = new AbortController();
    const tooLate = clock.sleep(limitMs, waiting.signal).then(
      () => logger.warn({ limitMs }, `${what} took too long and was left behind`),
      () => {},
    );
    await Promise.race([work.catch(err => logger.error({ err }, `${what} failed`)), tooLate]);
    waiting.abort();
  };

  return {
    run: async signal => {
      const leadership = new AbortController();
      for (const reflector of reflectors) reflector.start();
      const election = lead(leadership.signal).catch((err): ManagerOutcome => {
        logger.error({ err }, 'the controllers could not be started');
        return 'lost';
      });
      const outcome = await Promise.race([election, aborted(signal).then((): ManagerOutcome => 'stopped')]);

      const graceMs = outcome === 'lost' ? 0 : drainMs * graceShare;
      await within(graceMs + drainMs * abortedShare, 'stopping the controllers', stopControllers(graceMs));
      const rest = drainMs * (1 - graceShare - abortedShare);
      if (recorder !== undefined) {
        await within(rest / 2, 'sending events', recorder.stop({ graceMs: rest / 2 }));
      }
      leading = false;
      leadership.abort(new Error('the manager is stopping'));
      await within(rest / 4, 'ending the election', election);
      await within(rest / 4, 'ending the watches', Promise.all(reflectors.map(reflector => reflector.stop())));
      return outcome;
    },
    isSynced: () => reflectors.every(reflector => reflector.hasSynced()),
    isLeader: () => leading,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
}
