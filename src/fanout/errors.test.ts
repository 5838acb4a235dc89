import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ERROR_MESSAGE } from '../api/takorun-status.ts';
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
          run: 'app-one-ci',
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
        run: 'app-one-ci',
        errorType,
        errorMessage: `ended as ${phase}`,
        retryCount: 0,
      },
    ]);
  });

  it('given a child of another namespace, then only its end and error type are told, and nothing from below it', () => {
    const below = detailedErrors([buildChild({ message: 'the secret plan' })], parent);
    const elsewhere = buildChild({
      identity: { namespace: 'apps', name: 'x' },
      message: 'the secret plan',
      failedBelow: true,
      errorsBelow: { ...below, omitted: 3 },
    });
    expect(detailedErrors([elsewhere], parent)).toEqual({
      errors: [
        {
          repository: 'acme/app-one',
          workflow: 'ci',
          errorType: 'workflow_failed',
          errorMessage: 'ended as Failed: see TakoRun x in namespace apps',
        },
      ],
      omitted: 0,
    });
  });

  const leaf = (name: string, completionTime: string) =>
    buildChild({ identity: { namespace: 'team', name }, completionTime });

  it('given a child that failed because of what is below it, then that is told in its place', () => {
    const below = detailedErrors([leaf('leaf-one', '2026-01-01T00:00:03Z')], parent);
    const middle = buildChild({ message: 'fan-out announce: 1 of 2 children failed', failedBelow: true });
    expect(detailedErrors([{ ...middle, errorsBelow: below }], parent)).toEqual(below);
    // Nobody knows better: its own word stands.
    expect(detailedErrors([middle], parent).errors).toMatchObject([{ run: 'app-one-ci' }]);
  });

  it('given a child that failed itself, or succeeded without waiting, then what is below it is told besides', () => {
    const below = detailedErrors([leaf('leaf-one', '2026-01-01T00:00:09Z')], parent);
    const runs = (child: ChildState) => detailedErrors([child], parent).errors.map(({ run }) => run);
    expect(runs(buildChild({ errorsBelow: below }))).toEqual(['app-one-ci', 'leaf-one']);
    expect(runs(buildChild({ phase: 'Succeeded', errorsBelow: below }))).toEqual(['leaf-one']);
  });

  it('given errors of several levels, then they come in the order in which the runs ended', () => {
    const below = detailedErrors([leaf('c', '2026-01-01T00:00:30Z'), leaf('a', '2026-01-01T00:00:10Z')], parent);
    const middle = buildChild({ failedBelow: true, errorsBelow: below });
    const own = leaf('b', '2026-01-01T00:00:20Z');
    expect(detailedErrors([middle, own], parent).errors.map(({ run }) => run)).toEqual(['a', 'b', 'c']);
  });

  interface Tree {
    readonly fails: boolean;
    readonly below: readonly Tree[];
  }
  const { tree } = fc.letrec<{ tree: Tree; trees: Tree[] }>(tie => ({
    tree: fc.record({ fails: fc.boolean(), below: tie('trees') }),
    trees: fc.oneof({ depthSize: 'small' }, fc.constant<Tree[]>([]), fc.array(tie('tree'), { maxLength: 8 })),
  }));
  /** As its controller would sum it up: a run fails when itself fails, or what is below it. */
  const stateOf = ({ fails, below }: Tree): ChildState => {
    const errorsBelow = detailedErrors(below.map(stateOf), parent);
    const isFailedBelow = !fails && errorsBelow.errors.length > 0;
    return buildChild({
      phase: fails || isFailedBelow ? 'Failed' : 'Succeeded',
      failedBelow: isFailedBelow,
      errorsBelow,
    });
  };
  const failures = ({ fails, below }: Tree): number =>
    Number(fails) + below.reduce((sum, child) => sum + failures(child), 0);

  it('property: in any tree the errors of the root and those left out are as many as runs that failed themselves', () => {
    fc.assert(
      fc.property(fc.array(tree, { maxLength: 60 }), trees => {
        const { errors, omitted } = detailedErrors(trees.map(stateOf), parent);
        const expected = trees.reduce((sum, one) => sum + failures(one), 0);
        expect(errors.length + omitted).toBe(expected);
        expect(errors.length).toBe(Math.min(expected, 100));
      }),
    );
  });

  it('given more than status holds, then the first that ended stay, whatever order they come in', () => {
    const children = Array.from({ length: 130 }, (_, index) =>
      buildChild({
        identity: { namespace: 'team', name: `child-${String(index).padStart(3, '0')}` },
        repository: `acme/${String(index).padStart(3, '0')}`,
        completionTime: `2026-01-01T00:0${index % 2}:00Z`,
      }),
    );
    const { errors, omitted } = detailedErrors(children.toReversed(), parent);
    expect(errors).toHaveLength(100);
    expect(omitted).toBe(30);
    expect(errors[0]?.repository).toBe('acme/000');
    expect(errors[1]?.repository).toBe('acme/002');
    expect(errors[65]?.repository).toBe('acme/001');
    expect(detailedErrors(children, parent)).toEqual({ errors, omitted });
  });

  it('given a long message or a clock that went back, then both stay within bounds', () => {
    const odd = buildChild({ message: 'm'.repeat(2_000), completionTime: '2025-12-31T00:00:00Z' });
    const [error] = detailedErrors([odd], parent).errors;
    expect(error?.errorMessage).toHaveLength(MAX_ERROR_MESSAGE);
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
