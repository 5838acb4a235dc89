import type { ObjectName, RunObject } from './objects.ts';

/** The runs that end only when this one has: its parent, and whoever takes part in its result from elsewhere. */
export type WaitersOf = (run: RunObject) => readonly RunObject[];

/**
 * The way by which one of `awaited` itself waits for `waiting`, from the one to the other; undefined when none does, and `waiting` may wait for
 * them all.
 *
 * Inside one tree the ancestors of a run say what would be a cycle. Runs that wait for a run of another branch, or of another tree, are not
 * among them: two that wait for each other would do so until their time is over.
 */
export function waitCycle(
  waiting: RunObject,
  awaited: readonly RunObject[],
  waitersOf: WaitersOf,
): readonly RunObject[] | undefined {
  if (awaited.length === 0) return undefined;
  const targets = new Set(awaited.map(keyOf));
  const below = new Map<string, RunObject | undefined>([[keyOf(waiting), undefined]]);
  const queue: RunObject[] = [waiting];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    if (targets.has(keyOf(at))) return wayDown(at, below);
    for (const waiter of waitersOf(at)) {
      if (below.has(keyOf(waiter))) continue;
      below.set(keyOf(waiter), at);
      queue.push(waiter);
    }
  }
  return undefined;
}

/** From the run that was found back down to where the search began. */
function wayDown(found: RunObject, below: ReadonlyMap<string, RunObject | undefined>): RunObject[] {
  const way: RunObject[] = [];
  for (let at: RunObject | undefined = found; at !== undefined; at = below.get(keyOf(at))) way.push(at);
  return way;
}

/** `acme/app-one ci -> acme/app-two ci`: the workflows on a way, runs of events by their names where there is no workflow. */
export function wayText(way: readonly RunObject[]): string {
  const workflows = way.filter(({ spec }) => spec.workflow !== undefined);
  if (workflows.length === 0) return way.map(({ metadata }) => `TakoRun ${metadata.name}`).join(' -> ');
  return workflows
    .map(({ spec, status }) => `${status?.repository ?? spec.workflow?.repositoryRef.name} ${spec.workflow?.name}`)
    .join(' -> ');
}

function keyOf({ metadata }: RunObject): string {
  const { namespace, name } = metadata as ObjectName;
  return `${namespace}/${name}`;
}
