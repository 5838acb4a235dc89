import { afterAll, describe, expect, test } from 'vitest';
import { type TakoRun, takoRuns } from '../../../src/api/resources.ts';
import { DEMO_NAMESPACE } from '../../demo/install.ts';
import { demo, demoClient, removeDemo, shape } from '../fixture/demo.ts';

const client = demoClient();

/** The event runs of the run that the demo started last. */
async function events(): Promise<TakoRun[]> {
  const { items } = await client.list(takoRuns, { namespace: DEMO_NAMESPACE });
  return items
    .filter(({ spec }) => spec.event?.type === 'library_built')
    .sort((one, other) => (one.metadata.creationTimestamp < other.metadata.creationTimestamp ? -1 : 1));
}

afterAll(async () => {
  await client.close();
  await removeDemo();
});

describe('npm start', () => {
  test('given the demo, then its tree succeeds and one line tells it', async () => {
    const { exitCode, stdout, stderr } = await demo('--json');

    expect(exitCode, stderr).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    const result = JSON.parse(stdout);
    expect(Object.keys(result)).toEqual(['phase', 'runId', 'childrenSummary', 'treeSummary', 'errors', 'tree']);
    expect(result).toMatchObject({
      phase: 'Succeeded',
      runId: expect.stringMatching(/^exec-\d{8}-\d{6}-[0-9a-f]{8}$/),
      childrenSummary: { total: 2, completed: 2, failed: 0, timedOut: 0, canceled: 0, running: 0, pending: 0 },
      treeSummary: { total: 3, completed: 3, depth: 2 },
      errors: [],
    });
    expect(result.tree.map(shape)).toEqual([
      {
        run: 'acme/core-lib release Succeeded',
        children: [
          {
            run: 'acme/app-one integrate Succeeded',
            children: [{ run: 'acme/deploy rollout Succeeded', children: [] }],
          },
          { run: 'acme/app-two ci Succeeded', children: [] },
        ],
      },
    ]);
    expect(result.tree[0].seconds).toBeGreaterThanOrEqual(0);
    expect(stderr).toMatch(/the log of deploy-rollout-\S+ says: deploying app-one with core-lib 2\.3\.0/);
    expect((await events()).at(-1)?.status?.fanOut).toMatchObject({
      subscribersFound: 3,
      triggeredCount: 2,
      skipped: [{ repository: 'acme/legacy-app', workflow: 'ci', reason: 'Schema' }],
    });
  });
});
