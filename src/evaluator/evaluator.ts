import { type CelVariables, checkVariables } from '../workflow/cel/variables.ts';
import type { JsonValue } from '../workflow/types.ts';
import { NOT_STARTED } from './protocol.ts';
import { startWorkerThread, type WorkerThread } from './worker-thread.ts';

export type Evaluation =
  | { ok: true; value: JsonValue }
  /** `timeout`: it was stopped. `error`: it cannot be evaluated, or not over these variables. */
  | { ok: false; kind: 'error' | 'timeout'; message: string };

export interface Evaluator {
  /** One expression. Rejects only with the signal's reason; everything else is a value. */
  evaluate(expression: string, variables: CelVariables, signal?: AbortSignal): Promise<Evaluation>;
  /**
   * Many expressions over the same variables, in their order: the variables are copied and converted once. An
   * expression that is stopped takes nothing from the others, which are evaluated to the end.
   */
  evaluateMany(expressions: readonly string[], variables: CelVariables, signal?: AbortSignal): Promise<Evaluation[]>;
  /** Stops the threads. What is under way or comes later is an error. */
  close(): Promise<void>;
}

export interface EvaluatorOptions {
  /** Milliseconds for each expression. Default 1000. */
  timeoutMs?: number;
  /** Milliseconds for one call of `evaluateMany`; expressions left over are timeouts. Default 30,000. */
  batchTimeoutMs?: number;
  /**
   * Milliseconds until a new thread is at its first expression. Default 30,000: a busy machine is no reason to fail.
   */
  startTimeoutMs?: number;
  /** Threads, started when they are first needed. Default 1. */
  poolSize?: number;
  /** MiB of heap for each thread. Default 128; the library takes about 20 of it. */
  memoryMb?: number;
}

const CLOSED = 'the evaluator is closed';

interface Task {
  expressions: readonly string[];
  variables: CelVariables;
  results: (Evaluation | undefined)[];
  canceled: boolean;
  resolve(results: Evaluation[]): void;
}

/**
 * CEL with a time limit that holds: what users wrote runs in threads of its own, is watched from here, and a thread
 * whose expression does not end is terminated and replaced.
 */
export function createEvaluator(options: EvaluatorOptions = {}): Evaluator {
  const { timeoutMs = 1_000, batchTimeoutMs = 30_000, startTimeoutMs = 30_000, poolSize = 1, memoryMb = 128 } = options;
  const queue: Task[] = [];
  const idle: WorkerThread[] = [];
  const threads = new Set<WorkerThread>();
  let running = 0;
  let closed = false;

  function start(): WorkerThread {
    const thread = idle.pop() ?? startWorkerThread({ timeoutMs, startTimeoutMs, memoryMb });
    threads.add(thread);
    return thread;
  }

  async function work(task: Task): Promise<void> {
    const deadline = performance.now() + batchTimeoutMs;
    for (let left = pending(task); left.length > 0 && !task.canceled; left = pending(task)) {
      if (closed) return fillRest(task, 'error', CLOSED);
      if (performance.now() >= deadline) {
        return fillRest(task, 'timeout', `the expressions before this one took longer than ${batchTimeoutMs} ms`);
      }
      await round(task, left);
    }
  }

  /** Evaluates what is left until the end or until one expression has to be stopped. */
  async function round(task: Task, left: readonly number[]): Promise<void> {
    const thread = start();
    let received = 0;
    const request = { expressions: left.map(index => task.expressions[index]!), variables: task.variables };
    const end = await thread.run(request, outcomes => {
      for (const outcome of outcomes) {
        task.results[left[received]!] = outcome.ok ? outcome : { ok: false, kind: 'error', message: outcome.message };
        received += 1;
      }
    });
    if (end.kind === 'done') {
      idle.push(thread);
      return;
    }
    threads.delete(thread);
    void thread.terminate();
    if (closed) return;
    const kind = end.why === 'timeout' ? 'timeout' : 'error';
    const culprit = left[end.index];
    // A thread that did not come to an expression would not come to the next one either.
    if (end.index === NOT_STARTED || culprit === undefined) fillRest(task, kind, end.message);
    else task.results[culprit] = { ok: false, kind, message: end.message };
  }

  function next(): void {
    if (running >= poolSize) return;
    const task = queue.shift();
    if (task === undefined) return;
    running += 1;
    void work(task).finally(() => {
      running -= 1;
      task.resolve(task.results as Evaluation[]);
      next();
    });
  }

  function evaluateMany(
    expressions: readonly string[],
    variables: CelVariables,
    signal?: AbortSignal,
  ): Promise<Evaluation[]> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<Evaluation[]>();
    const task: Task = { expressions, variables, results: expressions.map(() => undefined), canceled: false, resolve };
    const cancel = () => {
      task.canceled = true;
      const position = queue.indexOf(task);
      if (position !== -1) queue.splice(position, 1);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    const refusal = closed ? CLOSED : refuse(variables);
    if (refusal !== undefined) {
      fillRest(task, 'error', refusal);
      resolve(task.results as Evaluation[]);
    } else {
      queue.push(task);
      next();
    }
    return promise.finally(() => signal?.removeEventListener('abort', cancel));
  }

  return {
    evaluateMany,
    async evaluate(expression, variables, signal) {
      const [result] = await evaluateMany([expression], variables, signal);
      return result!;
    },
    async close() {
      closed = true;
      for (const task of queue.splice(0)) {
        fillRest(task, 'error', CLOSED);
        task.resolve(task.results as Evaluation[]);
      }
      await Promise.all(Array.from(threads, thread => thread.terminate()));
    },
  };
}

function pending({ results }: Task): number[] {
  return results.flatMap((result, index) => (result === undefined ? [index] : []));
}

function fillRest(task: Task, kind: 'error' | 'timeout', message: string): void {
  for (const index of pending(task)) task.results[index] = { ok: false, kind, message };
}

/** Too large variables are refused before they are copied: the thread's heap is small. */
function refuse(variables: CelVariables): string | undefined {
  try {
    return checkVariables(variables);
  } catch (error) {
    return `the variables are no JSON: ${(error as Error).message}`;
  }
}
