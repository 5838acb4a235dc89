import { PROTOCOL_VERSION } from './loop.ts';

/** What the loop says about itself when it is ready. */
export interface Hello {
  /** The protocol's version, see {@link PROTOCOL_VERSION}. */
  version: number;
  /** The loop's PID in its own namespace; 1 in a container. Only PID 1 can sweep. */
  pid: number;
  /** Whether the image has setsid, so that a step and its children can be signalled as one group. */
  setsid: boolean;
}

/** What the loop writes into the result FIFO. */
export type Report = { type: 'hello'; hello: Hello } | { type: 'log' } | { type: 'swept' } | { type: 'pong' };

/** What a supervisor writes into its run's state FIFO. */
export type StateReport = { type: 'started'; pid: number } | { type: 'exit'; code: number };

/** What the agent writes into the control FIFO. A run is named by its slot's number. */
export type Order =
  | { type: 'run' | 'drop' | 'reap'; run: number }
  | { type: 'kill'; signal: 'TERM' | 'KILL'; pid: number }
  | { type: 'log' | 'sweep' | 'ping' }
  | { type: 'quit'; holdSeconds: number };

/** The longest line that either side writes, in bytes, with room to spare. Anything longer is not of the protocol. */
export const MAX_REPORT_BYTES = 64;

/** Reads one line of the result FIFO; undefined when the loop cannot have written it. */
export function parseReport(line: string): Report | undefined {
  if (line === 'log' || line === 'swept' || line === 'pong') return { type: line };
  const [, version, pid, setsid] = /^hello (\d{1,4}) ([1-9]\d{0,9}) (setsid)?$/.exec(line) ?? [];
  if (version === undefined || pid === undefined) return undefined;
  return { type: 'hello', hello: { version: Number(version), pid: Number(pid), setsid: setsid !== undefined } };
}

/**
 * Reads one line of a state FIFO; undefined when a supervisor cannot have written it.
 * PID 1 is the loop itself and a signal to "group 1" would reach every process, so a step's PID is at least 2.
 */
export function parseStateReport(line: string): StateReport | undefined {
  const [, word, digits] = /^(started|exit) (\d{1,10})$/.exec(line) ?? [];
  const value = Number(digits);
  if (word === 'started' && value > 1) return { type: 'started', pid: value };
  if (word === 'exit' && value <= 255) return { type: 'exit', code: value };
  return undefined;
}

/** Writes an order as the loop reads it, with its newline. */
export function formatOrder(order: Order): string {
  switch (order.type) {
    case 'run':
    case 'drop':
    case 'reap':
      return `${order.type} ${order.run}\n`;
    case 'kill':
      return `kill ${order.signal} ${order.pid}\n`;
    case 'log':
    case 'sweep':
    case 'ping':
      return `${order.type}\n`;
    case 'quit':
      return order.holdSeconds > 0 ? `quit ${Math.ceil(order.holdSeconds)}\n` : 'quit\n';
  }
}

/** Why this agent cannot work with a loop that said hello, or undefined when it can. */
export function incompatibility(hello: Hello): string | undefined {
  if (hello.version === PROTOCOL_VERSION) return undefined;
  return `it speaks version ${hello.version} of the step protocol, this agent speaks version ${PROTOCOL_VERSION}: the operator and the agent's image must be of one release`;
}
