/*
 * Trees of runs on the real control plane, their Pods played by KWOK: no code of a test writes the status of a Pod or of a run.
 *
 *   const world = await createPlayedWorld();
 *   await world.repository('core-lib', LIBRARY, { spec: { runTemplate: world.plays('agent') } });
 *   await world.repository('app-one', SUBSCRIBER, { spec: { runTemplate: world.plays('fail', { runFor: '2s' }) } });
 *   await world.repository('app-two', SUBSCRIBER, { spec: { runTemplate: world.plays('succeed', { attempts: { 1: 'evicted' } }) } });
 *   for (const name of ['core-lib', 'app-one', 'app-two']) await world.ready(name);
 *   const run = await world.run({ workflow: { repositoryRef: { name: 'core-lib' }, name: 'release' } });
 *   await world.phase(run, 'Failed');
 *
 * `plays` makes a `runTemplate`: the labels that its Pods get choose the Stages (test/fixtures/kwok/stages.ts has the
 * outcomes, and is where another one goes), its node selector and toleration bring them to a Node of this test's own. All else in a
 * World (test/integration/run/world.ts) is as it is there, but for `kubelet`, which has nothing to do.
 *
 * A Stage cannot call the gateway. So a workflow that fans out is played as `agent`: the agent's own steps engine and client run in this
 * process with the Pod's own token (agents.ts). Such a workflow has `tako/fan-out@v1` steps alone.
 */
import { takoRepositories } from '../../../src/api/resources.ts';
import type { TakoRepositorySpec } from '../../../src/api/takorepository.ts';
import { type Outcome, PLAY } from '../../fixtures/kwok/stages.ts';
import { createNode, NODE_KEY } from '../nodes.ts';
import { createWorld, type World, type WorldOptions } from '../run/world.ts';
import { startAgents } from './agents.ts';

export interface PlayedWorld extends World {
  /** Name of the Node that its Pods run on. Delete it, and they are lost. */
  readonly node: string;
  /** A `runTemplate` whose Pods go like this. */
  plays(outcome: Outcome, options?: PlayOptions): RunTemplate;
  /** Changes how the Pods go that a TakoRepository of this World gets from now on. */
  replay(repository: string, outcome: Outcome, options?: PlayOptions): Promise<void>;
}

type RunTemplate = NonNullable<TakoRepositorySpec['runTemplate']>;

export interface PlayOptions {
  /** Outcomes of attempts that differ, by the attempt's number. */
  readonly attempts?: Readonly<Record<number, Outcome>>;
  /** How long the containers run before the outcome, such as 2s or 300ms. Default 100ms. */
  readonly runFor?: string;
}

/** A World with KWOK in place of a kubelet. */
export async function createPlayedWorld(options: WorldOptions = {}): Promise<PlayedWorld> {
  const world = await createWorld(options);
  const node = `played-${world.namespace}`;
  await createNode(world.client, node);
  startAgents(world);
  const plays: PlayedWorld['plays'] = (outcome, { attempts = {}, runFor } = {}) => ({
    labels: {
      [PLAY.outcome]: outcome,
      ...Object.fromEntries(Object.entries(attempts).map(([n, other]) => [PLAY.attempt(Number(n)), other])),
    },
    annotations: runFor === undefined ? {} : { [PLAY.runFor]: runFor },
    nodeSelector: { [NODE_KEY]: node },
    tolerations: [{ key: NODE_KEY, operator: 'Equal', value: node, effect: 'NoSchedule' }],
  });
  // The World itself, and no copy: a test that starts another operator in it is to be seen by the agents.
  return Object.assign(world, {
    node,
    plays,
    async replay(repository: string, outcome: Outcome, options: PlayOptions = {}) {
      const target = { namespace: world.namespace, name: repository };
      const runTemplate = plays(outcome, options);
      const operations = [{ op: 'replace', path: '/spec/runTemplate', value: runTemplate }] as const;
      await world.client.jsonPatch(takoRepositories, target, operations);
    },
  });
}
