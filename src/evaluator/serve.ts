import { bindCel, type CelOutcome } from '../workflow/cel.ts';
import type { BatchReply, BatchRequest } from './protocol.ts';

/**
 * Milliseconds after which outcomes are posted although the batch goes on: if a later expression never ends, these are
 * safe.
 */
const POST_AFTER_MS = 50;

/**
 * Evaluates one batch. `progress` is written before each expression, so that a watcher knows which one does not end.
 */
export function serveBatch(request: BatchRequest, progress: Int32Array, post: (reply: BatchReply) => void): void {
  const { expressions, variables } = request;
  const evaluate = bindCel(variables);
  let outcomes: CelOutcome[] = [];
  let posted = performance.now();
  for (const [index, expression] of expressions.entries()) {
    Atomics.store(progress, 0, index);
    outcomes.push(evaluate(expression));
    if (performance.now() - posted < POST_AFTER_MS) continue;
    post({ outcomes, done: false });
    outcomes = [];
    posted = performance.now();
  }
  Atomics.store(progress, 0, expressions.length);
  post({ outcomes, done: true });
}
