import { chmodSync, existsSync, mkdtempSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ProtocolError } from './errors.ts';
import { type Keeper, makeFifos, openKeeper, openReadEnd, openWriteEnd } from './fifo.ts';
import { createLineSplitter } from './lines.ts';
import { type ContainerLog, openContainerLog } from './log.ts';
import { CHANNEL_DIRECTORY } from './loop.ts';
import { formatOrder, MAX_REPORT_BYTES, type Order, parseReport, type Report } from './messages.ts';
import { createSlotPool, firstSlotFifos, type SlotPool } from './slots.ts';

/** Why a channel carries nothing any more. */
export type ContainerEnd =
  /** The loop is gone: the container ended. The kubelet's status knows why (OOMKilled, deleted, ...). */
  | { kind: 'ended' }
  /** The result FIFO carried something that the loop does not say: a step has tampered with its container. */
  | { kind: 'violation'; detail: string }
  /** The agent closed it. */
  | { kind: 'closed' };

/** The FIFOs between the agent and one container's loop. */
export interface Channel {
  readonly log: ContainerLog;
  readonly slots: SlotPool;
  /** Set once the channel carries nothing any more. */
  readonly end: ContainerEnd | undefined;
  send(order: Order): void;
  /**
   * Sends an order and waits for its report.
   *
   * @returns false when none came in time or the container ended
   */
  ask(order: Order & { type: 'ping' | 'log' | 'sweep' }, timeoutMs: number): Promise<boolean>;
  /** Takes from steps the right to open control, result and log, and lets go of our own second ends. */
  tighten(): void;
  /** Lets the loop open the log again, while `whileOpen` runs. The log has a reader all that time, so that nothing is lost. */
  withOpenLog<T>(whileOpen: () => Promise<T>): Promise<T>;
  /** Ends it with a violation. */
  violate(detail: string): void;
  /** Tells the loop to end, and waits until it has or `timeoutMs` have passed. A loop that has not said hello ends when it comes. */
  quit(options: { holdSeconds: number; timeoutMs: number }): Promise<void>;
}

export interface ChannelOptions {
  /** The io directory of the container, as the agent sees it. */
  directory: string;
  /** How many slots to make at once. */
  slots: number;
  onHello: (report: Report & { type: 'hello' }) => void;
  /** Called once. */
  onEnd: (end: ContainerEnd) => void;
}

/** The report that answers an order. */
const ANSWERS = { ping: 'pong', log: 'log', sweep: 'swept' } as const;

/**
 * Modes for the time until `hello`. The loop belongs to the directory's group; it opens all three for reading and writing, because
 * such an open never waits for the other side.
 */
const OPEN_MODE = 0o660;
const CLOSED_MODE = 0o600;
const SHARED_FIFOS = ['control', 'result', 'log'] as const;

/**
 * Makes a container's FIFOs, opens the agent's ends and only then shows them to the loop, by a rename: whoever sees the directory
 * can use everything in it. Rejects with {@link ProtocolError} when the io directory is not what it should be.
 */
export async function openChannel({ directory, slots, onHello, onEnd }: ChannelOptions): Promise<Channel> {
  const path = join(directory, CHANNEL_DIRECTORY);
  const hidden = await makeHiddenDirectory(directory, slots);
  const hiddenPath = (name: string) => join(hidden, name);
  for (const name of SHARED_FIFOS) chmodSync(hiddenPath(name), OPEN_MODE);

  // With these the loop can use all three at once, so that it may come as soon as they have their name.
  const keepers: Keeper[] = [openKeeper(hiddenPath('control')), openKeeper(hiddenPath('log'))];
  const result = openReadEnd(hiddenPath('result'));
  renameSync(hidden, path);
  const control = openWriteEnd(join(path, 'control'));
  const log = openContainerLog(join(path, 'log'));
  const pending = new Map<Report['type'], (() => void)[]>();
  let end: ContainerEnd | undefined;
  let quitting = false;
  const ended = Promise.withResolvers<void>();

  // EPIPE: the loop is gone, which the end of the result says too.
  control.on('error', () => undefined);
  result.on('error', () => undefined);
  result.on('close', () => finish({ kind: 'ended' }));
  const lines = createLineSplitter(MAX_REPORT_BYTES, bytes => {
    if (end === undefined) receive(bytes.toString('latin1'));
  });
  result.on('data', (chunk: Buffer) => lines.push(chunk));

  function receive(line: string): void {
    const report = parseReport(line);
    if (report === undefined) finish({ kind: 'violation', detail: `unexpected report ${JSON.stringify(line)}` });
    else if (report.type === 'hello') onHello(report);
    // An answer that nobody waits for any more came too late.
    else pending.get(report.type)?.shift()?.();
  }

  function finish(cause: ContainerEnd): void {
    if (end !== undefined) return;
    end = quitting ? { kind: 'closed' } : cause;
    for (const keeper of keepers) keeper.close();
    control.destroy();
    result.destroy();
    log.abandon();
    for (const answers of pending.values()) for (const answer of answers.splice(0)) answer();
    onEnd(end);
    ended.resolve();
  }

  return {
    log,
    slots: createSlotPool(path, slots),
    get end() {
      return end;
    },
    send(order) {
      if (end === undefined) control.write(formatOrder(order));
    },
    async ask(order, timeoutMs) {
      if (end !== undefined) return false;
      const { promise, resolve } = Promise.withResolvers<void>();
      const answers = pending.get(ANSWERS[order.type]) ?? [];
      pending.set(ANSWERS[order.type], answers);
      answers.push(resolve);
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        answers.splice(answers.indexOf(resolve), 1);
        resolve();
      }, timeoutMs);
      control.write(formatOrder(order));
      await promise;
      clearTimeout(timer);
      return !late && end === undefined;
    },
    tighten() {
      for (const name of SHARED_FIFOS) chmodSync(join(path, name), CLOSED_MODE);
      for (const keeper of keepers) keeper.close();
    },
    async withOpenLog(whileOpen) {
      const logPath = join(path, 'log');
      const keeper = openKeeper(logPath);
      keepers.push(keeper);
      chmodSync(logPath, OPEN_MODE);
      if (log.lost) log.reopen();
      try {
        return await whileOpen();
      } finally {
        chmodSync(logPath, CLOSED_MODE);
        keeper.close();
        keepers.splice(keepers.indexOf(keeper), 1);
      }
    },
    violate: detail => finish({ kind: 'violation', detail }),
    async quit({ holdSeconds, timeoutMs }) {
      quitting = true;
      if (end === undefined) control.end(formatOrder({ type: 'quit', holdSeconds }));
      const timer = setTimeout(finish, timeoutMs, { kind: 'closed' });
      await ended.promise;
      clearTimeout(timer);
    },
  };
}

/**
 * Makes the directory under a name that the loop does not look for. It is setgid, as the io directory, so that all in it belongs to
 * the group that the agent and the steps share; the group may enter and list, never write.
 */
async function makeHiddenDirectory(directory: string, slots: number): Promise<string> {
  if (existsSync(join(directory, CHANNEL_DIRECTORY))) {
    throw new ProtocolError(
      `the io directory ${directory} already has a channel: it serves one agent and one container, once`,
    );
  }
  try {
    const hidden = mkdtempSync(join(directory, '.channel-'));
    chmodSync(hidden, 0o2750);
    await makeFifos(hidden, [...SHARED_FIFOS, ...firstSlotFifos(slots)]);
    return hidden;
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw new ProtocolError(`cannot prepare the io directory ${directory}: ${(error as Error).message}`);
  }
}
