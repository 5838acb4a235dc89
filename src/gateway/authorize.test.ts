import { describe, expect, it } from 'vitest';
import type { TakoRunStatus } from '../api/takorun-status.ts';
import { authorize } from './authorize.ts';
import { buildLiveRun } from './testing/gateway-harness.ts';

const pod = { namespace: 'team', pod: { name: 'release-0', uid: 'pod-1' } };
const attempt = (number: number, podUID: string) => ({ number, podName: `release-${number}`, podUID });

function runsWith(status: TakoRunStatus, namespace = 'team') {
  const run = buildLiveRun({ status, namespace });
  const context = { run, repository: { slug: 'acme/core-lib', artifacts: ['default'] } };
  return {
    findByPodUid: (podUid: string) => (status.attempts?.some(({ podUID }) => podUID === podUid) ? context : undefined),
  };
}

describe('authorize', () => {
  it('given the Pod of the last attempt, then its run is found', () => {
    const runs = runsWith({ phase: 'Running', attempts: [attempt(1, 'pod-0'), attempt(2, 'pod-1')] });
    expect(authorize(pod, runs)).toMatchObject({ podUid: 'pod-1', run: { metadata: { name: 'core-lib-release' } } });
  });

  it('given attempts in any order, then the highest number is the last', () => {
    const runs = runsWith({ phase: 'Running', attempts: [attempt(2, 'pod-1'), attempt(1, 'pod-0')] });
    expect(authorize(pod, runs).podUid).toBe('pod-1');
  });

  it.each<[string, TakoRunStatus, string, object]>([
    [
      'a Pod that no run names yet',
      { phase: 'Pending', attempts: [] },
      'team',
      { status: 409, reason: 'PodNotRecorded', retry: true },
    ],
    [
      'the Pod of an earlier attempt',
      { phase: 'Running', attempts: [attempt(1, 'pod-1'), attempt(2, 'pod-2')] },
      'team',
      { status: 403, reason: 'AttemptSuperseded', retry: false },
    ],
    [
      'the Pod of an attempt that was given up',
      { phase: 'Pending', attempts: [{ ...attempt(1, 'pod-1'), completionTime: '2026-01-01T00:00:00Z' }] },
      'team',
      { status: 403, reason: 'AttemptSuperseded', retry: false },
    ],
    [
      'a run that ended',
      { phase: 'TimedOut', attempts: [attempt(1, 'pod-1')] },
      'team',
      { status: 409, reason: 'RunFinished', retry: false },
    ],
    [
      'a run of another namespace',
      { phase: 'Running', attempts: [attempt(1, 'pod-1')] },
      'apps',
      { status: 403, reason: 'Forbidden', retry: false },
    ],
  ])('given %s, then it is refused', (_what, status, namespace, expected) => {
    expect(() => authorize(pod, runsWith(status, namespace))).toThrow(expect.objectContaining(expected));
  });
});
