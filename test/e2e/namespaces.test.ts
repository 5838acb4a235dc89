import { describe, expect, vi } from 'vitest';
import { announce, built, runSource, source, subscriber } from './fixture/fan-out.ts';
import { outcome } from './fixture/run-handle.ts';
import { type Tako, test } from './fixture/tako.ts';

vi.setConfig({ maxConcurrency: 20 });

/** Takes events of that namespace: tests run beside each other, and all have an acme/source. */
const from = ({ namespace }: Tako) => ({
  namespaces: {
    from: 'Selector' as const,
    selector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
  },
});
const secretsOf = { secrets: [{ name: 'TOKEN', secretKeyRef: { name: 'credentials', key: 'token' } }] };

/** Says what the step has of its secret, and everything else that it can find. */
const LOOK = {
  id: 'look',
  env: { TOKEN: 'TOKEN' },
  run: `echo "token has $(printf %s "$TOKEN" | wc -c) characters"
printf %s "$TOKEN" | md5sum
find / -xdev -name '*credentials*' -not -path '/proc/*' 2>/dev/null || true
cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c emitters-secret || true`,
  produces: { outputs: { seen: 'from_stdout' } },
};

const EMITTER = 'emitters-secret-7f3a';
const SUBSCRIBER = 'subscribers-secret-51c09b';

/** Both namespaces have a Secret of the same name; the subscriber is in the second. */
async function namespaces(tako: Tako, steps: Parameters<typeof subscriber>[0]): Promise<Tako> {
  const apps = await tako.elsewhere();
  await Promise.all([
    tako.secret('credentials', { token: EMITTER }),
    apps.secret('credentials', { token: SUBSCRIBER }),
    tako.repository('source', {
      workflows: { main: { secrets: ['TOKEN'], steps: [announce()] } },
      spec: secretsOf,
    }),
    apps.repository('shop', {
      ...subscriber(steps, { secrets: ['TOKEN'] }),
      spec: { ...secretsOf, acceptEvents: from(tako) },
    }),
  ]);
  return apps;
}

describe.concurrent('a tree over two namespaces', () => {
  test("given a Secret of one name in both, then each run has its own namespace's, and neither ever sees the other's", async ({
    tako,
  }) => {
    const apps = await namespaces(tako, [LOOK]);

    const run = await tako.run(runSource);
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status).toMatchObject({ childrenSummary: { total: 1, completed: 1 } });
    const [child] = run.children();
    expect(child?.namespace).toBe(apps.namespace);
    const seen = child!.now().status?.outputs?.['look.seen'];
    expect(seen).toContain(`token has ${SUBSCRIBER.length} characters`);
    expect(seen).toMatch(/\n0$/);
    const [pod] = child!.pods();
    expect(pod?.metadata.namespace).toBe(apps.namespace);
    expect(JSON.stringify([pod, child!.now()])).not.toContain(EMITTER);
    const told = JSON.stringify([tako.world.runs.changes(tako.namespace), tako.world.pods.changes(tako.namespace)]);
    expect(told).not.toContain(SUBSCRIBER);
    expect(told).not.toContain(`token has ${SUBSCRIBER.length} characters`);
  });

  test('given a child that fails and says a secret, then its parent hears only that it failed', async ({ tako }) => {
    const apps = await namespaces(tako, [
      { id: 'leak', env: { TOKEN: 'TOKEN' }, run: 'echo "half of it is $(echo "$TOKEN" | cut -c 1-12)"; exit 3' },
    ]);

    const run = await tako.run(runSource);
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Failed', errorType: 'workflow_failed' });
    const [child] = run.children();
    expect(outcome(child!.now()).message).toContain('leak');
    expect(ended.status?.detailedErrors).toEqual([
      {
        repository: 'acme/shop',
        workflow: 'main',
        errorType: 'workflow_failed',
        errorMessage: `ended as Failed: see TakoRun ${child!.name} in namespace ${apps.namespace}`,
      },
    ]);
    const told = JSON.stringify([tako.world.runs.changes(tako.namespace), await run.events()]);
    expect(told).not.toContain('subscribers-');
    expect(told).not.toContain('leak');
  });

  test('given a subscriber that accepts nobody, then nothing happens there', async ({ tako }) => {
    const apps = await tako.elsewhere();
    await Promise.all([source(tako), apps.repository('shop', subscriber(['true']))]);

    const run = await tako.run({ event: built() });
    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded', reason: 'NoSubscribers' });
    // The subscribers of the tests beside this one are among them: of all, only the number is told.
    expect(ended.status?.fanOut?.withoutConsent).toBeGreaterThanOrEqual(1);
    expect(ended.status?.fanOut).toMatchObject({ triggeredCount: 0, skippedCount: 0 });
    expect(JSON.stringify(ended)).not.toContain('shop');
    expect(tako.world.runs.changes(apps.namespace)).toEqual([]);
  });

  test('given its root is deleted, then the child elsewhere and its Pod go too', async ({ tako }) => {
    const apps = await tako.elsewhere();
    const barrier = await tako.barrier(2);
    await Promise.all([
      source(tako, [announce()]),
      apps.repository('shop', {
        ...subscriber([`wget -q -O /dev/null ${barrier.url}`]),
        spec: { acceptEvents: from(tako) },
      }),
    ]);
    const run = await tako.run(runSource);
    await tako.wait('the child to be there', () => barrier.visitors[0], 60_000);
    const all = [run, ...run.descendants()];
    expect(all.map(({ namespace }) => namespace)).toEqual([tako.namespace, tako.namespace, apps.namespace]);

    await run.delete();

    await Promise.all(all.map(one => one.gone()));
    await Promise.all(all.map(one => one.noPod()));
  });
});
