import { describe, expect, test } from 'vitest';
import { connect } from '../../cluster/cluster.ts';
import { codeBlocks, examples } from '../../unit/markdown.ts';
import { createWorld } from '../run/world.ts';

const LIBRARY = 'version: 0.1.0\nartifacts: {core: {path: .}}\nworkflows: {release: {steps: [./build.sh]}}\n';
const SUBSCRIBER = `version: 0.1.0
workflows: {ci: {steps: [./test.sh]}}
subscriptions: [{artifact: "acme/core-lib:core", events: [library_built], workflow: ci}]
`;

/** A command of a guide as arguments, without the quotes that are for a shell, and what the guide prints below it. */
interface Shown {
  readonly command: readonly string[];
  readonly output: string;
}

/** The commands `kubectl get` and `kubectl wait` of the blocks whose text matches. */
function shown(page: string, text: RegExp): Shown[] {
  return codeBlocks(page)
    .filter(block => block.language === 'console' && text.test(block.text))
    .flatMap(block => [...block.text.matchAll(/^\$ kubectl ((?:get|wait) .+)\n((?:(?!\$ ).*\n)*)/gm)])
    .map(([, command, output]) => ({ command: command!.replaceAll("'", '').split(' '), output: output!.trim() }));
}

describe('docs/guides/events.md', () => {
  test('given the idempotent event twice, then the commands print what the page shows', async () => {
    const world = await createWorld();
    await world.repository('core-lib', LIBRARY);
    await world.repository('app-one', SUBSCRIBER);
    for (const name of ['core-lib', 'app-one']) await world.ready(name);
    const manifest = examples('docs/guides/events.md').find(({ block }) =>
      block.text.includes('name: core-lib-built-2'),
    );
    const again = manifest!.block.text.replaceAll('core-lib-built-2', 'core-lib-built-3');
    const cluster = await connect(process.env.TAKO_TEST_CLUSTER!);
    const kubectl = (args: readonly string[], input?: string) =>
      cluster.kubectl(['--namespace', world.namespace, ...args], input === undefined ? {} : { input });
    const named = (name: string) => ({ metadata: { name, namespace: world.namespace } });

    await kubectl(['apply', '-f', '-'], manifest!.block.text);
    await expect.poll(async () => (await world.get(named('core-lib-built-2'))).status?.phase, WAIT).toBe('Waiting');
    await kubectl(['apply', '-f', '-'], again);
    await expect.poll(async () => (await world.get(named('core-lib-built-3'))).status?.phase, WAIT).toBe('Waiting');

    const commands = shown('docs/guides/events.md', /core-lib-built-3|event-claim/);
    expect(commands).toHaveLength(3);
    for (const { command, output } of commands) {
      expect(comparable(await kubectl(command)), command.join(' ')).toBe(comparable(output));
    }
  });
});

describe('docs/guides/failing-tree.md', () => {
  test('given a run that fails, then its wait for either outcome ends, and its get says Failed', async () => {
    const world = await createWorld();
    await world.repository('core-lib', LIBRARY);
    await world.ready('core-lib');
    const run = await world.run({ workflow: { repositoryRef: { name: 'core-lib' }, name: 'absent' } }, 'release-1');
    const cluster = await connect(process.env.TAKO_TEST_CLUSTER!);
    const commands = shown('docs/guides/failing-tree.md', /completionTime.*\nFailed$/ms);
    expect(commands).toHaveLength(2);
    for (const { command, output } of commands) {
      expect((await cluster.kubectl(['--namespace', world.namespace, ...command])).trim()).toBe(output);
    }
    await world.phase(run, 'Failed');
  });
});

const WAIT = { interval: 50 };

/** What is another one each time: the hash in the name of a Lease, an age, and so the width of columns. */
function comparable(output: string): string {
  return output
    .trim()
    .replaceAll(/\b(tako-event-)[0-9a-f]{32}\b/g, '$1<hash>')
    .replaceAll(/ +\d+[smh]$/gm, ' <age>')
    .replaceAll(/ +/g, ' ');
}
