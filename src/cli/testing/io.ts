import type { Clock } from '../../kube/clock.ts';
import { systemClock } from '../../kube/clock.ts';
import type { Io } from '../command.ts';
import { run } from '../run.ts';

/** An Io that keeps what was written. */
export interface RecordedIo extends Io {
  stdout(): string;
  stderr(): string;
}

export function recordedIo(options: { clock?: Clock; signal?: AbortSignal } = {}): RecordedIo {
  const { clock = systemClock, signal = new AbortController().signal } = options;
  const out: string[] = [];
  const err: string[] = [];
  return {
    out: text => void out.push(text),
    err: text => void err.push(text),
    stdout: () => out.join(''),
    stderr: () => err.join(''),
    clock,
    random: () => 0.5,
    signal,
  };
}

/** Runs `tako ARGUMENTS` with a kubeconfig. */
export async function takoWith(
  kubeconfig: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const io = recordedIo();
  const code = await run([...args, '--kubeconfig', kubeconfig], io);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}
