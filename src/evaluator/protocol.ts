import type { CelVariables } from '../workflow/cel/variables.ts';
import type { CelOutcome } from '../workflow/cel.ts';

/** What the evaluator posts to its worker: one message for any number of expressions. */
export interface BatchRequest {
  expressions: readonly string[];
  variables: CelVariables;
}

/** What the worker posts back: outcomes in order, in as few messages as the time allows. */
export interface BatchReply {
  outcomes: CelOutcome[];
  /** The batch is complete. */
  done: boolean;
}

export interface WorkerData {
  /**
   * One Int32 that both threads share: the index of the expression that the worker is at, `NOT_STARTED` before the
   * first, the number of expressions after the last. A thread that is stuck cannot post; this it has written before it
   * got stuck.
   */
  progress: SharedArrayBuffer;
}

export const NOT_STARTED = -1;
