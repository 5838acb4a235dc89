import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderScript } from './script.ts';
import { hostileText } from './testing/hostile.ts';
import { POSITIONS, type Position } from './testing/positions.ts';
import { runScripts, SHELLS } from './testing/shells.ts';

/** What a script may have set before: none of it may change what a value becomes. */
const MODES = ['', 'set -u\n', 'set -e\n', 'IFS=a\n', 'IFS=\n', "IFS='\"'\n", 'set -a\n'];
const BATCHES = 25;
const BATCH = 100;

interface Case {
  /** Its name: a failure prints cases. */
  readonly position: string;
  readonly value: string;
  readonly mode: string;
}

const anyCase: fc.Arbitrary<Case> = fc
  .record({
    position: fc.constantFrom(...POSITIONS.map(({ name }) => name)),
    value: hostileText,
    mode: fc.constantFrom(...MODES),
  })
  .filter(({ position, value }) => find(position).except?.(value) !== true);

function find(name: string): Position {
  return POSITIONS.find(position => position.name === name)!;
}

function render({ position, value, mode }: Case): string {
  const rendered = renderScript(`${mode}${find(position).script}`, { inputs: { v: value } });
  if (!rendered.ok) throw new Error(`${position}: ${rendered.errors.map(error => error.message).join('; ')}`);
  return `${rendered.prelude}\n${rendered.body}`;
}

describe.each(SHELLS)('values in scripts of $name', shell => {
  it('given each position and a plain value, when the script runs, then the value arrives', () => {
    const cases = POSITIONS.flatMap(({ name: position }) =>
      ['', 'some file', ' a  b '].map(value => ({ position, value, mode: '' })),
    );
    const runs = runScripts(shell, cases.map(render));
    for (const [index, { position, value }] of cases.entries()) {
      expect({ position, value, ...runs[index] }).toEqual({
        position,
        value,
        words: find(position).expected(value),
        stderr: '',
      });
    }
  });

  it('given hostile values in every position, when the scripts run, then they arrive as they are and nothing of them is run', () => {
    fc.assert(
      fc.property(fc.array(anyCase, { minLength: 1, size: 'max', maxLength: BATCH }), cases => {
        const runs = runScripts(shell, cases.map(render));
        for (const [index, { position, value, mode }] of cases.entries()) {
          expect({ position, mode, value, ...runs[index] }).toEqual({
            position,
            mode,
            value,
            words: find(position).expected(value),
            stderr: '',
          });
        }
      }),
      { numRuns: BATCHES },
    );
  });
});
