import { describe, expect, it } from 'vitest';
import { ANNOTATIONS, API_VERSION, LABELS, TRACKING_FINALIZER } from '../../api/meta.ts';
import type { Live, LiveMeta, OwnerReference } from '../../kube/objects.ts';
import { emptyState } from '../../locks/lease.ts';
import { formatState } from '../../locks/state.ts';
import type { LockState } from '../../locks/types.ts';
import { at, CREATED, finishedPod, observedPod, running, workflowRun } from '../run/testing/builders.ts';
import {
  type Candidate,
  type Known,
  suspectClaim,
  suspectLock,
  suspectPod,
  suspectResult,
  suspectVolumeClaim,
  suspectWorkspace,
} from './suspects.ts';

const NOBODY: Known = { hasRun: () => false, hasPod: () => false };
const EVERYBODY: Known = { hasRun: () => true, hasPod: () => true };
const run: OwnerReference = { apiVersion: API_VERSION, kind: 'TakoRun', name: 'run', uid: 'run-uid', controller: true };
const pod: OwnerReference = { apiVersion: 'v1', kind: 'Pod', name: 'pod', uid: 'pod-uid', controller: true };
const job: OwnerReference = { apiVersion: 'batch/v1', kind: 'Job', name: 'job', uid: 'job-uid', controller: true };

function object(changes: Partial<LiveMeta> = {}): Candidate & Live {
  const labels = { [LABELS.runUid]: 'run-uid', [LABELS.pod]: 'pod' };
  const metadata = {
    name: 'it',
    namespace: 'team',
    uid: 'uid',
    resourceVersion: '1',
    creationTimestamp: at(0),
    labels,
  };
  return { apiVersion: 'v1', kind: 'Any', metadata: { ...metadata, ...changes } };
}

const runGone = { kind: 'runGone', runUid: 'run-uid' };

describe('what looks like an orphan', () => {
  it('given an owner that is known, then nothing does', () => {
    expect(suspectPod(object({ ownerReferences: [run] }), EVERYBODY, TRACKING_FINALIZER)).toBeUndefined();
    expect(suspectResult(object({ ownerReferences: [run] }), EVERYBODY)).toBeUndefined();
    expect(suspectClaim(object({ ownerReferences: [run] }), EVERYBODY, CREATED)).toBeUndefined();
    expect(suspectVolumeClaim(object({ ownerReferences: [pod] }), EVERYBODY)).toBeUndefined();
  });

  it('given a run that is not known, by owner or, without one, by label, then its Pod, result and claim do', () => {
    for (const found of [object({ ownerReferences: [run] }), object()]) {
      expect(suspectPod(found, NOBODY, TRACKING_FINALIZER)).toMatchObject({ kind: 'pods', uid: 'uid', cause: runGone });
      expect(suspectResult(found, NOBODY)).toMatchObject({ kind: 'configmaps', namespace: 'team', cause: runGone });
      expect(suspectClaim(found, NOBODY, CREATED)).toMatchObject({ kind: 'leases', name: 'it', cause: runGone });
    }
  });

  it('given what belongs to something else, or to nobody at all, then it is left alone', () => {
    for (const found of [object({ ownerReferences: [job] }), object({ labels: {} })]) {
      expect(suspectPod(found, NOBODY, TRACKING_FINALIZER)).toBeUndefined();
      expect(suspectResult(found, NOBODY)).toBeUndefined();
      expect(suspectClaim(found, NOBODY, CREATED * 2)).toBeUndefined();
      expect(suspectVolumeClaim(found, NOBODY)).toBeUndefined();
    }
  });

  it('given what is being deleted, then it is left alone, but for a Pod that Tako itself holds', () => {
    const going = object({ ownerReferences: [run], deletionTimestamp: at(1_000) });
    expect(suspectPod(going, NOBODY, TRACKING_FINALIZER)).toBeUndefined();
    expect(suspectResult(going, NOBODY)).toBeUndefined();
    expect(suspectClaim(going, NOBODY, CREATED)).toBeUndefined();
    expect(suspectVolumeClaim(object({ deletionTimestamp: at(1_000) }), NOBODY)).toBeUndefined();
    const held = object({ deletionTimestamp: at(1_000), finalizers: [TRACKING_FINALIZER] });
    expect(suspectPod(held, NOBODY, TRACKING_FINALIZER)).toMatchObject({ cause: runGone });
  });

  it('given a Pod that is not known, by owner or, without one, by label, then its volume claim does', () => {
    expect(suspectVolumeClaim(object({ ownerReferences: [pod] }), NOBODY)?.cause).toEqual({
      kind: 'podGone',
      podName: 'pod',
      podUid: 'pod-uid',
    });
    expect(suspectVolumeClaim(object(), NOBODY)?.cause).toEqual({ kind: 'podGone', podName: 'pod' });
  });

  it('given a claim of an event, then it does some minutes after its time, also of a run that is there', () => {
    const claim = object({ ownerReferences: [{ ...run, controller: false }] });
    const day = 86_400_000;
    expect(suspectClaim(claim, EVERYBODY, CREATED + day)).toBeUndefined();
    expect(suspectClaim(claim, EVERYBODY, CREATED + day + 300_000)?.cause).toEqual({ kind: 'expired' });
  });
});

describe('a workspace that is kept for people', () => {
  const held = finishedPod({ state: 'failed' }, { containers: { 'step-0': running } });
  const retainedWorkspace = { podName: 'p', podUID: 'pod-uid', container: 'step-0', until: at(60_000), command: 'x' };
  const kept = workflowRun({ status: { phase: 'Failed', retainedWorkspace } });
  const late = CREATED + 60_000 + 600_000;

  it('given its run, and that its time has long been over, then it is a suspect', () => {
    const name = kept.metadata.name;
    expect(suspectWorkspace(held, kept, late)).toMatchObject({
      kind: 'workspaces',
      uid: 'pod-uid',
      cause: { kind: 'overdue', runName: name },
    });
  });

  it.each([
    ['within its time', held, kept, late - 1],
    ['that has stopped', { ...held, status: { ...held.status, phase: 'Failed' } }, kept, late],
    ['that is being deleted', observedPod({ deletedAfter: 1 }), kept, late],
    ['of another attempt', observedPod({ uid: 'other' }), kept, late],
    ['of a run that goes on', held, workflowRun({ status: { phase: 'Running', retainedWorkspace } }), late],
    ['of a run that is gone', held, undefined, late],
    ['of another run', held, workflowRun({ uid: 'other', status: kept.status! }), late],
  ] as const)('given one %s, then it is none', (_, found, owner, now) => {
    expect(suspectWorkspace(found, owner, now)).toBeUndefined();
  });
});

describe('the lock of a repository', () => {
  const DAY_MS = 86_400_000;
  const SKEW_MS = 300_000;
  const state = emptyState('https://git.example.com/acme/app.git', new Date(CREATED), 7);
  const lock = (changes: Partial<LockState> = {}, metadata: Partial<LiveMeta> = {}) =>
    object({ annotations: { [ANNOTATIONS.lock]: formatState({ ...state, ...changes }) }, ...metadata });
  const who = { id: 'i', run: 'r', runUid: 'u', pod: 'p', podUid: 'pu' };
  const now = CREATED + DAY_MS + SKEW_MS;
  const time = at(0);

  it('given one that protects nothing, then it is a suspect when it was not used for a day, and not before', () => {
    expect(suspectLock(lock(), now)).toEqual({
      kind: 'leases',
      namespace: 'team',
      name: 'it',
      uid: 'uid',
      cause: { kind: 'unused' },
    });
    expect(suspectLock(lock(), now - 1)).toBeUndefined();
    expect(suspectLock(lock({ used: at(1_000) }), now)).toBeUndefined();
  });

  it.each<[string, Partial<LockState>]>([
    ['a copy is published', { published: { fence: 7, commits: [], bytes: 0, at: time } }],
    [
      'somebody holds it',
      { holders: [{ ...who, mode: 'read', fence: 7, acquired: time, renewed: time, expires: time, seconds: 60 }] },
    ],
    ['somebody waits for it', { queue: [{ ...who, want: { mode: 'write' }, since: time, seen: time }] }],
  ])('given that %s, then it is none, however old', (_, changes) => {
    expect(suspectLock(lock(changes), now * 2)).toBeUndefined();
  });

  it('given one that is going, or that cannot be read, then it is left alone', () => {
    expect(suspectLock(lock({}, { deletionTimestamp: at(0) }), now)).toBeUndefined();
    expect(suspectLock(object({ annotations: { [ANNOTATIONS.lock]: '{' } }), now)).toBeUndefined();
    expect(suspectLock(object(), now)).toBeUndefined();
  });
});

describe('the claim of a cache', () => {
  it('given that it belongs to no Pod, then it is no orphan', () => {
    const labels = { [LABELS.managedBy]: 'tako', [LABELS.component]: 'cache' };
    expect(suspectVolumeClaim(object({ name: 'tako-cache', labels }), NOBODY)).toBeUndefined();
  });
});
