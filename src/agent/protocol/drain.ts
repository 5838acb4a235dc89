import type { ContainerLog } from './log.ts';
import type { Output } from './output.ts';

/** How often to look whether a stream that should end still moves. */
const TICK_MS = 50;
/** How long output may stand still after the script's end before whoever holds it open counts as left over. */
const LEFTOVER_IDLE_MS = 200;
/** How long somebody may go on writing after the script's end. */
const LEFTOVER_LIMIT_MS = 5_000;

/** Waits until all streams have ended, for `timeoutMs` at most; says whether they have. */
export async function allEnded(outputs: readonly Output[], timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let open = outputs.length;
  for (const output of outputs) {
    output.onceEnded(() => {
      open--;
      if (open === 0) resolve();
    });
  }
  const timer = setTimeout(resolve, timeoutMs);
  await promise;
  clearTimeout(timer);
  return open === 0;
}

/**
 * Reads on after a script's end, until every stream has ended or somebody else clearly holds one open. Time in which the container's
 * log has no room does not count, unless the log takes nothing for `logStallMs`: then the rest of the output is not logged.
 *
 * It counts looks at the streams instead of milliseconds: if the agent itself had no processor for a while, the streams have had
 * no chance to move.
 *
 * @returns false when a stream is still open
 */
export async function drain(outputs: readonly Output[], log: ContainerLog, logStallMs: number): Promise<boolean> {
  let idleTicks = 0;
  let readTicks = 0;
  let stalledTicks = 0;
  let totalBefore = -1;
  let takenBefore = -1;
  while (!(await allEnded(outputs, TICK_MS))) {
    const total = outputs.reduce((sum, output) => sum + output.total, 0);
    if (outputs.some(output => output.waiting)) {
      stalledTicks = log.taken === takenBefore ? stalledTicks + 1 : 0;
      if (stalledTicks * TICK_MS >= logStallMs) log.abandon();
    } else {
      readTicks++;
      idleTicks = total === totalBefore ? idleTicks + 1 : 0;
      if (idleTicks * TICK_MS >= LEFTOVER_IDLE_MS || readTicks * TICK_MS >= LEFTOVER_LIMIT_MS) return false;
    }
    totalBefore = total;
    takenBefore = log.taken;
  }
  return true;
}
