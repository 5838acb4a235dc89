import { expect, test } from 'vitest';
import { type BatchReply, NOT_STARTED } from './protocol.ts';
import { serveBatch } from './serve.ts';

function serve(expressions: string[]) {
  const progress = new Int32Array(new SharedArrayBuffer(4)).fill(NOT_STARTED);
  const replies: BatchReply[] = [];
  serveBatch(
    { expressions, variables: { payload: { items: Array.from({ length: 150 }, (_, index) => index) } } },
    progress,
    reply => replies.push(reply),
  );
  return { progress: progress[0], replies };
}

test('given a short batch, then it is answered in one message, and the progress stands behind the last expression', () => {
  const { progress, replies } = serve(['1', 'nope', '"a" + "b"']);
  expect(progress).toBe(3);
  expect(replies).toEqual([
    {
      outcomes: [
        { ok: true, value: 1 },
        { ok: false, message: expect.stringContaining('no variable nope') },
        { ok: true, value: 'ab' },
      ],
      done: true,
    },
  ]);
});

test('given a batch that takes its time, then outcomes are posted on the way, each once and in order', () => {
  const slow = 'payload.items.all(a, payload.items.all(b, a + b >= 0))';
  const expressions = Array.from({ length: 12 }, (_, index) => `${slow} ? ${index} : -1`);
  const { replies } = serve(expressions);
  expect(replies.length).toBeGreaterThan(1);
  expect(replies.map(({ done }) => done)).toEqual(replies.map((_, index) => index === replies.length - 1));
  expect(replies.flatMap(({ outcomes }) => outcomes)).toEqual(
    expressions.map((_, index) => ({ ok: true, value: index })),
  );
});

test('given an empty batch, then it is done', () => {
  expect(serve([])).toEqual({ progress: 0, replies: [{ outcomes: [], done: true }] });
});
