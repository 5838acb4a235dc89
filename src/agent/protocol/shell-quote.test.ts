import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellQuote } from './shell-quote.ts';
import { prepareContainer, SHELLS } from './testing.ts';

test('given a NUL, then it is refused', () => {
  expect(() => shellQuote('a\0b')).toThrow('NUL');
});

test.each(SHELLS)('given any values, then %s reads each back as it was', async shell => {
  await using prepared = prepareContainer({ shell });
  const word = fc.string({
    unit: fc.constantFrom("'", '"', '\\', '$', '`', '\n', ' ', '*', '-', '!', 'é', 'a', '(', ';'),
  });
  // All in one script, since starting a shell for each costs a thousand times more.
  const values = fc.sample(word, { numRuns: 300, seed: 1 });
  const script = values.map(value => `printf '%s\\0' ${shellQuote(value)}`).join('\n');
  const printed = execFileSync(prepared.shell, ['-c', script], { encoding: 'utf8' });
  expect(printed.split('\0').slice(0, -1)).toEqual(values);
});
