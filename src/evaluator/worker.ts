import { parentPort, workerData } from 'node:worker_threads';
import type { BatchRequest, WorkerData } from './protocol.ts';
import { serveBatch } from './serve.ts';

/**
 * The evaluator's thread. In the bundle it is an entry point of its own, `evaluator-worker.mjs`, beside the file that creates the evaluator.
 */
const { progress } = workerData as WorkerData;
const shared = new Int32Array(progress);

parentPort?.on('message', (request: BatchRequest) => {
  serveBatch(request, shared, reply => parentPort?.postMessage(reply));
});
