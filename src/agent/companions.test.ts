import { describe, expect, it } from 'vitest';
import { createCompanions } from './companions.ts';
import type { ScriptOutcome } from './protocol/outcome.ts';

const outcome: ScriptOutcome = { kind: 'neverStarted', reason: 'aborted', message: '' };
const until = (signal: AbortSignal): Promise<ScriptOutcome> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(outcome), { once: true }));

describe('long-running steps', () => {
  it('given some, when they are stopped, then all have ended', async () => {
    const companions = createCompanions(new AbortController().signal);
    const ended: string[] = [];
    for (const name of ['a', 'b']) {
      companions.start(async signal => {
        const result = await until(signal);
        ended.push(name);
        return result;
      });
    }
    await companions.stop();
    expect(ended).toEqual(['a', 'b']);
  });

  it('given a run that is stopped, then they are told at once, not only at the end', async () => {
    const run = new AbortController();
    const companions = createCompanions(run.signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    companions.start(async signal => {
      const result = await until(signal);
      resolve();
      return result;
    });
    run.abort();
    await promise;
    await companions.stop();
  });

  it('given none, then there is nothing to wait for', async () => {
    await createCompanions(new AbortController().signal).stop();
  });
});
