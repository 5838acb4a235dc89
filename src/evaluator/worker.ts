import { parentPort, workerData } from 'node:worker_threads';
import { evaluateCel } from '../workflow/cel.ts';
import type { BatchRequest, WorkerData } from './protocol.ts';
import { serveBatch } from './serve.ts';

/**
 * The evaluator's thread. In the bundle it is an entry point of its own, `evaluator-worker.mjs`, beside the file that
 * creates the evaluator.
 */
const { progress } = workerData as WorkerData;
const shared = new Int32Array(progress);

// The first use of the library is its slowest: it is no expression's fault, and happens before the clock of the first
// one starts.
evaluateCel('[1].exists(x, x == 1)', {});

parentPort?.on('message', (request: BatchRequest) => {
  serveBatch(request, shared, reply => parentPort?.postMessage(reply));
});
