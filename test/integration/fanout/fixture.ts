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
import type { KubeClient } from '../../../src/kube/client.ts';
import { defineResource, type KubeObject } from '../../../src/kube/objects.ts';
import { type Outcome, PLAY, PLAYED_NODE } from '../../fixtures/kwok/stages.ts';
import { until } from '../../fixtures/until.ts';
import { createWorld, type World, type WorldOptions } from '../run/world.ts';
import { startAgents } from './agents.ts';

interface Node extends KubeObject {
  spec: { taints?: { key: string; value?: string; effect: string }[] };
  status?: { conditions?: { type: string; status: string }[] };
}

export const nodes = defineResource<Node>({
  group: '',
  version: 'v1',
  plural: 'nodes',
  kind: 'Node',
  namespaced: false,
});

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

/** Key of the label of a test's Node, and of the taint that keeps the Pods of other tests off. */
const NODE_KEY = 'play.test/node';

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

/** A Node for the Pods that tolerate it, ready for them. It stays until the control plane ends. */
async function createNode(client: KubeClient, name: string): Promise<void> {
  await client.create(nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, annotations: PLAYED_NODE, labels: { [NODE_KEY]: name } },
    spec: { taints: [{ key: NODE_KEY, value: name, effect: 'NoSchedule' }] },
  });
  const look = async () => {
    const { spec, status } = await client.get(nodes, { name });
    const ready = status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True');
    return ready === true && spec.taints?.length === 1;
  };
  await until(`KWOK to make the Node ${name} ready`, look, { timeoutMs: 60_000 });
}
