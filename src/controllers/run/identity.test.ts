import { describe, expect, it } from 'vitest';
import { runIdOf, traceIdOf } from './identity.ts';
import { workflowRun } from './testing/builders.ts';

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

describe('traceIdOf', () => {
  const uid = '3f0c2f4e-8a57-4d0e-9a40-6d5b7b7f6a11';
  const root = { namespace: 'team', name: 'root', uid };

  it('given a root and a run below it, then both have the id of the root', () => {
    expect(traceIdOf(workflowRun({ uid }))).toBe('3f0c2f4e8a574d0e9a406d5b7b7f6a11');
    expect(traceIdOf(workflowRun({ parent: { root } }))).toBe('3f0c2f4e8a574d0e9a406d5b7b7f6a11');
  });

  it('given a UID that is none of RFC 4122, then there is no id', () => {
    expect(traceIdOf(workflowRun({ uid: 'uid-1' }))).toBeUndefined();
  });
});
