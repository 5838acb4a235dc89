import type { Captured } from './capture.ts';
import type { ContainerEnd } from './channel.ts';

export type { Captured };

/** What a script wrote, and for how long it ran. */
export interface ScriptOutput {
  stdout: Captured;
  stderr: Captured;
  /** From the script's start to its end, in milliseconds. */
  durationMs: number;
  /**
   * False when a part of the output is known to be missing in the container's log, because the log's reader was killed or stalled.
   * What a killed reader had already taken is lost unnoticed.
   */
  logComplete: boolean;
}

/** How a script ended. */
export type ScriptOutcome =
  | ({
      kind: 'exited';
      /** The shell's exit code; 128 + signal for a script that a signal ended. */
      code: number;
      /** Whether it was told to end: the time was up, or the caller's signal fired. */
      endedBy: 'itself' | 'timeout' | 'stop';
      /**
       * Processes that had left the step's group and still held its output open: `swept` with every other process of the
       * container, or still `present`, since other scripts run there (they go before the next script that runs alone).
       */
      leftovers: 'none' | 'swept' | 'present';
    } & ScriptOutput)
  /** The container ended under the script. */
  | ({ kind: 'containerDied'; end: ContainerEnd } & ScriptOutput)
  /** The supervisor was killed, stopped or imitated, which only the step's own processes can have done: nobody knows the exit code. */
  | ({ kind: 'supervisorLost'; detail: string } & ScriptOutput)
  /** No process of the script has run. */
  | { kind: 'neverStarted'; reason: NeverStartedReason; message: string };

export type NeverStartedReason =
  /** `hello` has not come yet. */
  | 'notReady'
  /** The caller's signal had fired. */
  | 'aborted'
  /** The container has ended or was closed. */
  | 'closed'
  /** Too long, or with a NUL. */
  | 'invalidScript'
  /** More runs at once than `maxParallelRuns`. */
  | 'tooManyRuns'
  /** The container did not start it in time. */
  | 'deadline'
  /** The container could not start a process. */
  | 'noProcess'
  /** The agent could not prepare it. */
  | 'io';

/** One sentence for a user, without a full stop. */
export function describeOutcome(outcome: ScriptOutcome): string {
  switch (outcome.kind) {
    case 'exited':
      return describeExit(outcome);
    case 'containerDied':
      return describeEnd(outcome.end);
    case 'supervisorLost':
      return `nobody knows how the script ended: ${outcome.detail}`;
    case 'neverStarted':
      return `the script was not started: ${outcome.message}`;
  }
}

function describeExit({ code, endedBy, durationMs }: ScriptOutcome & { kind: 'exited' }): string {
  const seconds = (durationMs / 1000).toFixed(1);
  switch (endedBy) {
    case 'timeout':
      return `the script ran into its time limit after ${seconds} s (exit code ${code})`;
    case 'stop':
      return `the script was stopped after ${seconds} s (exit code ${code})`;
    case 'itself':
      return code > 128 && code <= 128 + 64
        ? `the script was ended by signal ${code - 128} (exit code ${code})`
        : `the script ended with exit code ${code}`;
  }
}

/** One clause that says why a container takes no scripts any more. */
export function describeEnd(end: ContainerEnd): string {
  switch (end.kind) {
    case 'ended':
      return 'the container ended; its status in the Pod says why (out of memory, out of processes, deleted, ended from inside)';
    case 'violation':
      return `a process in the container tampered with it: ${end.detail}`;
    case 'closed':
      return 'the container was closed';
  }
}
