import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * Three projects, from fast to real:
 * `unit` needs nothing but Node and the tools of a developer's machine, `integration` a real control plane, `e2e` a real kubelet.
 * test/run.ts starts the clusters and runs vitest inside their network.
 */
export default defineConfig({
  test: {
    // vitest leaves one core to itself. On two that would be one file at a time, of tests that mostly wait.
    maxWorkers: Math.max(2, availableParallelism() - 1),
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
          testTimeout: 30_000,
          expect: { poll: { timeout: 25_000 } },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/integration/global-setup.ts'],
          testTimeout: 60_000,
          expect: { poll: { timeout: 30_000 } },
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // They share one node of two cores.
          fileParallelism: false,
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
