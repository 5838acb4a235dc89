import { takoRuns } from '../../../src/api/resources.ts';
import { isTerminal } from '../../../src/api/takorun-status.ts';
import { restViolations } from './invariants.ts';
import type { ModelWorld } from './world.ts';

/** More than any of these trees takes. */
const MOST_ROUNDS = 3_000;

/**
 * Lets all go on undisturbed until nothing changes any more: the operator reconciles, Pods start and succeed, what is suspended goes on,
 * time passes. Throws when that has no end, or when it ends in what must not be.
 */
export async function comeToRest(world: ModelWorld): Promise<void> {
  const { cluster } = world;
  world.operator.heal();
  if (world.operator.isDead) world.restart();
  for (const run of world.runs()) {
    if (run.spec.suspend === true)
      cluster.change(takoRuns, run.metadata, old => ({ ...old, spec: { ...old.spec, suspend: false } }));
  }
  let rounds = 0;
  for (; rounds < MOST_ROUNDS; rounds++) {
    const heard = world.operator.catchUp();
    const worked = await world.operator.reconcile(0, 4);
    const moved = cluster.collectGarbage() || play(world);
    if (heard || worked || moved) continue;
    const dueMs = world.operator.nextDueMs();
    if (world.runs().every(({ status }) => isTerminal(status?.phase)) && (dueMs === undefined || dueMs > LATER_MS))
      break;
    if (dueMs === undefined) break;
    world.advance(dueMs);
  }
  const found = [...world.watched.violations, ...restViolations(cluster, world.watched)];
  if (rounds === MOST_ROUNDS) found.push('it does not come to rest');
  if (found.length > 0) throw new Error(found.join('\n'));
}

/** What is due later than this is housekeeping: Pods and children that are deleted after their time, milliseconds. */
const LATER_MS = 120_000;

/** One step of each Pod. Says whether there was any. */
function play(world: ModelWorld): boolean {
  return world.openPods().filter(pod => world.goOn(pod, 'succeeds')).length > 0;
}
