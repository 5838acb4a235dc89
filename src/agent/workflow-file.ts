import { createHash } from 'node:crypto';
import { readBlob } from '../git/blob.ts';
import { formatFileError } from '../workflow/file-error.ts';
import { ownValue } from '../workflow/objects.ts';
import { parseTakoFile } from '../workflow/parse.ts';
import type { Workflow } from '../workflow/types.ts';
import type { Assignment } from './contract.ts';
import { PreparationError } from './preparation-error.ts';

/** Longest workflow file, bytes; the operator has refused larger ones already. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads the workflow of an assignment that does not bring it along, from the file at the pinned commit.
 * Throws PreparationError, or GitError when the commit has no such file.
 */
export async function readWorkflow(
  assignment: Pick<Assignment, 'repository' | 'workflow'>,
  gitDirectory: string,
  signal: AbortSignal,
): Promise<Workflow> {
  const { path, commit, configDigest } = assignment.repository;
  const blob = await readBlob({ gitDirectory, commit, path, maxBytes: MAX_FILE_BYTES, signal });
  // The operator decided on the Pod with that very file; another one under the same commit means that somebody lies.
  if (createHash('sha256').update(blob).digest('hex') !== configDigest) {
    throw new PreparationError(
      'ConfigDigestMismatch',
      `${path} of ${commit} is not the file that the operator has read: the Git server gave two answers`,
    );
  }
  const parsed = parseTakoFile(blob, { path });
  if (!parsed.ok) {
    throw new PreparationError('InvalidConfig', parsed.errors.map(formatFileError).join('; '));
  }
  const workflow = ownValue(parsed.file.workflows, assignment.workflow);
  if (workflow === undefined) {
    throw new PreparationError('WorkflowNotFound', `${path} has no workflow ${assignment.workflow}`);
  }
  return workflow;
}
