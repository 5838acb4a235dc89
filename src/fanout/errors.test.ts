import { describe, expect, it } from 'vitest';
import { detailedErrors, mergeErrors } from './errors.ts';
import type { ChildState } from './summary.ts';

function buildChild(changes: Partial<ChildState> = {}): ChildState {
  return {
    identity: { namespace: 'team', name: 'app-one-ci' },
    repository: 'acme/app-one',
    workflow: 'ci',
    phase: 'Failed',
    runId: 'exec-1',
    errorType: 'workflow_failed',
    message: 'step test ended with exit code 1',
    startTime: '2026-01-01T00:00:00Z',
    completionTime: '2026-01-01T00:00:03Z',
    attempts: 2,
    ...changes,
  };
}
const parent = { namespace: 'team' };

describe('detailedErrors', () => {
  it('given a child that failed, then all of it is told', () => {
    expect(detailedErrors([buildChild()], parent)).toEqual({
      errors: [
        {
          repository: 'acme/app-one',
          workflow: 'ci',
          runId: 'exec-1',
          errorType: 'workflow_failed',
          errorMessage: 'step test ended with exit code 1',
          startTime: '2026-01-01T00:00:00Z',
          durationMilliseconds: 3_000,
          retryCount: 1,
        },
      ],
      omitted: 0,
    });
  });

  it('given children that succeeded or go on, then they are no errors', () => {
    const phases = ['Succeeded', 'Running', 'Waiting', 'Pending', 'Queued', undefined] as const;
    expect(
      detailedErrors(
        phases.map(phase => buildChild({ phase })),
        parent,
      ).errors,
    ).toEqual([]);
  });

  it.each([
    ['TimedOut', 'timeout'],
    ['Canceled', 'canceled'],
    ['Failed', 'execution_failed'],
  ] as const)('given a child that is %s and says no more, then its error type is %s', (phase, errorType) => {
    const bare = {
      phase,
      errorType: undefined,
      message: undefined,
      runId: undefined,
      startTime: undefined,
      attempts: undefined,
    };
    expect(detailedErrors([buildChild(bare)], parent).errors).toEqual([
      {
        repository: 'acme/app-one',
        workflow: 'ci',
        runId: '',
        errorType,
        errorMessage: `ended as ${phase}`,
        retryCount: 0,
      },
    ]);
  });

  it('given a child of another namespace, then its message stays there', () => {
    const elsewhere = buildChild({ identity: { namespace: 'apps', name: 'x' }, message: 'the secret plan' });
    expect(detailedErrors([elsewhere], parent).errors[0]).toMatchObject({
      errorType: 'workflow_failed',
      errorMessage: 'ended as Failed in namespace apps',
    });
  });

  it('given more than status holds, then the first that ended stay, whatever order they come in', () => {
    const children = Array.from({ length: 130 }, (_, index) =>
      buildChild({
        identity: { namespace: 'team', name: `child-${String(index).padStart(3, '0')}` },
        repository: `acme/${index}`,
        completionTime: `2026-01-01T00:0${index % 2}:00Z`,
      }),
    );
    const { errors, omitted } = detailedErrors(children.toReversed(), parent);
    expect(errors).toHaveLength(100);
    expect(omitted).toBe(30);
    expect(errors[0]?.repository).toBe('acme/0');
    expect(errors[1]?.repository).toBe('acme/2');
    expect(errors[65]?.repository).toBe('acme/1');
    expect(detailedErrors(children, parent)).toEqual({ errors, omitted });
  });

  it('given a long message or a clock that went back, then both stay within bounds', () => {
    const odd = buildChild({ message: 'm'.repeat(2_000), completionTime: '2025-12-31T00:00:00Z' });
    const [error] = detailedErrors([odd], parent).errors;
    expect(error?.errorMessage).toHaveLength(512);
    expect(error?.durationMilliseconds).toBe(0);
  });
});

describe('mergeErrors', () => {
  it('given the errors of several event runs, then the first stay and all are counted', () => {
    const many = detailedErrors(
      Array.from({ length: 80 }, () => buildChild()),
      parent,
    );
    const merged = mergeErrors([many, { ...many, omitted: 7 }]);
    expect(merged.errors).toHaveLength(100);
    expect(merged.omitted).toBe(67);
    expect(mergeErrors([])).toEqual({ errors: [], omitted: 0 });
  });
});
