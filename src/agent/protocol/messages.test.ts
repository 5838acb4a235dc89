import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatOrder,
  incompatibility,
  MAX_REPORT_BYTES,
  type Order,
  parseReport,
  parseStateReport,
} from './messages.ts';

describe('reports', () => {
  test.each([
    ['hello 1 1 setsid', { type: 'hello', hello: { version: 1, pid: 1, setsid: true } }],
    ['hello 1 4242 ', { type: 'hello', hello: { version: 1, pid: 4242, setsid: false } }],
    ['pong', { type: 'pong' }],
    ['log', { type: 'log' }],
    ['swept', { type: 'swept' }],
  ])('given the line %j, then it is understood', (line, expected) => {
    expect(parseReport(line)).toEqual(expected);
  });

  test.each([
    '',
    'hello',
    'hello 1 1',
    'hello 1 01 setsid',
    'hello 1 1 setsid more',
    'hello 12345 1 ',
    'pong ',
    'PONG',
    'pong\n',
  ])('given the line %j, then it is of nobody we know', line => expect(parseReport(line)).toBeUndefined());

  test('given the longest that can be said, then it is a line of the protocol', () => {
    expect('hello 9999 9999999999 setsid'.length).toBeLessThanOrEqual(MAX_REPORT_BYTES);
  });

  test.each([
    ['started 2', { type: 'started', pid: 2 }],
    ['exit 0', { type: 'exit', code: 0 }],
    ['exit 255', { type: 'exit', code: 255 }],
  ])('given the state %j, then it is understood', (line, expected) => {
    expect(parseStateReport(line)).toEqual(expected);
  });

  test.each([
    '',
    'started',
    'started 0',
    'started 1',
    'started -5',
    'exit 256',
    'exit x',
    'exit 0 ',
    ' exit 0',
    'started 2\nexit 0',
  ])('given the state %j, then no supervisor wrote it', line => expect(parseStateReport(line)).toBeUndefined());

  test('whatever a line holds, reading it does not throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), line => {
        parseReport(line);
        parseStateReport(line);
      }),
    );
  });
});

test.each<[Order, string]>([
  [{ type: 'run', run: 12 }, 'run 12\n'],
  [{ type: 'drop', run: 3 }, 'drop 3\n'],
  [{ type: 'reap', run: 3 }, 'reap 3\n'],
  [{ type: 'kill', signal: 'TERM', pid: 77 }, 'kill TERM 77\n'],
  [{ type: 'ping' }, 'ping\n'],
  [{ type: 'log' }, 'log\n'],
  [{ type: 'sweep' }, 'sweep\n'],
  [{ type: 'quit', holdSeconds: 0 }, 'quit\n'],
  [{ type: 'quit', holdSeconds: 0.2 }, 'quit 1\n'],
])('given the order %j, then it is written as the loop reads it', (order, line) => {
  expect(formatOrder(order)).toBe(line);
});

test('given a loop of our version, then nothing speaks against it', () => {
  expect(incompatibility({ version: 2, pid: 1, setsid: true })).toBeUndefined();
  expect(incompatibility({ version: 1, pid: 1, setsid: true })).toContain('version 1');
});
