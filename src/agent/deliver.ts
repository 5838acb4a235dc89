import type { AgentResult, ResultBody } from './contract.ts';

/**
 * Brings a result into a termination message of at most `maxBytes` bytes. What does not fit is stored first, and the message then names
 * it. `store` throws when that is not possible in time: a success becomes execution_failed/ResultsUndelivered, since one whose outputs are
 * lost is none; a failure keeps its cause and loses its steps and outputs. The output of the failed step makes room first: nothing is
 * stored for its sake, and it is cut before the message is.
 */
export async function fitResult(
  result: AgentResult,
  maxBytes: number,
  store: (body: ResultBody) => Promise<{ name: string; digest: string }>,
): Promise<string> {
  const { output, ...bare } = result;
  if (byteLength(bare) <= maxBytes) return withOutput(bare, output, maxBytes);
  const { steps, outputs, ...rest } = bare;
  try {
    const { name, digest } = await store({ steps, ...(outputs === undefined ? {} : { outputs }) });
    return withOutput(withinBytes({ ...rest, steps: [], ref: { name, digest } }, maxBytes), output, maxBytes);
  } catch (error) {
    if (result.state === 'failed') return withOutput(withinBytes({ ...rest, steps: [] }, maxBytes), output, maxBytes);
    const cause = error instanceof Error ? error.message : String(error);
    const message = `all steps ended well, but their results did not fit into the Pod's status and could not be handed over: ${cause}`;
    const { waitFor: _, ...lost } = rest;
    return JSON.stringify(
      withinBytes(
        { ...lost, steps: [], state: 'failed', errorType: 'execution_failed', reason: 'ResultsUndelivered', message },
        maxBytes,
      ),
    );
  }
}

/** The message cut as far as needed. The other fields have bounds of their own, a few hundred bytes together. */
function withinBytes(result: AgentResult, maxBytes: number): AgentResult {
  const { message = '' } = result;
  const cut = (length: number): AgentResult =>
    length >= message.length ? result : { ...result, message: `${message.slice(0, length).toWellFormed()}…` };
  return cut(largest(message.length, length => byteLength(cut(length)) <= maxBytes));
}

/** Less than this of an output says nothing, characters. */
const MIN_OUTPUT = 40;

/** As JSON, with as much of the end of the failed step's output as there is room for: it makes room for everything else. */
function withOutput(result: AgentResult, output: string | undefined, maxBytes: number): string {
  if (output === undefined || output === '') return JSON.stringify(result);
  const cut = (length: number): AgentResult => ({
    ...result,
    output: length >= output.length ? output : `…${output.slice(output.length - length).toWellFormed()}`,
  });
  const length = largest(output.length, candidate => byteLength(cut(candidate)) <= maxBytes);
  return JSON.stringify(length < Math.min(MIN_OUTPUT, output.length) ? result : cut(length));
}

/** The largest number up to `limit` that fits; 0 when none does. What is smaller than one that fits has to fit too. */
function largest(limit: number, fits: (candidate: number) => boolean): number {
  let low = 0;
  let high = limit + 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function byteLength(result: AgentResult): number {
  return Buffer.byteLength(JSON.stringify(result));
}
