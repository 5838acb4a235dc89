import { describe, expect, test } from 'vitest';
import { createPlayedWorld, type PlayedWorld } from './fixture.ts';

const LIBRARY = `version: 0.1.0
artifacts: {core: {path: .}}
workflows:
  release:
    inputs: {version: {type: string, default: 1.4.0}}
    steps:
      - id: emit
        uses: tako/fan-out@v1
        with: {event_type: library_built, artifact: core, payload: {version: "{{ .inputs.version }}"}}
`;
const SUBSCRIBER = `version: 0.1.0
workflows:
  ci:
    inputs: {version: {type: string}}
    steps: ["./test.sh {{ .inputs.version }}"]
subscriptions:
  - {artifact: "acme/core-lib:core", events: [library_built], workflow: ci, inputs: {version: "{{ .event.payload.version }}"}}
`;
const workflow = { repositoryRef: { name: 'core-lib' }, name: 'release' };

async function worldOf(apps: Record<string, Parameters<PlayedWorld['plays']>>): Promise<PlayedWorld> {
  const world = await createPlayedWorld();
  await world.repository('core-lib', LIBRARY, { spec: { runTemplate: world.plays('agent') } });
  for (const [name, play] of Object.entries(apps)) {
    await world.repository(name, SUBSCRIBER, { spec: { runTemplate: world.plays(...play) } });
  }
  for (const name of ['core-lib', ...Object.keys(apps)]) await world.ready(name);
  return world;
}

describe('a tree of runs on played nodes', () => {
  test('given children of which one fails, then the root tells it, and each run had one Pod', async () => {
    const world = await worldOf({ 'app-one': ['succeed'], 'app-two': ['fail'], 'app-three': ['succeed'] });
    const run = await world.run({ workflow });
    const { status } = await world.phase(run, 'Failed');
    expect(status).toMatchObject({
      errorType: 'workflow_failed',
      steps: [{ id: 'emit', phase: 'Succeeded' }],
      childrenSummary: { total: 3, completed: 2, failed: 1 },
      treeSummary: { total: 3, completed: 2, failed: 1, depth: 1 },
    });
    const [emitted] = await world.children(run);
    const children = await world.children(emitted!);
    expect(children.map(child => [child.spec.workflow?.inputs, child.status?.attempts?.length])).toEqual(
      children.map(() => [{ version: '1.4.0' }, 1]),
    );
    expect(await world.pods()).toHaveLength(4);
  });

  test('given a cancel while children hang, then the Pods end as on TERM, and all is Canceled', async () => {
    const world = await worldOf({ 'app-one': ['hang'], 'app-two': ['hang'] });
    const run = await world.run({ workflow });
    const [emitted] = await world.phase(run, 'Waiting').then(() => world.children(run));
    for (const child of await world.phase(emitted!, 'Waiting').then(() => world.children(emitted!))) {
      await world.phase(child, 'Running');
    }
    await world.change(run, { cancel: true });
    const { status } = await world.phase(run, 'Canceled');
    expect(status?.treeSummary).toMatchObject({ total: 2, canceled: 2 });
  });
});
