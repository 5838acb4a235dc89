import { describe, expect, it } from 'vitest';
import { runIdOf } from './identity.ts';

describe('runId', () => {
  it('given a run, then its id tells its creation time in UTC and eight digits of its own', () => {
    const id = runIdOf({ uid: '1a2b', creationTimestamp: '2026-02-03T04:05:06Z' });
    expect(id).toMatch(/^exec-20260203-040506-[0-9a-f]{8}$/);
  });

  it('given the same run again, then it has the same id, and another run of the same second another one', () => {
    const creationTimestamp = '2026-02-03T04:05:06Z';
    const id = runIdOf({ uid: '1a2b', creationTimestamp });
    expect(runIdOf({ uid: '1a2b', creationTimestamp })).toBe(id);
    expect(runIdOf({ uid: '1a2c', creationTimestamp })).not.toBe(id);
  });
});
