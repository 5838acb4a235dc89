import path from 'node:path';
import { isGitError } from '../git/errors.ts';
import { runGit } from '../git/git.ts';
import { BrokenGenerationError, checkFile, readManifest } from './read.ts';

/**
 * Checks a generation more than a reader does: every file against its checksum, then all objects by git's own fsck. Gives what is wrong with it in
 * words, empty when nothing is. Reads only. Rejects when the volume cannot be read, or with the signal's reason.
 *
 * @param expected the repository's canonical URL, the number of the generation, and the commits that the lock service says it has
 */
export async function verifyGeneration(
  directory: string,
  expected: { readonly url: string; readonly fence: number; readonly commits?: readonly string[] | undefined },
  signal?: AbortSignal,
): Promise<string[]> {
  const problems: string[] = [];
  const collect = async (work: Promise<unknown>): Promise<void> => {
    await work.catch((error: unknown) => {
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
  await collect(runGit(['fsck', '--full', '--no-dangling', '--no-progress'], { gitDirectory, signal }));
  return problems;
}
