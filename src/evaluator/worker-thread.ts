import { Worker } from 'node:worker_threads';
import type { CelOutcome } from '../workflow/cel.ts';
import { type BatchReply, type BatchRequest, NOT_STARTED, type WorkerData } from './protocol.ts';

type BatchEnd =
  | { kind: 'done' }
  /** The thread is gone. `index` is the expression that it was at, `NOT_STARTED` when it never came to any. */
  | { kind: 'stopped'; index: number; why: 'timeout' | 'memory' | 'crash'; message: string };

export interface WorkerThread {
  /**
   * Evaluates a batch; `onOutcomes` gets the outcomes in order, in pieces. After any other end than `done` the thread
   * cannot be used again. One batch at a time.
   */
  run(request: BatchRequest, onOutcomes: (outcomes: CelOutcome[]) => void): Promise<BatchEnd>;
  terminate(): Promise<void>;
}

export interface WorkerThreadOptions {
  /** For each expression. */
  timeoutMs: number;
  /** For loading the library and converting the variables. */
  startTimeoutMs: number;
  memoryMb: number;
}

/**
 * Starts a thread. It gets no environment and no arguments: an expression that broke out of the library would find no
 * secrets there.
 */
export function startWorkerThread(options: WorkerThreadOptions): WorkerThread {
  const progress = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const shared = new Int32Array(progress);
  const workerData: WorkerData = { progress };
  const worker = new Worker(workerUrl(), {
    workerData,
    env: {},
    argv: [],
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: options.memoryMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
  });
  worker.unref();
  let batch: Batch | undefined;
  let ended = false;

  const finish = (end: BatchEnd) => {
    clearInterval(batch?.watch);
    batch?.resolve(end);
    batch = undefined;
    worker.unref();
  };
  const stopped = (why: 'timeout' | 'memory' | 'crash', message: string) => {
    finish({ kind: 'stopped', index: Atomics.load(shared, 0), why, message });
  };
  worker.on('message', (reply: BatchReply) => {
    batch?.onOutcomes(reply.outcomes);
    if (reply.done) finish({ kind: 'done' });
  });
  worker.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
      stopped('memory', `the expression needed more than ${options.memoryMb} MiB of memory and was stopped`);
    } else {
      stopped('crash', `the evaluator failed: ${error.message}`);
    }
  });
  worker.on('exit', code => {
    ended = true;
    stopped('crash', `the evaluator ended with code ${code}`);
  });

  function giveUp(): void {
    const { timeoutMs, startTimeoutMs } = options;
    const started = Atomics.load(shared, 0) !== NOT_STARTED;
    void worker.terminate();
    stopped(
      'timeout',
      started
        ? `the expression took longer than ${timeoutMs} ms and was stopped`
        : `the evaluator did not start within ${startTimeoutMs} ms`,
    );
  }

  return {
    terminate: async () => void (await worker.terminate()),
    run(request, onOutcomes) {
      Atomics.store(shared, 0, NOT_STARTED);
      const { promise, resolve } = Promise.withResolvers<BatchEnd>();
      batch = { onOutcomes, resolve, watch: watchProgress(shared, request.expressions.length, options, giveUp) };
      worker.ref();
      try {
        // A message to a thread that ended while it was idle would go nowhere, and nobody would hear of it.
        if (ended) throw new Error('its thread has ended');
        worker.postMessage(request);
      } catch (error) {
        stopped('crash', `the variables cannot be handed to the evaluator: ${(error as Error).message}`);
      }
      return promise;
    },
  };
}

interface Batch {
  onOutcomes(outcomes: CelOutcome[]): void;
  resolve(end: BatchEnd): void;
  watch: NodeJS.Timeout;
}

/**
 * Calls `onStuck` once the index has not moved for the time limit: that of an expression, or the longer one before the
 * first and after the last. Each look reads the thread's own progress, so that a stall of this thread blames nobody:
 * what moved meanwhile is seen to have moved.
 */
function watchProgress(
  shared: Int32Array,
  expressions: number,
  { timeoutMs, startTimeoutMs }: WorkerThreadOptions,
  onStuck: () => void,
): NodeJS.Timeout {
  let last = NOT_STARTED;
  let since = performance.now();
  return setInterval(
    () => {
      const index = Atomics.load(shared, 0);
      if (index !== last) {
        last = index;
        since = performance.now();
        return;
      }
      const between = index === NOT_STARTED || index === expressions;
      if (performance.now() - since >= (between ? startTimeoutMs : timeoutMs)) onStuck();
    },
    Math.max(5, Math.min(timeoutMs / 10, 100)),
  );
}

/** The source runs as it is; a bundle has the worker beside it. */
function workerUrl(): URL {
  const name = import.meta.url.endsWith('.ts') ? './worker.ts' : './evaluator-worker.mjs';
  return new URL(name, import.meta.url);
}
