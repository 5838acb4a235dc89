import type { AgentResult, ResultBody } from './contract.ts';

/**
 * Brings a result into a termination message of at most `maxBytes` bytes. What does not fit is stored first, and the message then names
 * it. `store` throws when that is not possible in time: a success becomes execution_failed/ResultsUndelivered, since one whose outputs are
 * lost is none; a failure keeps its cause and loses its steps and outputs.
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
    const { name, digest } = await store({ steps, ...(outputs === undefined ? {} : { outputs }) });
    return withinBytes({ ...rest, steps: [], ref: { name, digest } }, maxBytes);
  } catch (error) {
    if (result.state === 'failed') return withinBytes({ ...rest, steps: [] }, maxBytes);
    const cause = error instanceof Error ? error.message : String(error);
    const message = `all steps ended well, but their results did not fit into the Pod's status and could not be handed over: ${cause}`;
    const { waitFor: _, ...lost } = rest;
    return withinBytes(
      { ...lost, steps: [], state: 'failed', errorType: 'execution_failed', reason: 'ResultsUndelivered', message },
      maxBytes,
    );
  }
}

/** As JSON, the message cut as far as needed. The other fields have bounds of their own, a few hundred bytes together. */
function withinBytes(result: AgentResult, maxBytes: number): string {
  const { message = '' } = result;
  const write = (length: number): string =>
    JSON.stringify(
      length >= message.length ? result : { ...result, message: `${message.slice(0, length).toWellFormed()}…` },
    );
  let fits = 0;
  let tooLong = message.length + 1;
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (Buffer.byteLength(write(middle)) <= maxBytes) fits = middle;
    else tooLong = middle;
  }
  return write(fits);
}
