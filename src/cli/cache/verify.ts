import { CLUSTER_OPTIONS, withCluster } from '../cluster.ts';
import { defineCommand, type Io } from '../command.ts';
import { CliError, EXIT } from '../exit.ts';
import { bytes, json, table } from '../output.ts';
import { type Entry, sorted } from './entries.ts';
import type { CommandLocks } from './locks.ts';
import { readEntries } from './read-entries.ts';
import { missing, REPOSITORY_OPTION, repositoriesOption } from './repositories.ts';
import type { Session } from './session.ts';
import { POD_OPTIONS, workOnVolume } from './work-on-volume.ts';

/** What became of an entry. */
export interface Verdict {
  readonly repository: string;
  readonly generation: number;
  readonly commits: number;
  readonly bytes: number;
  readonly result: 'good' | 'broken' | 'skipped';
  /** Why, unless it is good. */
  readonly reasons: readonly string[];
}

export const verifyCommand = defineCommand({
  name: 'verify',
  summary: 'Checks that cached repositories are as they were written',
  description: [
    "Checks the generation in use of each cached repository: every file against the checksum of when it was written, and then all objects with git's own fsck. A Pod in the namespace does that, which the command starts and removes.",
    'It takes the locks of readers, one at a time: runs read on meanwhile, and one that has to write waits for a check that is under way. What is being written at the moment is skipped, and so is what git would need more memory for than it may have.',
    'A broken copy is no reason to worry: the next run that wants it finds that out by the same checksums and fetches it anew. `tako cache prune --repository URL` removes it now.',
  ],
  options: { ...REPOSITORY_OPTION, ...CLUSTER_OPTIONS, ...POD_OPTIONS },
  examples: [
    { command: 'tako cache verify', meaning: "All caches of the context's namespace" },
    {
      command: 'tako cache verify -n team-a --repository https://git.example.com/acme/core-lib.git',
      meaning: 'One repository',
    },
  ],
  finding: 'done, and at least one copy is broken',
  run: async (values, io) => {
    const named = repositoriesOption(values.repository);
    return withCluster(values, async connection => {
      const { client, namespace } = connection;
      const entries = sorted(await readEntries(client, namespace, io)).filter(
        ({ state }) => state.published !== undefined && (named.size === 0 || named.has(state.url)),
      );
      const unknown = missing(
        named,
        entries.map(({ state }) => state.url),
      );
      if (unknown.length > 0) {
        throw new CliError(
          `${unknown.join(' and ')}: not cached in namespace ${namespace}. \`tako cache ls -n ${namespace}\` lists what is`,
        );
      }
      if (entries.length === 0) io.err(`Nothing is cached in namespace ${namespace}.\n`);
      const verdicts =
        entries.length === 0
          ? []
          : await workOnVolume({ connection, io, values, command: 'verify', readOnly: true }, ({ session, locks }) =>
              verifyAll(entries, session, locks, io),
            );
      reportVerdicts(verdicts ?? [], namespace, values.output === 'json', io);
      return verdicts?.some(({ result }) => result === 'broken') === true ? EXIT.finding : EXIT.ok;
    });
  },
});

/** One after the other, each under a lock of its own. */
export async function verifyAll(
  entries: readonly Entry[],
  session: Session,
  locks: CommandLocks,
  io: Io,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const [index, entry] of entries.entries()) {
    io.signal.throwIfAborted();
    io.err(`Checking ${entry.state.url} (${index + 1} of ${entries.length})\n`);
    verdicts.push(await verifyOne(entry, session, locks));
  }
  return verdicts;
}

async function verifyOne({ state }: Entry, session: Session, locks: CommandLocks): Promise<Verdict> {
  const { url, published } = state;
  const lock = { url, mode: 'read', seenFence: 0 } as const;
  const facts = (of = published) => ({
    repository: url,
    generation: of?.fence ?? 0,
    commits: of?.commits.length ?? 0,
    bytes: of?.bytes ?? 0,
  });
  const locked = await locks.with(lock, async ({ grant, isHeld }): Promise<Verdict> => {
    if (grant.published === undefined) {
      return { ...facts(), result: 'skipped', reasons: ['it was removed meanwhile'] };
    }
    const found = await session.verify(url, grant.published.fence, grant.published.commits);
    if ('unchecked' in found) return { ...facts(grant.published), result: 'skipped', reasons: [found.unchecked] };
    const { problems } = found;
    if (problems.length === 0) return { ...facts(grant.published), result: 'good', reasons: [] };
    // Without the lock somebody may have deleted the generation under our eyes.
    if (await isHeld()) return { ...facts(grant.published), result: 'broken', reasons: problems };
    return { ...facts(grant.published), result: 'skipped', reasons: ['the lock was lost meanwhile'] };
  });
  return locked.kind === 'done' ? locked.value : { ...facts(), result: 'skipped', reasons: [locked.reason] };
}

/** The result on standard output, and what to do about it on standard error. */
export function reportVerdicts(verdicts: readonly Verdict[], namespace: string, asJson: boolean, io: Io): void {
  if (asJson) {
    io.out(json({ namespace, entries: verdicts }));
  } else if (verdicts.length > 0) {
    const header = ['REPOSITORY', 'GENERATION', 'COMMITS', 'SIZE', 'RESULT'];
    const rows = verdicts.map(({ repository, generation, commits, bytes: size, result, reasons }) => [
      repository,
      String(generation),
      String(commits),
      bytes(size),
      reasons.length === 0
        ? result
        : `${result}: ${reasons[0]}${reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : ''}`,
    ]);
    io.out(table(header, rows));
  }
  const broken = verdicts.filter(({ result }) => result === 'broken');
  if (broken.length === 0) return;
  const urls = broken.map(({ repository }) => `--repository ${repository}`).join(' ');
  io.err(
    `\n${broken.length} of ${verdicts.length} copies ${broken.length === 1 ? 'is' : 'are'} broken. The next run that wants one fetches it anew. To remove it now: tako cache prune -n ${namespace} ${urls}\n`,
  );
}
