import { expect, test } from 'vitest';
import { systemClock } from '../../../src/kube/clock.ts';
import { createLockKeeper } from '../../../src/locks/keeper.ts';
import { connect } from '../../cluster/cluster.ts';
import { codeBlocks } from '../../unit/markdown.ts';
import { createWorld } from '../run/world.ts';

/** The commands of the guide, but for logs: there is no kubelet here. */
const COMMANDS = codeBlocks('docs/guides/cache.md')
  .filter(({ language }) => language === 'console')
  .flatMap(({ text }) => [...text.matchAll(/^\$ kubectl (.+)$/gm)].map(([, command]) => command!))
  .filter(command => !command.startsWith('logs '));

test('given a namespace with a cache, then the commands of its guide show it, and remove it', async () => {
  const settings = { TAKO_CACHE_SIZE: '256Mi', TAKO_CACHE_ACCESS_MODE: 'ReadWriteOnce' };
  const world = await createWorld({ settings });
  const { client, namespace } = world;
  await world.repository('core-lib', 'version: 0.1.0\nworkflows:\n  release:\n    steps: [./build.sh]\n');
  await world.ready('core-lib');
  await world.pod(await world.run({ workflow: { repositoryRef: { name: 'core-lib' }, name: 'release' } }));
  const keeper = createLockKeeper({ client, isGone: async () => false, clock: systemClock });
  const holder = { run: 'first', runUid: 'uid', pod: 'pod', podUid: 'pod-uid' };
  const url = 'https://git.example.com/acme/core-lib.git';
  await keeper.acquire({ namespace, url, id: 'one', want: { mode: 'write' }, holder });
  const waiting = keeper.acquire(
    { namespace, url, id: 'two', want: { mode: 'write' }, holder: { ...holder, run: 'second' } },
    { waitMs: 1 },
  );
  expect((await waiting).state).toBe('waiting');

  const cluster = await connect(process.env.TAKO_TEST_CLUSTER!);
  const outputs: string[] = [];
  for (const command of COMMANDS)
    outputs.push(await cluster.kubectl(['--namespace', namespace, ...command.split(' ')]));

  const outputOf = (start: string) => outputs[COMMANDS.findIndex(command => command.startsWith(start))];
  expect(outputOf('get pvc tako-cache')).toMatch(/^NAME +STATUS .*\ntako-cache +\w+ /);
  expect(outputOf('get leases')).toMatch(
    /^NAME +HOLDER +AGE\ntako-cache-[0-9a-f]{32} +written by run first, 1 waiting +\w+$/m,
  );
  expect(outputOf('delete pvc')).toContain('"tako-cache" deleted');
  expect(outputOf('delete leases')).toMatch(/"tako-cache-[0-9a-f]{32}" deleted/);
});
