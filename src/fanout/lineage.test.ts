import { describe, expect, it } from 'vitest';
import { ancestorsBelow, checkDepth, checkLineage, childDepth, depthOf, MAX_DEPTH, rootOf } from './lineage.ts';
import { buildEventRun, buildWorkflowRun } from './testing/builders.ts';

const core = { repository: 'acme/core', workflow: 'release' };
const app = { repository: 'acme/app', workflow: 'ci' };
const deploy = { slug: 'acme/deploy', workflow: 'deploy' };

describe('levels', () => {
  it('given a root event, then it is at level 0 and its children at 1', () => {
    expect([depthOf(buildEventRun()), childDepth(buildEventRun())]).toEqual([0, 1]);
  });

  it('given the event of a fan-out step, then it adds no level of its own', () => {
    expect(childDepth(buildEventRun({ parent: { depth: 1, step: 'publish' } }))).toBe(1);
  });

  it('given an event run that another run applied below itself, then its children are one level below', () => {
    expect(childDepth(buildEventRun({ parent: { depth: 1 } }))).toBe(2);
  });
});

describe('rootOf and ancestorsBelow', () => {
  it('given a root, then it is its own root and has only itself above what it starts', () => {
    const run = buildWorkflowRun();
    expect(rootOf(run)).toEqual({ namespace: 'team', name: 'core-lib-release', uid: 'uid-core-lib-release' });
    expect(ancestorsBelow(run, 'acme/core')).toEqual([core]);
  });

  it('given a run below, then root and ancestors are inherited', () => {
    const run = buildWorkflowRun({ parent: { ancestors: [app] } });
    expect(rootOf(run).uid).toBe('uid-root');
    expect(ancestorsBelow(run, 'acme/core')).toEqual([app, core]);
    expect(ancestorsBelow(buildEventRun({ parent: { ancestors: [app] } }), 'acme/core')).toEqual([app]);
  });

  it('given a manifest that no API server has seen, then there is no root to name', () => {
    expect(() => rootOf({ ...buildWorkflowRun(), metadata: { name: 'x', namespace: 'team' } })).toThrow(TypeError);
  });
});

describe('checkDepth', () => {
  it.each([
    [1, 'passes'],
    [6, 'passes'],
    [7, 'warns'],
    [10, 'warns'],
    [11, 'refuses'],
  ])('given level %i, then it %s', (depth, verdict) => {
    const result = checkDepth(depth, [core, app]);
    expect(result.ok ? (result.warning === undefined ? 'passes' : 'warns') : 'refuses').toBe(verdict);
  });

  it('given too deep a level, then the message shows the path', () => {
    expect(checkDepth(MAX_DEPTH + 1, [core, app])).toEqual({
      ok: false,
      reason: 'DepthExceeded',
      message: 'a tree of runs has at most 10 levels, and this would be level 11: acme/core release -> acme/app ci',
    });
  });

  it('given a deep level below an event that a person applied, then there may be no path to show', () => {
    expect(checkDepth(8, [])).toEqual({ ok: true, warning: 'level 8 of at most 10: the root' });
  });
});

describe('checkLineage', () => {
  const parent = buildEventRun({ parent: { depth: 2, step: 'publish', ancestors: [core, app] } });

  it('given children that are not among their ancestors, then it passes', () => {
    expect(checkLineage(parent, [deploy])).toEqual({ ok: true });
  });

  it('given another workflow of an ancestor, then it passes', () => {
    expect(checkLineage(parent, [{ slug: 'acme/core', workflow: 'docs' }])).toEqual({ ok: true });
  });

  it('given a child that is its own ancestor, then all are refused and the circle is shown', () => {
    expect(checkLineage(parent, [deploy, { slug: 'acme/app', workflow: 'ci' }])).toMatchObject({
      ok: false,
      reason: 'CycleDetected',
      message: expect.stringContaining('acme/app ci -> acme/app ci'),
    });
    expect(checkLineage(parent, [{ slug: 'acme/core', workflow: 'release' }])).toMatchObject({
      message: expect.stringContaining('acme/core release -> acme/app ci -> acme/core release'),
    });
  });

  it('given children too deep, then they are refused; without children nothing is', () => {
    const deep = buildEventRun({ parent: { depth: 11, step: 'publish', ancestors: [core] } });
    expect(checkLineage(deep, [deploy])).toMatchObject({ ok: false, reason: 'DepthExceeded' });
    expect(checkLineage(deep, [])).toEqual({ ok: true });
  });
});
