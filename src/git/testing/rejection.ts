import { GitError, type GitErrorCode } from '../errors.ts';

/** The GitError that a call is rejected with. Rejects when the call succeeds, or fails with anything else. */
export async function rejectionOf(call: Promise<unknown>): Promise<GitError> {
  const error = await call.then(
    value => `no error, but ${JSON.stringify(value)}`,
    (reason: unknown) => reason,
  );
  if (error instanceof GitError) return error;
  throw new Error(`expected a GitError, got ${String(error)}`, { cause: error });
}

/** The same, of which only the code matters. */
export async function codeOf(call: Promise<unknown>): Promise<GitErrorCode> {
  return (await rejectionOf(call)).code;
}
