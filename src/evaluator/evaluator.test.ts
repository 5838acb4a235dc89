import { afterEach, describe, expect, test } from 'vitest';
import { createEvaluator, type Evaluator, type EvaluatorOptions } from './evaluator.ts';

const ITEMS = Array.from({ length: 300 }, (_, index) => index);
const VARIABLES = { payload: { items: ITEMS, version: '1.2.3', text: 'x'.repeat(50_000) } };

/** 27 million steps: minutes. */
const ENDLESS = 'payload.items.all(a, payload.items.all(b, payload.items.all(c, a + b + c >= 0)))';
/** Some 10 GiB of text. */
const GREEDY = 'payload.items.map(a, payload.items.map(b, (payload.text + string(a * b)).lower())).size() > 0';

const open: Evaluator[] = [];

function evaluator(options: EvaluatorOptions = {}): Evaluator {
  const created = createEvaluator({ timeoutMs: 500, ...options });
  open.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map(created => created.close()));
});

describe('evaluate', () => {
  test('given expressions, then their values and errors are told apart', async () => {
    const { evaluate } = evaluator();
    expect(await evaluate('semver.major(payload.version) == 1', VARIABLES)).toEqual({ ok: true, value: true });
    expect(await evaluate('payload.items.size() + 1', VARIABLES)).toEqual({ ok: true, value: 301 });
    expect(await evaluate('payload.nope', VARIABLES)).toEqual({
      ok: false,
      kind: 'error',
      message: 'payload.nope: there is no nope here; has(...) asks whether there is one',
    });
  });

  test('given an expression that does not end, then it is stopped in time, this thread stays free, and the next one is evaluated', async () => {
    const { evaluate } = evaluator();
    await evaluate('true', {});
    const start = performance.now();
    let turns = 0;
    const heartbeat = setInterval(() => {
      turns += 1;
    }, 10);
    const result = await evaluate(ENDLESS, VARIABLES);
    clearInterval(heartbeat);
    expect(result).toEqual({
      ok: false,
      kind: 'timeout',
      message: 'the expression took longer than 500 ms and was stopped',
    });
    expect(performance.now() - start).toBeGreaterThanOrEqual(500);
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(turns).toBeGreaterThan(10);
    expect(await evaluate('1 + 1', {})).toEqual({ ok: true, value: 2 });
  });

  test('given an expression that needs more memory than there is, then it is stopped and this process lives', async () => {
    const { evaluate } = evaluator({ timeoutMs: 15_000, memoryMb: 64 });
    expect(await evaluate(GREEDY, VARIABLES)).toEqual({
      ok: false,
      kind: 'error',
      message: 'the expression needed more than 64 MiB of memory and was stopped',
    });
    expect(await evaluate('true', {})).toEqual({ ok: true, value: true });
  });

  test('given variables that are no JSON or too large, then it is an error and no thread sees them', async () => {
    const { evaluate } = evaluator();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(await evaluate('true', { payload: circle })).toMatchObject({ ok: false, kind: 'error' });
    expect(await evaluate('true', { payload: 'x'.repeat(300_000) })).toMatchObject({
      ok: false,
      kind: 'error',
      message: expect.stringContaining('the payload has 300002 bytes'),
    });
    expect(await evaluate('true', { payload: { f: () => 1 } })).toMatchObject({
      ok: false,
      kind: 'error',
      message: expect.stringContaining('cannot be handed to the evaluator'),
    });
    expect(await evaluate('true', {})).toEqual({ ok: true, value: true });
  });
});

describe('evaluateMany', () => {
  test('given a thousand filters over one event, then each has its result', async () => {
    const { evaluateMany } = evaluator();
    const filters = Array.from({ length: 1_000 }, (_, index) => `payload.items[${index % 300}] == ${index}`);
    const results = await evaluateMany(filters, VARIABLES);
    expect(results).toEqual(filters.map((_, index) => ({ ok: true, value: index < 300 })));
  });

  test('given filters that do not end among others, then only they are timeouts', async () => {
    const { evaluateMany } = evaluator();
    const results = await evaluateMany(['1', ENDLESS, '2', 'nope', ENDLESS, '3'], VARIABLES);
    expect(results.map(result => (result.ok ? result.value : result.kind))).toEqual([
      1,
      'timeout',
      2,
      'error',
      'timeout',
      3,
    ]);
  });

  test('given a slow batch, then what was evaluated before an endless one is kept', async () => {
    const { evaluateMany } = evaluator({ timeoutMs: 2_000 });
    const few = { payload: { ...VARIABLES.payload, few: ITEMS.slice(0, 60) } };
    const slow = 'payload.few.all(a, payload.few.all(b, a + b >= 0))';
    const results = await evaluateMany([...Array(30).fill(slow), ENDLESS], few);
    expect(results.map(({ ok }) => ok)).toEqual([...Array(30).fill(true), false]);
  });

  test('given more endless filters than a batch has time for, then the rest are timeouts that say so', async () => {
    const { evaluateMany } = evaluator({ timeoutMs: 200, batchTimeoutMs: 300 });
    const results = await evaluateMany(Array(20).fill(ENDLESS), VARIABLES);
    expect(results.every(result => !result.ok && result.kind === 'timeout')).toBe(true);
    expect(results.at(-1)).toMatchObject({ message: 'the expressions before this one took longer than 300 ms' });
  });

  test('given no expressions, then there are no results', async () => {
    expect(await evaluator().evaluateMany([], VARIABLES)).toEqual([]);
  });
});

describe('several callers', () => {
  test('given one thread, then calls wait for each other and all are answered', async () => {
    const { evaluate } = evaluator();
    const results = await Promise.all(
      ITEMS.slice(0, 50).map(index => evaluate(`inputs.n + ${index}`, { inputs: { n: 1 } })),
    );
    expect(results).toEqual(ITEMS.slice(0, 50).map(index => ({ ok: true, value: index + 1 })));
  });

  test('given two threads, then an endless expression does not hold the other caller up', async () => {
    const { evaluate } = evaluator({ timeoutMs: 10_000, poolSize: 2 });
    await Promise.all([evaluate('1', {}), evaluate('2', {})]);
    const controller = new AbortController();
    const endless = evaluate(ENDLESS, VARIABLES, controller.signal);
    expect(await evaluate('3', {})).toEqual({ ok: true, value: 3 });
    controller.abort(new Error('enough'));
    await expect(endless).rejects.toThrow('enough');
  });

  test('given a signal, then a call that waits, runs or comes later rejects with its reason', async () => {
    const { evaluate } = evaluator();
    const controller = new AbortController();
    const running = evaluate(ENDLESS, VARIABLES, controller.signal);
    const waiting = evaluate('1', {}, controller.signal);
    const other = evaluate('2', {});
    controller.abort(new Error('no longer needed'));
    await expect(running).rejects.toThrow('no longer needed');
    await expect(waiting).rejects.toThrow('no longer needed');
    await expect(evaluate('3', {}, controller.signal)).rejects.toThrow('no longer needed');
    expect(await other).toEqual({ ok: true, value: 2 });
  });
});

describe('close', () => {
  test('given calls under way, waiting and later, then all are errors that say so', async () => {
    const created = evaluator({ timeoutMs: 60_000 });
    await created.evaluate('true', {});
    const calls = [created.evaluate(ENDLESS, VARIABLES), created.evaluate('1', {})];
    await created.close();
    const closed = { ok: false, kind: 'error', message: 'the evaluator is closed' };
    expect(await Promise.all(calls)).toEqual([closed, closed]);
    expect(await created.evaluate('1', {})).toEqual(closed);
    await created.close();
  });
});
