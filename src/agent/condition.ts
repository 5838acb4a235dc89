import type { Evaluator } from '../evaluator/evaluator.ts';

/** Evaluates the `if` of steps. The CEL library and its thread are loaded with the first one: most workflows have none. */
export function createCondition(): {
  evaluate: (expression: string, variables: Record<string, unknown>, signal: AbortSignal) => Promise<boolean>;
  close: () => Promise<void>;
} {
  let evaluator: Evaluator | undefined;
  return {
    async evaluate(expression, variables, signal) {
      if (evaluator === undefined) {
        const { createEvaluator } = await import('../evaluator/evaluator.ts');
        evaluator = createEvaluator({ poolSize: 1 });
      }
      const result = await evaluator.evaluate(expression, variables, signal);
      if (!result.ok) throw new Error(result.message);
      if (typeof result.value !== 'boolean') {
        throw new Error(`the condition gives ${JSON.stringify(result.value)}, expected true or false`);
      }
      return result.value;
    },
    close: async () => {
      await evaluator?.close();
    },
  };
}
