import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseResult, parseResultBody } from './result.ts';
import { agentResult } from './testing/builders.ts';

const parse = (value: unknown) => parseResult(JSON.stringify(value));

describe("the agent's termination message", () => {
  it('given a result, then it is read whole', () => {
    const result = agentResult({
      state: 'failed',
      errorType: 'workflow_failed',
      reason: 'StepFailed',
      message: 'no',
      outputs: { 'a.b': 'c' },
      waitFor: ['emit'],
      ref: { name: 'x', digest: 'e'.repeat(64) },
      rssKiB: 50_000,
    });
    expect(parse(result)).toEqual(result);
  });

  it.each([
    ['nothing', ''],
    ['text', 'Killed'],
    ['a number', '5'],
    ['half a result', '{"protocol":1'],
  ])('given %s, then there is no result', (_, message) => {
    expect(parseResult(message)).toBeUndefined();
  });

  it.each([
    ['another protocol', { protocol: 2 }],
    ['an unknown state', { state: 'done' }],
    ['a reason that is no word', { reason: 'two words' }],
    ['a message that is too long', { message: 'x'.repeat(1_025) }],
    ['a step without a phase', { steps: [{ id: 'a' }] }],
    ['an exit code that no shell gives', { steps: [{ id: 'a', phase: 'Failed', exitCode: 256 }] }],
    ['a digest that is none', { ref: { name: 'x', digest: 'abc' } }],
    ['too many steps to wait for', { waitFor: Array.from({ length: 65 }, String) }],
  ])('given %s, then there is no result: it would not fit into the status', (_, change) => {
    expect(parse({ ...agentResult(), ...change })).toBeUndefined();
  });

  it('property: it never throws, whatever the message', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), text => void parseResult(text)));
  });

  it('given a stored body, then it is read; given rubbish, then it is not', () => {
    const body = { steps: [{ id: 'a', phase: 'Succeeded' }], outputs: { 'a.b': 'c' } };
    expect(parseResultBody(JSON.stringify(body))).toEqual(body);
    expect(parseResultBody('{"steps":5}')).toBeUndefined();
    expect(parseResultBody('')).toBeUndefined();
  });
});
