import type { Answers, LockMode, LockState } from '../../types.ts';

/** The Lease of one repository from one write to the next: the record that all keepers share. Times are true time, milliseconds. */
export interface Version {
  readonly fromMs: number;
  toMs: number;
  /** Undefined: somebody has deleted it. */
  readonly state: LockState | undefined;
}

/** A call of an agent that was answered. */
export interface Call {
  readonly repository: string;
  readonly id: string;
  readonly invokedMs: number;
  readonly answeredMs: number;
  readonly answer:
    | { readonly kind: 'acquire'; readonly value: Answers['acquire'] }
    | { readonly kind: 'renew'; readonly value: Answers['renew'] }
    | { readonly kind: 'publish'; readonly value: Answers['publish'] }
    | { readonly kind: 'release'; readonly value: Answers['release'] };
}

/**
 * The time for which an agent that is well may rely on its lock: from the answer that grants it until it asks to end it, or dies, or has not
 * been able to renew it for as long as it may be silent, or the record was deleted.
 */
export interface Tenure {
  readonly repository: string;
  readonly id: string;
  readonly mode: LockMode;
  /** When the request was made that may have been granted first. */
  readonly askedMs: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** An agent has read the generation that its grant named. */
export interface Reading {
  readonly repository: string;
  readonly id: string;
  readonly fence: number;
  /** Who wrote what was found there; undefined: there was nothing, or half of it. */
  readonly writer: string | undefined;
  /** As of its tenure. */
  readonly askedMs: number;
  readonly atMs: number;
}

export interface History {
  readonly versions: ReadonlyMap<string, readonly Version[]>;
  readonly calls: readonly Call[];
  readonly tenures: readonly Tenure[];
  readonly readings: readonly Reading[];
  /** From when on the lock may be taken from the holder with this id, as it has asked to give it back or its Pod is over. */
  freeFromMs(id: string): number;
  /** Ids of those that have tried to the end and were never granted. */
  readonly starved: readonly string[];
  /** What went wrong on the volume, such as a generation that two have written. */
  readonly collisions: readonly string[];
}
