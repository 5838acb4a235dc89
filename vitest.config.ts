import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

/** Tests of `npm run test:full`; `npm test` leaves them out. */
const FULL = '**/*.full.test.ts';

/**
 * Which tests there are: `quick`, those of `npm test`; `full`, the others; or all, of which a name chooses.
 * test/run.ts says so in TAKO_TESTS.
 */
const exclude = [
  ...configDefaults.exclude,
  ...({ quick: [FULL], full: ['**/!(*.full).test.ts'] }[process.env.TAKO_TESTS ?? ''] ?? []),
];

const cores = availableParallelism();

/**
 * From fast to real: `unit` needs nothing but Node and the tools of a developer's machine, `integration` a real control plane, `e2e` a
 * real kubelet. test/run.ts starts the clusters and runs vitest inside their network.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          setupFiles: ['test/setup/property-seed.ts'],
          include: [
            'src/**/*.test.ts',
            'test/unit/**/*.test.ts',
            'test/cluster/**/*.test.ts',
            'test/fixtures/**/*.test.ts',
          ],
          exclude,
          testTimeout: 120_000,
          expect: { poll: { timeout: 100_000 } },
          // A little of their time is waiting.
          maxWorkers: cores + 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          exclude,
          globalSetup: ['test/integration/global-setup.ts'],
          testTimeout: 300_000,
          expect: { poll: { timeout: 120_000 } },
          hookTimeout: 300_000,
          // Most of their time is waiting, for one control plane.
          maxWorkers: Math.min(2 * cores, 8),
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/*.test.ts'],
          exclude,
          globalSetup: ['test/e2e/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // Beside each other on one node, each test in a namespace of its own, each file with a Git server of its own.
          maxWorkers: Math.min(cores, 4),
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          // One file after the other: these change or end the operator of the cluster.
          name: 'e2e-alone',
          include: ['test/e2e/alone/**/*.test.ts'],
          exclude,
          globalSetup: ['test/e2e/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
    coverage: {
      provider: 'v8',
      reportOnFailure: true,
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.test.ts', 'src/**/testing/**', 'src/**/*.conformance.ts'],
      reporter: ['text-summary', 'json', 'json-summary'],
    },
  },
});
