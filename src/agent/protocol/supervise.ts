import type { ContainerEnd } from './channel.ts';
import type { Mailbox } from './mailbox.ts';
import type { Order } from './messages.ts';
import type { StateEvent } from './state.ts';

/** What can happen to a run while somebody waits for it. */
export type RunEvent = StateEvent | { type: 'stop' } | { type: 'containerEnded'; end: ContainerEnd };

/** A script's process exists. */
export interface Started {
  kind: 'started';
  pid: number;
  /** A time of `performance.now()`. */
  at: number;
}

/** How the waiting for a run ended. */
export type Ending =
  | { kind: 'exit'; code: number; endedBy: 'itself' | 'timeout' | 'stop' }
  /** The supervisor tells nothing, or nonsense. */
  | { kind: 'lost'; detail: string }
  /** The container did not get to it in time. */
  | { kind: 'late'; afterMs: number }
  | { kind: 'containerEnded'; end: ContainerEnd };

/** How long a killed process may take to be reported as ended. */
const KILL_TIMEOUT_MS = 5_000;

/** Waits until a supervisor has started its script, for `timeoutMs` at most. */
export async function waitForStart(events: Mailbox<RunEvent>, timeoutMs: number): Promise<Started | Ending> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const event = await events.next(deadline);
    if (event === undefined) return { kind: 'late', afterMs: timeoutMs };
    if (event.type === 'started') return { kind: 'started', pid: event.pid, at: performance.now() };
    if (event.type === 'exit') {
      return { kind: 'lost', detail: `the container could not start a shell for it (exit code ${event.code})` };
    }
    if (event.type === 'stateEnded') return { kind: 'lost', detail: 'the container could not start a process for it' };
    if (event.type !== 'stop') return endingOf(event);
  }
}

export interface SuperviseOptions {
  timeoutMs: number | undefined;
  graceMs: number;
  send: (order: Order) => void;
}

/** Waits for a script's end, and brings it about when its time is up or a `stop` comes: TERM, grace, KILL. */
export async function supervise(
  events: Mailbox<RunEvent>,
  { pid, at }: Started,
  { timeoutMs, graceMs, send }: SuperviseOptions,
): Promise<Ending> {
  let phase: 'running' | 'terminating' | 'killed' = 'running';
  let endedBy: 'itself' | 'timeout' | 'stop' = 'itself';
  let deadline = timeoutMs === undefined ? undefined : at + timeoutMs;
  for (;;) {
    const event = await events.next(deadline);
    if (event?.type === 'exit') return { kind: 'exit', code: event.code, endedBy };
    if (event !== undefined && event.type !== 'stop') return endingOf(event);
    switch (phase) {
      case 'running':
        endedBy = event === undefined ? 'timeout' : 'stop';
        phase = 'terminating';
        deadline = performance.now() + graceMs;
        send({ type: 'kill', signal: 'TERM', pid });
        break;
      case 'terminating':
        if (event !== undefined) break;
        phase = 'killed';
        deadline = performance.now() + KILL_TIMEOUT_MS;
        send({ type: 'kill', signal: 'KILL', pid });
        break;
      case 'killed':
        if (event !== undefined) break;
        return {
          kind: 'lost',
          detail: `its supervisor did not report its end within ${KILL_TIMEOUT_MS / 1000} s after KILL`,
        };
    }
  }
}

/**
 * Waits until a supervisor that has reported everything is gone, for `timeoutMs` at most; says whether it is. The loop waits for it
 * without a limit, so that a supervisor that something has stopped must be killed first.
 */
export async function waitForSupervisorEnd(events: Mailbox<RunEvent>, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const event = await events.next(deadline);
    if (event === undefined) return false;
    if (event.type === 'stateEnded' || event.type === 'containerEnded') return true;
  }
}

/** The ending that an event makes, whatever was waited for. */
function endingOf(event: Exclude<RunEvent, { type: 'stop' }>): Ending {
  switch (event.type) {
    case 'containerEnded':
      return { kind: 'containerEnded', end: event.end };
    case 'stateEnded':
      return { kind: 'lost', detail: 'its supervisor was killed' };
    case 'stateGarbled':
      return { kind: 'lost', detail: `its supervisor was imitated: unexpected report ${JSON.stringify(event.line)}` };
    case 'started':
    case 'exit':
      return { kind: 'lost', detail: `its supervisor was imitated: it reported "${event.type}" out of turn` };
  }
}
