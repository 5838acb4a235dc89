import type { Holder, LockState } from '../../types.ts';
import type { Call, History, Tenure, Version } from './history.ts';

/**
 * What is wrong with a history; empty when nothing is. Three views that do not trust each other:
 *
 * - the agents' own: no tenure of a writer overlaps another tenure, and nobody reads what a stale writer has written;
 * - the record's: each version of a Lease follows from the one before by a step that a lock may take;
 * - linearizability: each answer is what the record said at some moment between question and answer. The versions are the linearization, so
 *   that it need not be searched for.
 */
export function violations(history: History): string[] {
  return [
    ...overlaps(history.tenures),
    ...wrongSteps(history),
    ...wrongAnswers(history),
    ...wrongReadings(history),
    ...history.collisions,
    ...history.starved.map(id => `${id} has tried to the end and never got the lock`),
  ];
}

function overlaps(tenures: readonly Tenure[]): string[] {
  const found: string[] = [];
  for (const [repository, own] of Map.groupBy(tenures, tenure => tenure.repository)) {
    const byStart = own.filter(one => one.untilMs > one.fromMs).sort((a, b) => a.fromMs - b.fromMs);
    let open: Tenure[] = [];
    for (const tenure of byStart) {
      open = open.filter(one => one.untilMs > tenure.fromMs);
      for (const other of open) {
        if (other.id === tenure.id || (other.mode === 'read' && tenure.mode === 'read')) continue;
        found.push(
          `${repository}: ${tenure.mode} of ${tenure.id} at ${tenure.fromMs} overlaps ${other.mode} of ${other.id}`,
        );
      }
      open.push(tenure);
    }
  }
  return found;
}

const NOBODY: Pick<LockState, 'holders' | 'fence' | 'published'> = { holders: [], fence: 0, published: undefined };

function wrongSteps({ versions, freeFromMs }: History): string[] {
  const found: string[] = [];
  for (const [repository, sequence] of versions) {
    /** By id: since when its holder has given no sign. */
    const signs = new Map<string, { renewed: string; sinceMs: number }>();
    let highest = 0;
    for (const [index, { state, fromMs }] of sequence.entries()) {
      const before = sequence[index - 1]?.state ?? NOBODY;
      if (state === undefined) {
        highest = 0;
        continue;
      }
      const say = (what: string) => found.push(`${repository}, version ${index} at ${fromMs}: ${what}`);
      const { holders, fence, published } = state;
      if (holders.length > 1 && holders.some(one => one.mode === 'write')) say('a writer is beside another holder');
      if (fence < before.fence) say(`the fence fell from ${before.fence} to ${fence}`);
      for (const holder of holders) {
        const old = before.holders.find(one => one.id === holder.id);
        if (holder.mode === 'write' && old === undefined) {
          if (holder.fence <= highest) say(`${holder.id} writes under ${holder.fence}, which was used before`);
          highest = Math.max(highest, holder.fence);
        }
        if (holder.mode === 'write' && old?.mode === 'read') say(`${holder.id} went from reading to writing`);
        if (signs.get(holder.id)?.renewed !== holder.renewed)
          signs.set(holder.id, { renewed: holder.renewed, sinceMs: fromMs });
      }
      for (const lost of before.holders.filter(old => !holders.some(one => one.id === old.id))) {
        if (!mayLose(lost, fromMs, freeFromMs(lost.id), signs.get(lost.id)!.sinceMs))
          say(`${lost.id} lost its lock for no reason`);
      }
      if (published !== undefined && published.fence !== before.published?.fence) {
        const writer = before.holders.find(one => one.mode === 'write');
        if (writer?.fence !== published.fence)
          say(`generation ${published.fence} was published by one that did not hold the lock`);
      }
    }
  }
  return found;
}

function mayLose(holder: Holder, atMs: number, freeFromMs: number, signMs: number): boolean {
  return freeFromMs <= atMs || atMs - signMs >= holder.seconds * 1_000;
}

function wrongAnswers({ calls, versions }: History): string[] {
  return calls.flatMap(call => {
    const during = (versions.get(call.repository) ?? []).filter(
      ({ fromMs, toMs }) => fromMs <= call.answeredMs && toMs >= call.invokedMs,
    );
    if (during.some(version => explains(version, call))) return [];
    return [
      `${call.repository}: no moment explains ${call.answer.kind} of ${call.id} from ${call.invokedMs} to ${call.answeredMs}`,
    ];
  });
}

function explains({ state = undefined }: Version, { id, answer }: Call): boolean {
  const { holders, published } = state ?? NOBODY;
  const holder = holders.find(one => one.id === id);
  switch (answer.kind) {
    case 'acquire':
      if (answer.value.state === 'waiting') return holder === undefined;
      return (
        holder?.mode === answer.value.mode &&
        holder.fence === answer.value.fence &&
        published?.fence === answer.value.published?.fence
      );
    case 'renew':
      return answer.value.held === (holder !== undefined);
    case 'publish':
      if (!answer.value.held) return holder === undefined;
      return holder?.mode === 'read' && published?.fence === answer.value.published?.fence;
    case 'release':
      return holder === undefined;
  }
}

/** Whoever reads must find a whole generation, of one that held the lock when it was published. */
function wrongReadings({ readings, versions }: History): string[] {
  return readings.flatMap(({ repository, id, fence, writer, atMs }) => {
    const name = `${repository}: at ${atMs} ${id} read generation ${fence}`;
    if (writer === undefined) return [`${name}, which is not there`];
    const sequence = versions.get(repository) ?? [];
    const index = sequence.findIndex(({ state }) => state?.published?.fence === fence);
    const holder = sequence[index - 1]?.state?.holders.find(one => one.id === writer);
    return holder?.mode === 'write' ? [] : [`${name} of ${writer}, which had lost its lock before it published it`];
  });
}
