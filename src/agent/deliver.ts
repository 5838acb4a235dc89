import type { AgentResult, ResultBody } from './contract.ts';

/** How far a message is cut when even a result without steps and outputs does not fit. */
const SHORT_MESSAGE = 200;

/**
 * Brings a result into a termination message of at most `maxBytes` bytes. What does not fit is stored first, and the message then names
 * it. `store` throws when that is not possible in time: the result becomes execution_failed/ResultsUndelivered, since a success whose
 * outputs are lost is none.
 */
export async function fitResult(
  result: AgentResult,
  maxBytes: number,
  store: (body: ResultBody) => Promise<{ name: string; digest: string }>,
): Promise<string> {
  const whole = JSON.stringify(result);
  if (Buffer.byteLength(whole) <= maxBytes) return whole;
  const { steps, outputs, ...rest } = result;
  try {
    const ref = await store({ steps, ...(outputs === undefined ? {} : { outputs }) });
    return withinBytes({ ...rest, steps: [], ref }, maxBytes);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    const message = `the run ended as ${result.state}, but its results did not fit into the Pod's status and could not be handed over: ${cause}`;
    return withinBytes(
      { ...rest, steps: [], state: 'failed', errorType: 'execution_failed', reason: 'ResultsUndelivered', message },
      maxBytes,
    );
  }
}

function withinBytes(result: AgentResult, maxBytes: number): string {
  const text = JSON.stringify(result);
  if (Buffer.byteLength(text) <= maxBytes || result.message === undefined) return text;
  return JSON.stringify({ ...result, message: `${result.message.slice(0, SHORT_MESSAGE)}…` });
}
