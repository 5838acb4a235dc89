import path from 'node:path';
import { hasGitCode, isGitError } from '../git/errors.ts';
import { runGit } from '../git/git.ts';
import { BrokenGenerationError, checkFile, readManifest } from './read.ts';

const FSCK = ['fsck', '--full', '--no-dangling', '--no-progress'];

export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bound of the memory of git's own check, bytes. Default 128 MiB. */
  readonly memoryBytes?: number | undefined;
}

/**
 * Checks a generation more than a reader does: every file against its checksum, then all objects by git's own fsck. Gives what is wrong with it in
 * words, empty when nothing is. Reads only. Rejects when the volume cannot be read, with the signal's reason, or with GitError `RepositoryTooLarge` when
 * every file is right, but git's check needs more memory than it may have.
 *
 * @param expected the repository's canonical URL, the number of the generation, and the commits that the lock service says it has
 */
export async function verifyGeneration(
  directory: string,
  expected: { readonly url: string; readonly fence: number; readonly commits?: readonly string[] | undefined },
  { signal, memoryBytes }: VerifyOptions = {},
): Promise<string[]> {
  const problems: string[] = [];
  const collect = async (work: Promise<unknown>): Promise<void> => {
    await work.catch((error: unknown) => {
      // Its bytes are what was written; that there are too many to check is said of the checker.
      if (hasGitCode(error, 'RepositoryTooLarge')) throw error;
      if (!(error instanceof BrokenGenerationError) && !isGitError(error)) throw error;
      problems.push(error.message);
    });
  };
  const gitDirectory = path.join(directory, 'git');
  await collect(
    readManifest(directory, expected).then(async ({ files, commits }) => {
      for (const commit of expected.commits ?? []) {
        if (!commits.some(cached => cached.commit === commit))
          problems.push(`${directory} does not have the commit ${commit}`);
      }
      for (const file of files) await collect(checkFile(gitDirectory, file, signal));
    }),
  );
  if (problems.length > 0) return problems;
  // What it lists is of no use to anybody, however long it is: its code tells.
  const onOutput = () => {};
  await collect(runGit(FSCK, { gitDirectory, signal, memoryBytes, onOutput }));
  return problems;
}
