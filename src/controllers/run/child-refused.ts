import type { SkippedSubscriber } from '../../api/takorun-status.ts';
import type { PlannedChild } from '../../fanout/children.ts';
import type { ObjectName } from '../../fanout/objects.ts';
import { RunConflictError } from '../../fanout/runner.ts';
import { type ApiError, isApiError } from '../../kube/errors.ts';
import type { Expansion } from './expand.ts';
import { clip } from './status.ts';

/** Longest message of a skipped subscriber, characters (the bound of TakoRun's status). */
const MAX_SKIPPED_MESSAGE = 512;

type Cause = RunConflictError | ApiError;

/** The API server does not take a child run, or its name is somebody else's. Trying again at once would not help. */
export class ChildRefusedError extends Error {
  override readonly name = 'ChildRefusedError';
  override readonly cause: Cause;

  constructor({ namespace, name }: ObjectName, cause: Cause) {
    super(`child run ${namespace}/${name}: ${cause.message}`);
    this.cause = cause;
  }
}

/** Whether an error of a start says that the child is refused. `notFound` is a namespace that has gone. */
export function isRefusal(error: unknown): error is Cause {
  return error instanceof RunConflictError || isApiError(error, 'invalid', 'forbidden', 'quotaExceeded', 'notFound');
}

/** What it means for an event that its own namespace refuses a child. A quota may have room later; what is wrong in itself stays so. */
export function refusedHere({ cause }: ChildRefusedError): Extract<Expansion, { kind: 'waiting' | 'failed' }> {
  if (cause instanceof RunConflictError) return { kind: 'failed', reason: 'RunConflict', message: cause.message };
  const message = `the API server refuses a child run: ${cause.message}`;
  switch (cause.class) {
    case 'quotaExceeded':
      return { kind: 'waiting', reason: 'QuotaExceeded', message };
    case 'forbidden':
    case 'notFound':
      return { kind: 'waiting', reason: 'ChildForbidden', message };
    default:
      return { kind: 'failed', reason: 'ChildInvalid', message };
  }
}

export interface Refused {
  readonly child: PlannedChild;
  readonly error: ChildRefusedError;
}

/** A child that another namespace does not take. What the API server said about that namespace stays there. */
export function skipRefused({ child, error }: Refused): SkippedSubscriber {
  return {
    repository: child.slug,
    workflow: child.workflow,
    reason: 'Refused',
    message: `namespace ${child.namespace} does not take the run: ${obstacleOf(error.cause)}`,
  };
}

/** A child in another namespace that is not started because a run above it is the same workflow. */
export function skipCycle({ child, message }: { child: PlannedChild; message: string }): SkippedSubscriber {
  const { slug: repository, workflow } = child;
  return { repository, workflow, reason: 'Cycle', message: clip(message, MAX_SKIPPED_MESSAGE) };
}

function obstacleOf(cause: Cause): string {
  if (cause instanceof RunConflictError) return 'a run of its name is there already';
  switch (cause.class) {
    case 'quotaExceeded':
      return 'its quota is used up';
    case 'forbidden':
      return 'a policy forbids it, or the namespace is being deleted';
    case 'notFound':
      return 'the namespace is gone';
    default:
      return 'the API server calls it invalid';
  }
}
