import type { TakoRun } from '../../../src/api/resources.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import type { Live, Pod } from '../../../src/kube/objects.ts';
import type { Outcome } from '../../fixtures/kwok/stages.ts';
import { until } from '../../fixtures/until.ts';
import { createPlayedWorld, type PlayedWorld, type PlayOptions } from './fixture.ts';

/** A tako.yml with one workflow of one step. */
export const FILE = `version: 0.1.0
workflows:
  release:
    steps: [{id: test, run: ./test.sh}]
`;
export const workflow: TakoRunSpec['workflow'] = { repositoryRef: { name: 'core-lib' }, name: 'release' };
/** Whole seconds are what a status can tell, so a wait takes up to a second more than this. */
export const quick = { backoff: { initial: '10ms' } };

interface Start extends PlayOptions {
  readonly spec?: Partial<TakoRunSpec>;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A run whose Pods go like this. */
export async function start(
  outcome: Outcome,
  { spec = {}, settings = {}, ...play }: Start = {},
): Promise<{ world: PlayedWorld; run: Live<TakoRun> }> {
  const world = await createPlayedWorld({ settings });
  await world.repository('core-lib', FILE, { spec: { runTemplate: world.plays(outcome, play) } });
  await world.ready('core-lib');
  return { world, run: await world.run({ workflow, retry: quick, ...spec }) };
}

/** Waits for the Pod of an attempt, as far as the condition asks. */
export async function podOf(
  world: PlayedWorld,
  run: Live<TakoRun>,
  attempt: number,
  condition: (pod: Live<Pod>) => boolean = () => true,
): Promise<Live<Pod>> {
  let found: Live<Pod> | undefined;
  const look = async () => {
    const all = await world.pods(run);
    found = all.find(pod => pod.metadata.labels?.['tako.dev/attempt'] === String(attempt));
    return found !== undefined && condition(found);
  };
  await until(`Pod ${attempt} of ${run.metadata.name}`, look, { everyMs: 50 });
  return found!;
}

export const isRunning = (pod: Live<Pod>) => pod.status?.phase === 'Running';

/** Waits until the run has ended, and says how each attempt did, as `<number> <reason>`. */
export async function attempts(
  world: PlayedWorld,
  run: Live<TakoRun>,
  phase: 'Succeeded' | 'Failed',
): Promise<(string | undefined)[]> {
  const { status } = await world.phase(run, phase);
  return (status?.attempts ?? []).map(({ number, reason }) => `${number} ${reason}`);
}
