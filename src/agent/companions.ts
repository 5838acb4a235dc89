import type { ScriptOutcome } from './protocol/outcome.ts';

/** Long-running steps: they run beside the others and are stopped at the end. */
export interface Companions {
  /** @param run ends its script when the signal is aborted */
  start(run: (signal: AbortSignal) => Promise<ScriptOutcome>): void;
  /** Stops them all and waits for their ends. */
  stop(): Promise<void>;
}

/** @param signal stops them too, at the same time as the step that runs then: a Pod that is deleted has little time */
export function createCompanions(signal: AbortSignal): Companions {
  const stop = new AbortController();
  const either = AbortSignal.any([stop.signal, signal]);
  const running: Promise<ScriptOutcome>[] = [];
  return {
    start: run => void running.push(run(either)),
    async stop() {
      stop.abort();
      await Promise.all(running);
    },
  };
}
