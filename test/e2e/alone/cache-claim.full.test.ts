import { describe, expect } from 'vitest';
import { verifyCache } from '../fixture/cache.ts';
import { CHECK, FILES, fetches, test, withCache, workflowOf } from '../fixture/cached.ts';
import { outcome } from '../fixture/run-handle.ts';

withCache();

describe('a claim that somebody deletes, as docs/guides/cache.md says', () => {
  test('given runs before, then those that go on and those that come succeed, and there is a new one when it is gone', async ({
    tako,
    git,
    url,
  }) => {
    const barrier = await tako.barrier(2);
    await tako.repository('app', {
      files: FILES,
      workflows: {
        main: { steps: [CHECK] },
        waits: { steps: [{ network: 'default', run: `${CHECK}\nwget -q -O /dev/null ${barrier.url}` }] },
      },
      spec: { url: url(tako, 'app') },
    });
    const succeeds = async (name: string) =>
      expect(outcome(await (await tako.run(workflowOf('app'), name)).ended())).toMatchObject({ phase: 'Succeeded' });
    await succeeds('before');
    const waits = await tako.run({ workflow: { repositoryRef: { name: 'app' }, name: 'waits' } }, 'waits');
    await tako.wait('the step to be there', () => barrier.visitors[0], 60_000);
    const uid = () =>
      tako.kubectl('get', 'pvc', 'tako-cache', '--output=jsonpath={.metadata.uid}', '--ignore-not-found');
    const first = await uid();
    const cold = fetches(git);

    await tako.kubectl('delete', 'pvc', 'tako-cache', '--wait=false');
    await tako.kubectl('delete', 'leases', '-l', 'app.kubernetes.io/component=cache-lock');
    await succeeds('meanwhile');
    expect(fetches(git)).toBe(cold + 1);
    expect(await uid()).toBe(first);
    barrier.open();
    expect(outcome(await waits.ended())).toMatchObject({ phase: 'Succeeded' });
    // Pods that have ended keep it too. The kubelet says so a moment after their agent has.
    for (const run of [waits, tako.handle('before')]) {
      await run.pod('be Succeeded', ({ status }) => status?.phase === 'Succeeded', 60_000);
    }
    await tako.kubectl(
      'delete',
      'pods',
      '-l',
      'app.kubernetes.io/component=run',
      '--field-selector=status.phase=Succeeded',
    );
    await tako.wait('the claim to be gone', async () => ((await uid()) === '' ? true : undefined), 60_000);
    await succeeds('after');
    expect(await uid()).not.toBe(first);
    expect(await verifyCache(tako)).toEqual({ verified: 1, problems: [] });
  });
});
