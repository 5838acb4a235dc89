import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_STEP_CONTAINERS } from '../controllers/run/allowed.ts';
import { resultBytes } from '../controllers/run/pod-containers.ts';
import { parseResult } from '../controllers/run/result.ts';
import { type AgentResult, PROTOCOL_VERSION, type ResultBody } from './contract.ts';
import { fitResult } from './deliver.ts';

const base: AgentResult = { protocol: PROTOCOL_VERSION, state: 'succeeded', steps: [{ id: 'a', phase: 'Succeeded' }] };
const large: AgentResult = { ...base, outputs: { 'a.log': 'x'.repeat(5_000) }, waitFor: ['a'] };
const ref = { name: 'core-lib-release-0123456789abcdef', digest: 'e'.repeat(64) };

const fit = async (result: AgentResult, maxBytes: number, store: (body: ResultBody) => typeof ref = () => ref) =>
  JSON.parse(await fitResult(result, maxBytes, async body => store(body))) as AgentResult;
const fail = () => {
  throw new Error('the gateway is away');
};

describe('the delivery of a result', () => {
  it('given a result that fits, then it is the message, and nothing is stored', async () => {
    expect(await fit(base, 4_096, fail)).toEqual(base);
  });

  it('given a result that does not fit, then steps and outputs are stored and the message names them', async () => {
    const stored: ResultBody[] = [];
    const message = await fit(large, 3_072, body => {
      stored.push(body);
      return ref;
    });
    expect(stored).toEqual([{ steps: large.steps, outputs: large.outputs }]);
    expect(message).toEqual({ protocol: 1, state: 'succeeded', steps: [], waitFor: ['a'], ref });
  });

  it('given nowhere to store it, then a success is none, as its outputs are lost', async () => {
    expect(await fit(large, 3_072, fail)).toEqual({
      protocol: 1,
      state: 'failed',
      errorType: 'execution_failed',
      reason: 'ResultsUndelivered',
      message: expect.stringContaining('the gateway is away'),
      steps: [],
    });
  });

  it('given nowhere to store it, then a failure keeps its cause', async () => {
    const failed: AgentResult = {
      ...large,
      state: 'failed',
      errorType: 'workflow_failed',
      reason: 'StepFailed',
      message: 'exit code 1',
    };
    expect(await fit(failed, 3_072, fail)).toMatchObject({
      state: 'failed',
      errorType: 'workflow_failed',
      reason: 'StepFailed',
      message: 'exit code 1',
      steps: [],
    });
  });

  it('given a long message, then it is cut no more than needed', async () => {
    const failed: AgentResult = { ...large, state: 'failed', reason: 'StepFailed', message: 'm'.repeat(1_000) };
    const text = await fitResult(failed, 800, async () => ref);
    expect(Buffer.byteLength(text)).toBeGreaterThan(790);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(800);
  });

  const failedWith = (output: string): AgentResult => ({ ...base, state: 'failed', message: 'm'.repeat(200), output });

  it('given an output of the failed step that does not fit, then its end is told, and nothing is stored for it', async () => {
    const output = `${'x'.repeat(500)}\nthe end`;
    const text = await fitResult(failedWith(output), 500, async () => fail());
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(500);
    expect(Buffer.byteLength(text)).toBeGreaterThan(490);
    expect(JSON.parse(text)).toMatchObject({
      steps: base.steps,
      message: 'm'.repeat(200),
      output: expect.stringMatching(/^…x+\nthe end$/),
    });
  });

  it('given next to no room for the output, then it is left out', async () => {
    const { output: _, ...bare } = failedWith('');
    const size = Buffer.byteLength(JSON.stringify(bare));
    expect(await fit(failedWith('o'.repeat(500)), size + 30, fail)).toEqual(bare);
    expect(await fit(failedWith('short'), size + 30, fail)).toEqual(failedWith('short'));
  });

  it('given steps that have to be stored, then the output fills what is left', async () => {
    const result = { ...large, ...failedWith('o'.repeat(900)), outputs: large.outputs! };
    expect(await fit(result, 3_072)).toMatchObject({ steps: [], ref, output: 'o'.repeat(900) });
  });

  const anyText = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom('\u0000'.repeat(1_000), '\u{1F600}'.repeat(500), '\ud83d', '"'.repeat(1_000)),
  );
  const anyResult: fc.Arbitrary<AgentResult> = fc
    .record({
      state: fc.constantFrom('succeeded' as const, 'failed' as const),
      reason: fc.option(fc.constant('R'.repeat(100)), { nil: undefined }),
      errorType: fc.option(fc.constant('execution_failed' as const), { nil: undefined }),
      message: fc.option(anyText, { nil: undefined }),
      output: fc.option(anyText, { nil: undefined }),
      steps: fc.array(fc.record({ id: fc.constant('step'), phase: fc.constant('Failed' as const), message: anyText }), {
        maxLength: 8,
      }),
      outputs: fc.option(fc.dictionary(fc.constantFrom('a.b', 'c.d'), anyText), { nil: undefined }),
      waitFor: fc.option(fc.constant(['w'.repeat(100)]), { nil: undefined }),
      rssKiB: fc.nat(),
    })
    .map(result => JSON.parse(JSON.stringify({ protocol: PROTOCOL_VERSION, ...result })) as AgentResult);

  it('property: the message always fits, for every number of containers, and the operator can always read it', async () => {
    const containers = fc.integer({ min: 0, max: MAX_STEP_CONTAINERS });
    await fc.assert(
      fc.asyncProperty(anyResult, containers, fc.boolean(), async (result, count, stores) => {
        const maxBytes = resultBytes(count);
        const text = await fitResult(result, maxBytes, async () => (stores ? ref : fail()));
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes);
        const read = parseResult(text);
        expect(read).toBeDefined();
        if (read?.state === 'succeeded') expect(result.state).toBe('succeeded');
      }),
      { numRuns: 300 },
    );
  });
});
