import { describe, expect, it } from 'vitest';
import { RunConflictError } from '../../fanout/runner.ts';
import { ApiError, type ErrorClass } from '../../kube/errors.ts';
import { ChildRefusedError, isRefusal, refusedHere } from './child-refused.ts';

const child = { namespace: 'team', name: 'child' };
const answer = (errorClass: ErrorClass) =>
  new ApiError({ class: errorClass, code: 400, reason: 'x', message: 'because' });

describe('a child that its own namespace refuses', () => {
  it.each([
    ['quotaExceeded', 'waiting', 'QuotaExceeded'],
    ['forbidden', 'waiting', 'ChildForbidden'],
    ['notFound', 'waiting', 'ChildForbidden'],
    ['invalid', 'failed', 'ChildInvalid'],
  ] as const)('given an answer of class %s, then the event is %s', (errorClass, kind, reason) => {
    const error = answer(errorClass);
    expect(isRefusal(error)).toBe(true);
    expect(refusedHere(new ChildRefusedError(child, error))).toEqual({
      kind,
      reason,
      message: 'the API server refuses a child run: because',
    });
  });

  it('given a run of its name, then the event fails and says which', () => {
    const error = new RunConflictError({ namespace: 'team', name: 'child' });
    expect(isRefusal(error)).toBe(true);
    expect(refusedHere(new ChildRefusedError(child, error))).toMatchObject({
      kind: 'failed',
      reason: 'RunConflict',
    });
  });

  it.each(['transient', 'conflict', 'gone', 'unauthorized'] as const)(
    'given an answer of class %s, then it is none: another try may get through',
    errorClass => {
      expect(isRefusal(answer(errorClass))).toBe(false);
    },
  );
});
