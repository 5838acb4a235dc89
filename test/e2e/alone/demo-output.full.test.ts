import { afterAll, describe, expect, test } from 'vitest';
import { DEMO_NAMESPACE } from '../../demo/install.ts';
import { CLUSTER, demo, removeDemo, shape } from '../fixture/demo.ts';

afterAll(removeDemo);

describe('npm start', () => {
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
