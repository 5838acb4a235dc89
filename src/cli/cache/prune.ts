import { CLUSTER_OPTIONS, withCluster } from '../cluster.ts';
import { defineCommand, type Io, type OptionSpecs, type Values } from '../command.ts';
import { CliError, EXIT } from '../exit.ts';
import { ageOption, sizeOption } from '../options.ts';
import { age, bytes, json, table } from '../output.ts';
import type { CommandLocks } from './locks.ts';
import { type Candidate, type Planned, type PrunePolicy, planPrune } from './plan-prune.ts';
import { missing, REPOSITORY_OPTION, repositoriesOption } from './repositories.ts';
import type { Session } from './session.ts';
import { POD_OPTIONS, workOnVolume } from './work-on-volume.ts';

const POLICY_OPTIONS = {
  ...REPOSITORY_OPTION,
  'older-than': { type: 'string', value: 'AGE', description: 'What was not used for so long, such as 7d or 12h' },
  'max-size': {
    type: 'string',
    value: 'SIZE',
    description: 'The least recently used, until the rest is no larger than this, such as 10Gi',
  },
  all: { type: 'boolean', description: 'Everything' },
  'dry-run': { type: 'boolean', description: 'Only say what would be removed' },
} as const satisfies OptionSpecs;

interface VolumeEntry extends Candidate {
  readonly highestFence: number;
}

/** What became of an entry that was to go. */
export interface Outcome {
  readonly repository: string;
  readonly bytes: number;
  readonly lastUsed: string;
  readonly result: 'removed' | 'would be removed' | 'skipped';
  /** The option that named it, or why it was skipped. */
  readonly reason: string;
  readonly freedBytes: number;
}

export const pruneCommand = defineCommand({
  name: 'prune',
  summary: 'Removes cached repositories',
  description: [
    'Removes cached copies of repositories, by age, by size, by name or all; what any of the options names goes. A run that wants one later fetches it anew, so nothing is lost but time. Runs prune by themselves too, to the limits that the operator sets.',
    'Each copy is removed under the lock of a writer, if that is free at once: what a run reads, writes or waits for is skipped, and the result says so. Nobody is told to read a copy once its removal has begun, so that the command can be interrupted at any time; what is left over is removed by the next one, or by the next run that writes.',
    'A Pod in the namespace does the work on the volume. The command starts and removes it.',
  ],
  options: { ...POLICY_OPTIONS, ...CLUSTER_OPTIONS, ...POD_OPTIONS },
  examples: [
    { command: 'tako cache prune --older-than 7d', meaning: 'What nobody has used for a week' },
    {
      command: 'tako cache prune --max-size 10Gi --dry-run',
      meaning: 'What would have to go, so that 10 GiB are left',
    },
    {
      command: 'tako cache prune --repository https://git.example.com/acme/core-lib.git',
      meaning: 'One repository',
    },
    { command: 'tako cache prune -n team-a --all', meaning: 'Everything that nobody uses at the moment' },
  ],
  run: async (values, io) => {
    const policy = policyOf(values);
    const dryRun = values['dry-run'] === true;
    return withCluster(values, async connection => {
      const { namespace } = connection;
      const outcomes = await workOnVolume(
        { connection, io, values, command: 'prune', readOnly: dryRun },
        async ({ session, locks }) => {
          const entries = await volumeEntries(session);
          for (const url of missing(
            policy.repositories,
            entries.map(entry => entry.url),
          )) {
            io.err(`${url} is not cached in namespace ${namespace}.\n`);
          }
          const planned = planPrune(entries, policy, io.clock.now());
          if (dryRun) return planned.map(({ entry, why }) => outcome(entry, 'would be removed', why, entry.bytes));
          return await removeAll(planned, session, locks, io);
        },
      );
      reportOutcomes(outcomes ?? [], { namespace, dryRun, asJson: values.output === 'json' }, io);
      return EXIT.ok;
    });
  },
});

function policyOf(values: Values<typeof POLICY_OPTIONS>): PrunePolicy {
  const repositories = repositoriesOption(values.repository);
  const olderThanMs = values['older-than'] === undefined ? undefined : ageOption('older-than', values['older-than']);
  const maxBytes = values['max-size'] === undefined ? undefined : sizeOption('max-size', values['max-size']);
  const all = values.all === true;
  if (!all && repositories.size === 0 && olderThanMs === undefined && maxBytes === undefined) {
    throw new CliError('say what to remove: --older-than, --max-size, --repository or --all', EXIT.usage);
  }
  return { all, repositories, olderThanMs, maxBytes };
}

/** What is on the volume. The last use is what its files tell: the lock was also taken to check it. */
export async function volumeEntries(session: Session): Promise<VolumeEntry[]> {
  const { entries } = await session.scan();
  return entries.map(({ used, ...entry }) => ({ ...entry, used: new Date(used) }));
}

/** One after the other, each under a lock of its own. */
export async function removeAll(
  planned: readonly Planned<VolumeEntry>[],
  session: Session,
  locks: CommandLocks,
  io: Io,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [index, one] of planned.entries()) {
    io.signal.throwIfAborted();
    io.err(`Removing ${one.entry.url} (${index + 1} of ${planned.length})\n`);
    outcomes.push(await removeOne(one, session, locks));
  }
  return outcomes;
}

/**
 * Evict first: once that is written, no reader is told to read any generation up to this writer's number, now or ever. Only then are they deleted,
 * and it does no harm when that is done late, or half.
 */
async function removeOne(
  { entry, why }: Planned<VolumeEntry>,
  session: Session,
  locks: CommandLocks,
): Promise<Outcome> {
  const lock = { url: entry.url, mode: 'write', seenFence: entry.highestFence } as const;
  const locked = await locks.with(lock, async ({ grant, evict }): Promise<Outcome> => {
    if (!(await evict())) return outcome(entry, 'skipped', 'the lock was lost', 0);
    const { freedBytes } = await session.remove(entry.url, grant.fence);
    return outcome(entry, 'removed', why, freedBytes);
  });
  return locked.kind === 'done' ? locked.value : outcome(entry, 'skipped', locked.reason, 0);
}

function outcome(
  { url, bytes: size, used }: Candidate,
  result: Outcome['result'],
  reason: string,
  freed: number,
): Outcome {
  return { repository: url, bytes: size, lastUsed: used.toISOString(), result, reason, freedBytes: freed };
}

interface ReportOptions {
  readonly namespace: string;
  readonly dryRun: boolean;
  readonly asJson: boolean;
}

/** The result on standard output, and the sum of it on standard error. */
export function reportOutcomes(
  outcomes: readonly Outcome[],
  { namespace, dryRun, asJson }: ReportOptions,
  io: Io,
): void {
  const freedBytes = outcomes.reduce((sum, one) => sum + one.freedBytes, 0);
  if (asJson) {
    io.out(json({ namespace, dryRun, entries: outcomes, freedBytes }));
    return;
  }
  if (outcomes.length > 0) {
    const now = io.clock.now();
    const rows = outcomes.map(one => [
      one.repository,
      bytes(one.bytes),
      `${age(one.lastUsed, now)} ago`,
      one.result === 'skipped' ? `${one.result}: ${one.reason}` : `${one.result} (${one.reason})`,
    ]);
    io.out(table(['REPOSITORY', 'SIZE', 'LAST USED', 'RESULT'], rows));
  }
  const skipped = outcomes.filter(({ result }) => result === 'skipped').length;
  const also = skipped === 0 ? '' : `; ${skipped} in use: try again later`;
  io.err(`${dryRun ? 'Would free' : 'Freed'} ${bytes(freedBytes)}${also}.\n`);
}
