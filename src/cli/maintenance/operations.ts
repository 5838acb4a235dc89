import { listEntries, readEntry } from '../../cache/entries.ts';
import { entryDirectory, generationDirectory } from '../../cache/layout.ts';
import { removeGenerations } from '../../cache/prune.ts';
import { verifyGeneration } from '../../cache/verify.ts';
import { hasGitCode } from '../../git/errors.ts';
import { parseGitUrl } from '../../git/url.ts';
import type { Operations } from './serve.ts';

/**
 * What is done on a volume that is mounted at `root`.
 *
 * @param memoryBytes bound of the memory of each git; default 128 MiB
 */
export function operationsOn(root: string, memoryBytes?: number): Operations {
  return {
    async scan() {
      const entries = await listEntries(root);
      return {
        entries: entries.map(({ url, bytes, used, generations }) => ({
          url: url.href,
          bytes,
          highestFence: generations.at(-1)?.fence ?? 0,
          used: used.toISOString(),
        })),
      };
    },
    async verify({ url, fence, commits }) {
      const generation = generationDirectory(entryDirectory(root, parseGitUrl(url)), fence);
      try {
        return { problems: await verifyGeneration(generation, { url, fence, commits }, { memoryBytes }) };
      } catch (error) {
        if (!hasGitCode(error, 'RepositoryTooLarge')) throw error;
        return { unchecked: `each file is as it was written, but git cannot check what is in them: ${error.message}` };
      }
    },
    async remove({ url, fence }) {
      const parsed = parseGitUrl(url);
      const directory = entryDirectory(root, parsed);
      const { bytes: before } = await readEntry(directory, parsed);
      await removeGenerations(directory, fence);
      const { bytes: after } = await readEntry(directory, parsed);
      return { freedBytes: before - after };
    },
  };
}
