import { join } from 'node:path';
import { makeFifos } from './fifo.ts';

/** The files of one run. Used once: a process that a run left behind can never reach into a later one. */
export interface Slot {
  readonly run: number;
  /** A regular file, made by a run whose script has a prelude. */
  readonly prelude: string;
  /** A regular file, made by the run: the script's body. */
  readonly script: string;
  readonly state: string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SlotPool {
  /** A slot that was never used. Waits only when more were taken at once than were made in advance. */
  take(): Promise<Slot>;
}

const FIFOS = ['state', 'stdout', 'stderr'] as const;

/** The FIFOs of the first `count` slots, to be made along with the others that a container needs. */
export function firstSlotFifos(count: number): string[] {
  return fifoNames(1, count);
}

/**
 * Hands out slots of which the first `batch` exist already, and makes the next ones while there are still some left: making FIFOs
 * starts a process, which no run should wait for. The directory is one that steps cannot write to.
 */
export function createSlotPool(directory: string, batch: number): SlotPool {
  let next = 1;
  let made = batch;
  let making: Promise<void> | undefined;

  async function makeMore(): Promise<void> {
    await makeFifos(directory, fifoNames(made + 1, batch));
    made += batch;
  }

  function refill(): Promise<void> {
    making ??= makeMore().finally(() => {
      making = undefined;
    });
    return making;
  }

  return {
    async take() {
      const run = next++;
      while (run > made) await refill();
      // A failure here is met again, and reported, by the run that needs the slot.
      if (made - run < batch / 2) refill().catch(() => undefined);
      return {
        run,
        prelude: join(directory, `${run}.prelude`),
        script: join(directory, `${run}.script`),
        state: join(directory, `${run}.state`),
        stdout: join(directory, `${run}.stdout`),
        stderr: join(directory, `${run}.stderr`),
      };
    },
  };
}

function fifoNames(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => FIFOS.map(kind => `${first + index}.${kind}`)).flat();
}
