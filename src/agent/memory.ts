import { readFileSync } from 'node:fs';

/** VmHWM of /proc/<pid>/status (proc(5)): the highest resident size of this process so far, KiB. 0 where there is no /proc. */
export function highestResidentKiB(status: string = readStatus()): number {
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(status);
  return match === null ? 0 : Number(match[1]);
}

function readStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
