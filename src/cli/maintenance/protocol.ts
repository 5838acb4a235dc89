/**
 * What `tako cache verify` and `prune` say to the Pod that works on the volume for them, one JSON document a line: requests on its standard input,
 * answers on its standard output. Types and constants only, as the Pod loads them too. When the command dies its end of the line closes, and
 * the Pod ends with that.
 */

/** One thing to do. They are done one after the other. */
export type Order =
  /** What is on the volume. */
  | { readonly do: 'scan' }
  /** Whether a generation is as it was written, and has these commits. */
  | { readonly do: 'verify'; readonly url: string; readonly fence: number; readonly commits: readonly string[] }
  /** Deletes the generations of an entry up to this number. Only under the write lock with that number, and after nothing is published any more. */
  | { readonly do: 'remove'; readonly url: string; readonly fence: number };

export interface Answers {
  scan: { readonly entries: readonly ScannedEntry[] };
  /** No problems: it is good. Unchecked: why nobody can tell. */
  verify: { readonly problems: readonly string[] } | { readonly unchecked: string };
  remove: { readonly freedBytes: number };
}

/** An entry as it lies on the volume. */
export interface ScannedEntry {
  readonly url: string;
  /** All generations together, those that nobody will read any more among them. */
  readonly bytes: number;
  /** The highest number of a generation, finished or not. */
  readonly highestFence: number;
  /** When it was last read, RFC 3339. */
  readonly used: string;
}

export type Request = Order & { readonly id: number };

export type Reply =
  | { readonly id: number; readonly result: Answers[Order['do']] }
  | { readonly id: number; readonly error: string }
  /** Still at work. It also keeps proxies from closing a connection that looks idle. */
  | { readonly alive: true };

/** Time between two signs of life, milliseconds. */
export const ALIVE_MS = 10_000;

/** A Pod that hears nothing for so long ends, milliseconds: nobody ever attached, or a connection hangs. */
export const IDLE_MS = 5 * 60_000;
