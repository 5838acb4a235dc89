import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** A process, told apart from a later one with the same pid by its start time in clock ticks since boot. */
export const processIdentity = z.object({ pid: z.int().positive(), startTime: z.string() });
export type ProcessIdentity = z.infer<typeof processIdentity>;

/** The boot that pids and start times belong to. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Identifies the process that has `pid` now; undefined when there is none, or only a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  return parseStat(pid, stat);
}

/** Reads proc(5)'s stat line; the command's name may itself hold blanks and brackets, so fields count from the last one. */
export function parseStat(pid: number, stat: string): ProcessIdentity | undefined {
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[18];
  return state === 'Z' || state === 'X' || startTime === undefined ? undefined : { pid, startTime };
}

/** Whether this very process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/**
 * Kills the process, if it is still the same one, and waits until it is gone.
 * @param timeout milliseconds to wait; the kernel needs longer than usual while it tears a namespace down.
 * @throws {Error} when the process outlives the time-out (it is then in an uninterruptible call).
 */
export async function kill(identity: ProcessIdentity, timeout = 30_000): Promise<void> {
  const deadline = performance.now() + timeout;
  if (isAlive(identity)) process.kill(identity.pid, 'SIGKILL');
  while (isAlive(identity)) {
    if (performance.now() > deadline)
      throw new Error(`process ${identity.pid} is still there ${timeout} ms after SIGKILL`);
    await sleep(10);
  }
}
