import { expect, test } from 'vitest';
import { describeOutcome, type ScriptOutcome, type ScriptOutput } from './outcome.ts';

const nothing = { bytes: Buffer.alloc(0), truncated: false, total: 0 };
const output: ScriptOutput = { stdout: nothing, stderr: nothing, durationMs: 1_234, logComplete: true };
const exited = { kind: 'exited', endedBy: 'itself', leftovers: 'none', code: 0, ...output } as const;

test.each<[ScriptOutcome, string]>([
  [{ ...exited, code: 3 }, 'the script ended with exit code 3'],
  [{ ...exited, code: 137 }, 'the script was ended by signal 9 (exit code 137)'],
  [{ ...exited, code: 255 }, 'the script ended with exit code 255'],
  [{ ...exited, code: 143, endedBy: 'timeout' }, 'the script ran into its time limit after 1.2 s (exit code 143)'],
  [{ ...exited, code: 143, endedBy: 'stop' }, 'the script was stopped after 1.2 s (exit code 143)'],
  [{ kind: 'supervisorLost', detail: 'it is gone', ...output }, 'nobody knows how the script ended: it is gone'],
  [
    { kind: 'neverStarted', reason: 'closed', message: 'the door is shut' },
    'the script was not started: the door is shut',
  ],
  [{ kind: 'containerDied', end: { kind: 'closed' }, ...output }, 'the container was closed'],
  [
    { kind: 'containerDied', end: { kind: 'violation', detail: 'rubbish' }, ...output },
    'a process in the container tampered with it: rubbish',
  ],
])('given %j, then a user reads %j', (outcome, expected) => {
  expect(describeOutcome(outcome)).toBe(expected);
});

test('given the container ended, then a user reads where the cause is', () => {
  expect(describeOutcome({ kind: 'containerDied', end: { kind: 'ended' }, ...output })).toContain(
    'its status in the Pod says why',
  );
});
