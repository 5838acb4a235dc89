import { describe, expect } from 'vitest';
import { test } from './fixture/tako.ts';
import { outcome } from './fixture/run-handle.ts';

describe('one step', () => {
  test('given a step that prints, then the run is Ready, and its log and its Pod stay', async ({ tako }) => {
    const run = await tako.steps(['echo hello from $TAKO_REPOSITORY']);

    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded', reason: 'Succeeded' });
    expect(await run.log()).toBe('hello from acme/run\n');
    await run.podsReleased();
  });
});
