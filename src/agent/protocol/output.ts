import { type Captured, createCapture } from './capture.ts';
import { openReadEnd } from './fifo.ts';
import { createLineSplitter } from './lines.ts';
import type { ContainerLog } from './log.ts';
import type { Mask } from './mask.ts';

export type StreamName = 'stdout' | 'stderr';

/** The longest line that is handed to a caller in one piece, in bytes. */
const MAX_LINE_BYTES = 16_384;

export interface OutputOptions {
  name: StreamName;
  /** The stream's FIFO. */
  path: string;
  mask: Mask;
  /** Where the masked stream goes; undefined: nowhere. */
  log: ContainerLog | undefined;
  /** How many bytes to keep. */
  captureBytes: number;
  onLine: ((line: string, stream: StreamName) => void) | undefined;
  onData: ((chunk: Buffer, stream: StreamName) => void) | undefined;
  onMasked: ((chunk: Buffer, stream: StreamName) => void) | undefined;
}

/** One stream of a run, on its way from the step into the container's log. */
export interface Output {
  /** Bytes read so far. */
  readonly total: number;
  /** Whether the container's log has no room, so that nothing is read and the step has to wait. */
  readonly waiting: boolean;
  /** Whether anything was not logged, because the log was lost. */
  readonly dropped: boolean;
  /** Calls back once, when every process that could write has closed it, all was read, and the log has room; at once if that is so. */
  onceEnded(callback: () => void): void;
  /** Stops reading and hands on what was held back. */
  finish(): Captured;
}

/** Begins to read. The FIFO must have had no writer yet. */
export function openOutput({ name, path, mask, log, captureBytes, onLine, onData, onMasked }: OutputOptions): Output {
  const socket = openReadEnd(path);
  const capture = createCapture(captureBytes);
  const masker = mask.stream();
  const shown = log !== undefined || onLine !== undefined || onMasked !== undefined;
  const lines =
    onLine === undefined ? undefined : createLineSplitter(MAX_LINE_BYTES, line => onLine(line.toString(), name));
  const endCallbacks: (() => void)[] = [];
  let ended = false;
  let waiting = false;
  let dropped = false;

  function show(bytes: Buffer): void {
    if (bytes.length === 0) return;
    lines?.push(bytes);
    onMasked?.(bytes, name);
    if (log === undefined) return;
    const result = log.write(bytes);
    if (result === 'lost') dropped = true;
    if (result !== 'full' || waiting) return;
    waiting = true;
    socket.pause();
    log.onceWritable(() => {
      waiting = false;
      socket.resume();
      settle();
    });
  }

  socket.on('data', (chunk: Buffer) => {
    capture.push(chunk);
    onData?.(chunk, name);
    if (shown) show(masker.push(chunk));
  });
  socket.on('error', () => undefined);
  socket.on('end', () => {
    ended = true;
    settle();
  });

  /** The end comes even while reading pauses; but the stream is only over when the log has room for the next one. */
  function settle(): void {
    if (ended && !waiting) for (const callback of endCallbacks.splice(0)) callback();
  }

  return {
    get total() {
      return capture.total;
    },
    get waiting() {
      return waiting;
    },
    get dropped() {
      return dropped;
    },
    onceEnded(callback) {
      endCallbacks.push(callback);
      settle();
    },
    finish() {
      socket.destroy();
      if (shown) show(masker.end());
      lines?.end();
      return capture.result();
    },
  };
}
