import { onTestFinished } from 'vitest';
import { takoRuns } from '../../../src/api/resources.ts';
import { isTerminal } from '../../../src/api/takorun-status.ts';
import type { LiveRun } from '../../../src/controllers/run/observed.ts';
import { keyOf } from '../../../src/kube/objects.ts';
import { createReflector } from '../../../src/kube/reflector.ts';
import { createStore } from '../../../src/kube/store.ts';
import type { World } from '../run/world.ts';
import type { PlayedWorld, PlayOptions } from './fixture.ts';

/** What a repository does: its steps, and whom it listens to. */
export interface Member {
  /** Types of the events that it fans out, one step each; all but the last are waited for in the middle. Default: one plain step. */
  readonly emits?: readonly string[];
  /** `<name of the source> <event type>` */
  readonly hears?: string;
  /** How many workflows of it hear that. Default 1. */
  readonly times?: number;
  readonly plays?: Parameters<PlayedWorld['plays']>[0];
  readonly options?: PlayOptions;
  readonly concurrencyLimit?: number;
}

/** Makes these repositories, all of them ready. */
export async function members(world: PlayedWorld, all: Readonly<Record<string, Member>>): Promise<void> {
  for (const [name, member] of Object.entries(all)) {
    const { emits, plays = emits === undefined ? 'succeed' : 'agent', options, concurrencyLimit } = member;
    const spec = {
      runTemplate: world.plays(plays, options),
      ...(concurrencyLimit === undefined ? {} : { concurrencyLimit }),
    };
    await world.repository(name, fileOf(member), { spec });
  }
  for (const name of Object.keys(all)) await world.ready(name);
}

function fileOf({ emits, hears, times = 1 }: Member): string {
  const steps = emits?.map(type => `{id: ${type}, uses: tako/fan-out@v1, with: {event_type: ${type}}}`);
  const names = Array.from({ length: times }, (_, index) => `main-${index}`);
  const [source, type] = hears?.split(' ') ?? [];
  return [
    'version: 0.1.0',
    'workflows:',
    ...names.map(name => `  ${name}: {steps: [${steps?.join(', ') ?? '{id: test, run: ./test.sh}'}]}`),
    ...(source === undefined ? [] : ['subscriptions:']),
    ...(source === undefined
      ? []
      : names.map(name => `  - {artifact: "acme/${source}:default", events: [${type}], workflow: ${name}}`)),
    '',
  ].join('\n');
}

export const main = (name: string) => ({ workflow: { repositoryRef: { name }, name: 'main-0' } });
export const built = (name: string) => ({ event: { type: 'built', source: `acme/${name}:default` } });

/** What a watch sees of the runs of a namespace. */
export interface RunHistory {
  all(): LiveRun[];
  /** Runs that ended before one below them that they wait for, as `<run> before <run>`. */
  readonly early: readonly string[];
}

/** Watches the runs of a World from now on until the test ends. One watch tells all changes in their order. */
export async function watchRuns({ client, namespace }: World): Promise<RunHistory> {
  const store = createStore<LiveRun>();
  const early: string[] = [];
  const parentUid = (run: LiveRun) => run.spec.parent?.run.uid;
  store.subscribe(event => {
    if (event.type === 'deleted' || !isTerminal(event.object.status?.phase)) return;
    if (event.type === 'updated' && isTerminal(event.old.status?.phase)) return;
    for (const below of store.values()) {
      const isOpen = !isTerminal(below.status?.phase) && below.spec.waitForChildren !== false;
      if (isOpen && parentUid(below) === event.object.metadata.uid)
        early.push(`${event.key} before ${keyOf(below.metadata)}`);
    }
  });
  const reflector = createReflector({ client, type: takoRuns, namespace, store });
  reflector.start();
  onTestFinished(() => reflector.stop());
  await reflector.synced(AbortSignal.timeout(30_000));
  return { all: () => [...store.values()], early };
}

export function reasonOf({ status }: LiveRun): string | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
}
