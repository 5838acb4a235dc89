import { expect, test } from 'vitest';
import { formatKeyPath, shorten } from './key-path.ts';

test.each([
  [[], ''],
  [['workflows', 'release', 'steps', 2, 'env', 'GH_TOKEN'], 'workflows.release.steps[2].env.GH_TOKEN'],
  [['subscriptions', 0], 'subscriptions[0]'],
  [['payload', 'my key', 'x'], 'payload["my key"].x'],
  [['a\n"b'], '["a\\n\\"b"]'],
  [['k'.repeat(200)], `["${'k'.repeat(60)}..."]`],
])('given the path %j, then it reads %s', (path, text) => {
  expect(formatKeyPath(path)).toBe(text);
});

test('given a long text, then it is cut', () => {
  expect(shorten('abc', 3)).toBe('abc');
  expect(shorten('abcd', 3)).toBe('abc...');
});
