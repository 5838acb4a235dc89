import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedTimeout, inheritedDeadline, runDeadline } from './deadline.ts';
import { buildEventRun, buildWorkflowRun } from './testing/builders.ts';

describe('runDeadline', () => {
  it.each([
    ['a root, from its creation, started or not', { createdMs: 100, startedMs: 150, timeoutMs: 50 }, 150],
    ['a child that queues, the tree alone', { createdMs: 100, timeoutMs: 50, inheritedMs: 900 }, 900],
    ['a child that runs, from its start', { createdMs: 100, startedMs: 500, timeoutMs: 50, inheritedMs: 900 }, 550],
    ['a child that started late, the tree', { createdMs: 100, startedMs: 880, timeoutMs: 50, inheritedMs: 900 }, 900],
  ])('given %s', (_what, times, deadline) => {
    expect(runDeadline(times)).toBe(deadline);
  });

  it('given any times, then no child ends after its tree', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.option(fc.nat(), { nil: undefined }),
        fc.nat(),
        fc.nat(),
        (createdMs, startedMs, timeoutMs, inheritedMs) => {
          expect(runDeadline({ createdMs, startedMs, timeoutMs, inheritedMs })).toBeLessThanOrEqual(inheritedMs);
        },
      ),
    );
  });
});

describe('inheritedDeadline', () => {
  it('given a root, then there is none; below one it is that of spec.parent', () => {
    expect(inheritedDeadline(buildEventRun())).toBeUndefined();
    expect(inheritedDeadline(buildWorkflowRun({ parent: { deadline: '1970-01-01T00:00:02Z' } }))).toBe(2_000);
  });
});

describe('boundedTimeout', () => {
  it.each([
    [{ timeoutMs: 500, deadlineMs: 9_000, now: 1_000 }, 500],
    [{ timeoutMs: 50_000, deadlineMs: 9_000, now: 1_000 }, 8_000],
    [{ timeoutMs: 50_000, deadlineMs: 900, now: 1_000 }, 1_000],
    [{ timeoutMs: 50_000, now: 1_000 }, 50_000],
    [{ deadlineMs: 9_000, now: 1_000 }, undefined],
  ])('given %o, then %s', (bounds, expected) => {
    expect(boundedTimeout(bounds)).toBe(expected);
  });
});
