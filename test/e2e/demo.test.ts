import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { type TakoRun, takoRuns } from '../../src/api/resources.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadClusterConfig } from '../../src/kube/config.ts';
import { namespaces } from '../../src/kube/objects.ts';
import { connect } from '../cluster/cluster.ts';
import { DEMO_NAMESPACE, installOperator } from '../demo/install.ts';
import type { TreeNode } from '../demo/tree.ts';
import { SETTINGS } from './fixture/operator.ts';

const START = fileURLToPath(new URL('../demo/start.ts', import.meta.url));
const CLUSTER = process.env.TAKO_TEST_CLUSTER!;
const client = createKubeClient(loadClusterConfig({ kubeconfig: process.env.TAKO_TEST_KUBECONFIG }));

interface Demo {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm start -- ...` on the cluster of this test run. */
async function demo(...options: string[]): Promise<Demo> {
  const child = spawn(process.execPath, [START, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TAKO_CLUSTER: 'local', TAKO_CLUSTER_NAME: CLUSTER },
  });
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { exitCode, stdout, stderr };
}

/** A tree without its times, which are never the same. */
function shape({ repository, workflow, phase, children }: TreeNode): object {
  return { run: `${repository} ${workflow} ${phase}`, children: children.map(shape) };
}

/** The event runs of the run that the demo started last. */
async function events(): Promise<TakoRun[]> {
  const { items } = await client.list(takoRuns, { namespace: DEMO_NAMESPACE });
  return items
    .filter(({ spec }) => spec.event?.type === 'library_built')
    .sort((one, other) => (one.metadata.creationTimestamp < other.metadata.creationTimestamp ? -1 : 1));
}

afterAll(async () => {
  await client.delete(namespaces, { name: DEMO_NAMESPACE });
  await client.close();
  // The demo installs the operator with settings of its own.
  const cluster = await connect(CLUSTER);
  await installOperator(cluster, { image: process.env.TAKO_TEST_IMAGE!, environment: SETTINGS });
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

  test('given --fail, then the failed test of app-two is in tree, errors and exit code', async () => {
    const { exitCode, stdout, stderr } = await demo('--fail', '--json');

    expect(exitCode, stderr).toBe(1);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      phase: 'Failed',
      childrenSummary: { total: 2, completed: 1, failed: 1 },
      treeSummary: { total: 3, completed: 2, failed: 1, depth: 2 },
      errors: [
        { repository: 'acme/app-two', errorType: 'workflow_failed', message: expect.stringContaining('step test') },
      ],
    });
    expect(result.tree.map(shape)).toEqual([
      {
        run: 'acme/core-lib release Failed',
        children: [
          {
            run: 'acme/app-one integrate Succeeded',
            children: [{ run: 'acme/deploy rollout Succeeded', children: [] }],
          },
          { run: 'acme/app-two ci Failed', children: [] },
        ],
      },
    ]);
  });

  test('given no --json, then people get the tree and what to look at next', async () => {
    const { exitCode, stdout } = await demo();

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/✓ acme\/core-lib release {2}Succeeded/);
    expect(stdout).toMatch(/└─ ✓ acme\/deploy rollout/);
    expect(stdout).toContain(`npm run cluster -- kubectl --name ${CLUSTER} -n ${DEMO_NAMESPACE} get takoruns`);
  });
});
