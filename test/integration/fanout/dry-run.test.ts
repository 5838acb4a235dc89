import { describe, expect, test } from 'vitest';
import { createWorld, type World } from '../run/world.ts';

const LIBRARY = `version: 0.1.0
artifacts: {core: {path: .}}
workflows: {release: {steps: [./build.sh]}}
`;
const subscriber = (more = '') => `version: 0.1.0
workflows:
  ci:
    inputs: {version: {type: string}}
    steps: [./test.sh]
subscriptions:
  - artifact: acme/core-lib:core
    events: [library_built]
    workflow: ci
    inputs: {version: "{{ .event.payload.version }}"}
    ${more}
`;
const event = { type: 'library_built', source: 'acme/core-lib:core', payload: { version: '1.4.0' } };

async function worldOf(files: Record<string, string>): Promise<{ world: World; commits: Record<string, string> }> {
  const world = await createWorld();
  const commits: Record<string, string> = {};
  for (const [name, file] of Object.entries({ 'core-lib': LIBRARY, ...files })) {
    commits[name] = await world.repository(name, file);
  }
  for (const name of Object.keys(commits)) await world.ready(name);
  return { world, commits };
}

describe('a dry run of an event', () => {
  test('given subscribers, then it says who would run with what, and who not and why; nothing is created', async () => {
    const { world, commits } = await worldOf({
      'app-one': subscriber(),
      'app-two': subscriber(),
      strict: subscriber('filters: ["event.payload.version == \'2.0.0\'"]'),
      versioned: subscriber('schema_version: "^1.0.0"'),
    });
    const run = await world.run({ event, dryRun: true });
    const { status } = await world.phase(run, 'Succeeded');
    expect(status?.message).toBe('dry run: would start app-one ci, app-two ci; 2 skipped');
    const planned = (name: string) => ({
      repository: `acme/${name}`,
      namespace: world.namespace,
      workflow: 'ci',
      revision: commits[name],
      inputs: { version: '1.4.0' },
    });
    expect(status?.fanOut).toMatchObject({
      eventEmitted: false,
      expanded: false,
      subscribersFound: 4,
      triggeredCount: 0,
      plannedCount: 2,
      planned: [planned('app-one'), planned('app-two')],
      skippedCount: 2,
    });
    const skipped = status?.fanOut?.skipped?.map(({ repository, reason }) => `${repository} ${reason}`).sort();
    expect(skipped).toEqual(['acme/strict FilterFalse', 'acme/versioned Schema']);
    await world.event(run, 'DryRun', 'would start app-one ci');
    expect(await world.children(run)).toEqual([]);
    expect(await world.pods()).toEqual([]);
  });

  test('given a fan-out as wide as an event may be told of, then the list is cut and says by how much', async () => {
    const workflows = Array.from({ length: 60 }, (_, index) => `w${index}`);
    const file = (large: string) => `version: 0.1.0
workflows:
${workflows.map(name => `  ${name}: {inputs: {text: {type: string}}, steps: [./test.sh]}`).join('\n')}
subscriptions:
${workflows
  .map(
    name =>
      `  - {artifact: "acme/core-lib:core", events: [library_built], workflow: ${name}, inputs: {text: "${large}"}}`,
  )
  .join('\n')}
`;
    const { world } = await worldOf({ large: file('{{ .event.payload.text }}') });
    const run = await world.run({ event: { ...event, payload: { text: 'x'.repeat(2_000) } }, dryRun: true });
    const { status } = await world.phase(run, 'Succeeded');
    const { planned = [], plannedCount, plannedOmitted = 0 } = status?.fanOut ?? {};
    expect(plannedCount).toBe(60);
    expect(planned.length + plannedOmitted).toBe(60);
    expect(plannedOmitted).toBeGreaterThan(0);
    expect(planned[0]?.inputs?.text).toHaveLength(2_000);
    expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(100 * 1_024);
  });
});
