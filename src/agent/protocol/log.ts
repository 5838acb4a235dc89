import type { Socket } from 'node:net';
import { openWriteEnd } from './fifo.ts';

/**
 * The agent's end of a container's log: what is written here, the container's `cat` prints as the container's own output.
 * Whoever writes masks first.
 */
export interface ContainerLog {
  /** `full`: the bytes are taken, wait for {@link onceWritable} before more. `lost`: nobody reads, the bytes are gone. */
  write(chunk: Buffer): 'ok' | 'full' | 'lost';
  /** Calls back once, when there is room again or the log was lost. */
  onceWritable(callback: () => void): void;
  /** Bytes that the FIFO has taken. Standing still while something waits means that the container's log stalls. */
  readonly taken: number;
  /** How often the log was lost, and with it what had not been printed. */
  readonly losses: number;
  readonly lost: boolean;
  /** Gives up: what waits is thrown away, and further bytes too until {@link reopen}. */
  abandon(): void;
  /** Begins anew after a loss; the FIFO must have a reader. */
  reopen(): void;
  /** Writes what waits and closes, within `timeoutMs`. */
  finish(timeoutMs: number): Promise<void>;
}

/** @param path the log FIFO, which must have a reader (a keeper, until the container's `cat` is there) */
export function openContainerLog(path: string): ContainerLog {
  const waiting = new Set<() => void>();
  let socket = open();
  let lost = false;
  let losses = 0;
  let takenBefore = 0;
  let finishing = false;

  function open(): Socket {
    const opened = openWriteEnd(path);
    opened.on('drain', wakeAll);
    opened.on('error', () => undefined);
    opened.on('close', () => {
      if (opened === socket) lose();
    });
    return opened;
  }

  function wakeAll(): void {
    const callbacks = [...waiting];
    waiting.clear();
    for (const callback of callbacks) callback();
  }

  function lose(): void {
    if (lost) return;
    lost = true;
    losses++;
    socket.destroy();
    wakeAll();
  }

  return {
    write(chunk) {
      if (lost || finishing) return 'lost';
      return socket.write(chunk) ? 'ok' : 'full';
    },
    onceWritable(callback) {
      if (lost || !socket.writableNeedDrain) callback();
      else waiting.add(callback);
    },
    get taken() {
      return takenBefore + socket.bytesWritten - socket.writableLength;
    },
    get losses() {
      return losses;
    },
    get lost() {
      return lost;
    },
    abandon: lose,
    reopen() {
      takenBefore += socket.bytesWritten - socket.writableLength;
      socket = open();
      lost = false;
    },
    async finish(timeoutMs) {
      if (lost) return;
      finishing = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.once('close', () => resolve());
      socket.end();
      const timer = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
      lose();
    },
  };
}
