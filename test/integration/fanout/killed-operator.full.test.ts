import { expect, test } from 'vitest';
import { takoRuns } from '../../../src/api/resources.ts';
import { startTestOperator } from '../test-operator.ts';
import { createPlayedWorld } from './fixture.ts';
import { watchPods } from './pod-history.ts';

const emit = (type: string, limit: number) =>
  `{id: emit, uses: tako/fan-out@v1, with: {event_type: ${type}, artifact: core, concurrency_limit: ${limit}}}`;

const ROOT = `version: 0.1.0
artifacts: {core: {path: .}}
workflows: {release: {steps: [${emit('root_built', 3)}]}}
`;
const MIDDLE = `version: 0.1.0
artifacts: {core: {path: .}}
workflows: {ci: {steps: [${emit('middle_built', 2)}]}}
subscriptions: [{artifact: "acme/root:core", events: [root_built], workflow: ci}]
`;
const leaf = (parents: readonly string[]) => `version: 0.1.0
workflows: {ci: {steps: [{id: test, run: ./test.sh}]}}
subscriptions:
${parents.map(name => `  - {artifact: "acme/${name}:core", events: [middle_built], workflow: ci}`).join('\n')}
`;

const MIDDLES = ['mid-a', 'mid-b', 'mid-c'];
const LEAVES = ['leaf-a', 'leaf-b', 'leaf-c', 'leaf-d'];
const KILLS = 20;
/**
 * Most requests to the API server in the life of an operator. It needs seven to fill its stores, and the tree takes about 200 in all: so the
 * tree outlives 20 of them, on a slow machine as well as on a fast one.
 */
const LONGEST_LIFE = 22;

/** Set it to play the kills of a failure again. */
const SEED = Number(process.env.TAKO_KILL_SEED ?? Date.now() % 1_000_000);

/** Numbers from 0 to 1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test(`given an operator that is killed at ${KILLS} moments of a tree of three levels, then nothing is lost and nothing runs twice (TAKO_KILL_SEED=${SEED})`, async () => {
  const world = await createPlayedWorld();
  await world.repository('root', ROOT, { spec: { runTemplate: world.plays('agent') } });
  for (const name of MIDDLES) {
    await world.repository(name, MIDDLE, { spec: { runTemplate: world.plays('agent') } });
  }
  for (const [index, name] of LEAVES.entries()) {
    const runTemplate = world.plays(index === 0 ? 'fail' : 'succeed', { runFor: '500ms' });
    await world.repository(name, leaf(MIDDLES), { spec: { runTemplate } });
  }
  for (const name of ['root', ...MIDDLES, ...LEAVES]) await world.ready(name);
  const history = await watchPods(world);
  const next = random(SEED);

  const run = await world.run({ workflow: { repositoryRef: { name: 'root' }, name: 'release' } });
  for (let kills = 0; kills < KILLS; kills++) {
    await world.operator.killAfter(Math.floor(next() * LONGEST_LIFE));
    expect((await world.get(run)).status?.completionTime).toBeUndefined();
    world.operator = await startTestOperator({ namespace: world.namespace });
  }
  const { status } = await world.phase(run, 'Failed');

  const leaves = MIDDLES.length * LEAVES.length;
  expect(status?.childrenSummary).toMatchObject({ total: MIDDLES.length, failed: MIDDLES.length });
  expect(status?.treeSummary).toMatchObject({
    total: MIDDLES.length + leaves,
    completed: leaves - MIDDLES.length,
    failed: MIDDLES.length * 2,
    canceled: 0,
    depth: 2,
  });
  const { items } = await world.client.list(takoRuns, { namespace: world.namespace });
  const workflows = items.filter(({ spec }) => spec.workflow !== undefined);
  expect(workflows).toHaveLength(1 + MIDDLES.length + leaves);
  expect(items).toHaveLength(workflows.length + 1 + MIDDLES.length);
  for (const { metadata, status: own } of workflows) {
    const attempts = own?.attempts?.map(({ number, podUID }) => [number, podUID]);
    expect({ name: metadata.name, attempts }).toEqual({
      name: metadata.name,
      attempts: [...(history.byRun.get(metadata.uid) ?? [])].map(uid => [1, uid]),
    });
    expect(attempts).toHaveLength(1);
  }
  expect(history.byRun.size).toBe(workflows.length);
}, 300_000);
