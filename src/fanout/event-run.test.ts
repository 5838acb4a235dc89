import { describe, expect, it } from 'vitest';
import { takoRunSpecSchema } from '../api/takorun.ts';
import { type EventRunOptions, eventRun } from './event-run.ts';
import { fanOutFingerprint } from './fingerprint.ts';
import { fanOutRunName } from './names.ts';
import { buildEvent, buildWorkflowRun } from './testing/builders.ts';

const options: EventRunOptions = { step: 'publish', slug: 'acme/core-lib', event: buildEvent(), waitForChildren: true };

describe('eventRun', () => {
  it('given a root workflow run, then its event run is owned by it and one level below', () => {
    const run = buildWorkflowRun();
    const { metadata, spec } = eventRun(run, { ...options, deadlineMs: 5_000 });
    expect(metadata).toMatchObject({
      name: fanOutRunName({ name: 'core-lib-release', uid: 'uid-core-lib-release' }, 'publish'),
      namespace: 'team',
      labels: { 'tako.dev/run-uid': 'uid-core-lib-release', 'tako.dev/root-uid': 'uid-core-lib-release' },
      ownerReferences: [{ uid: 'uid-core-lib-release', controller: true }],
    });
    expect(spec).toEqual({
      event: buildEvent(),
      waitForChildren: true,
      parent: {
        run: { namespace: 'team', name: 'core-lib-release', uid: 'uid-core-lib-release' },
        root: { namespace: 'team', name: 'core-lib-release', uid: 'uid-core-lib-release' },
        depth: 1,
        deadline: '1970-01-01T00:00:05Z',
        ancestors: [{ repository: 'acme/core-lib', workflow: 'release' }],
        step: 'publish',
      },
    });
    expect(takoRunSpecSchema.safeParse(spec).success).toBe(true);
  });

  it('given a run below a root, then root and ancestors go on', () => {
    const ancestors = [{ repository: 'acme/base', workflow: 'build' }];
    const { spec, metadata } = eventRun(buildWorkflowRun({ parent: { depth: 2, ancestors } }), options);
    expect(spec.parent).toMatchObject({ depth: 3, root: { uid: 'uid-root' } });
    expect(spec.parent?.ancestors).toEqual([...ancestors, { repository: 'acme/core-lib', workflow: 'release' }]);
    expect(spec.parent).not.toHaveProperty('deadline');
    expect(metadata.labels['tako.dev/root-uid']).toBe('uid-root');
  });

  it('given what the run says about fan-outs, then the step says it first', () => {
    const run = buildWorkflowRun({ spec: { concurrencyLimit: 8, dedupe: 'Tree', childTimeout: '1h', timeout: '3h' } });
    expect(eventRun(run, options).spec).toMatchObject({ concurrencyLimit: 8, dedupe: 'Tree', childTimeout: '1h' });
    expect(eventRun(run, options).spec).not.toHaveProperty('timeout');
    const own = eventRun(run, { ...options, concurrencyLimit: 2, timeoutMs: 5_400_000, idempotent: true }).spec;
    expect(own).toMatchObject({ concurrencyLimit: 2, timeout: '1h30m', idempotent: true });
  });

  it('given the same step again later, then it is the same fan-out', () => {
    const run = buildWorkflowRun();
    const first = eventRun(run, { ...options, timeoutMs: 60_000, deadlineMs: 100_000 });
    const again = eventRun(run, { ...options, timeoutMs: 60_000, deadlineMs: 200_000 });
    expect(again.metadata).toEqual(first.metadata);
    expect(fanOutFingerprint(again.spec)).toBe(fanOutFingerprint(first.spec));
  });
});
