import { expect, test } from 'vitest';
import { createPlayedWorld } from './fixture.ts';
import { watchPods } from './pod-history.ts';

const LIBRARY = `version: 0.1.0
artifacts: {core: {path: .}}
workflows: {release: {steps: [./build.sh]}}
`;

/** A repository with this many workflows that all listen to the same event: children in bulk. */
function subscriber(count: number): string {
  const names = Array.from({ length: count }, (_, index) => `ci-${index}`);
  const workflows = names.map(name => `  ${name}: {steps: [{id: test, run: ./test.sh}]}`);
  const subscriptions = names.map(
    name => `  - {artifact: "acme/core-lib:core", events: [library_built], workflow: ${name}}`,
  );
  return ['version: 0.1.0', 'workflows:', ...workflows, 'subscriptions:', ...subscriptions, ''].join('\n');
}

const LIMIT = 10;
const GOOD = 140;
const BAD = 60;

test('given 200 children of which 30 % fail and a limit of 10, then never more than 10 Pods run, and the parent counts 140 and 60', async () => {
  const world = await createPlayedWorld();
  await world.repository('core-lib', LIBRARY);
  await world.repository('good', subscriber(GOOD), { spec: { runTemplate: world.plays('succeed') } });
  await world.repository('bad', subscriber(BAD), { spec: { runTemplate: world.plays('fail') } });
  for (const name of ['core-lib', 'good', 'bad']) await world.ready(name);
  const history = await watchPods(world);

  const event = { type: 'library_built', source: 'acme/core-lib:core', schemaVersion: '1.0.0' };
  const run = await world.run({ event, concurrencyLimit: LIMIT });
  const { status } = await world.phase(run, 'Failed', 240_000);

  const summary = { total: GOOD + BAD, completed: GOOD, failed: BAD, timedOut: 0, canceled: 0, running: 0, pending: 0 };
  expect(status).toMatchObject({ childrenSummary: summary, treeSummary: summary, errorType: 'workflow_failed' });
  expect(history.most).toBe(LIMIT);
  const children = await world.children(run);
  const attempts = children.map(child => [child.metadata.uid, child.status?.attempts?.map(({ podUID }) => podUID)]);
  expect(Object.fromEntries(attempts)).toEqual(
    Object.fromEntries([...history.byRun].map(([uid, seen]) => [uid, [...seen]])),
  );
  expect(history.byRun.size).toBe(GOOD + BAD);
}, 300_000);
