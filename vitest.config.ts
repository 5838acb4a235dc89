import { defineConfig } from 'vitest/config';

/**
 * Three projects, from fast to real:
 * `unit` needs nothing but Node, `integration` a real control plane, `e2e` a real kubelet.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/unit/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.test.ts'],
      reporter: ['text-summary', 'json', 'json-summary'],
    },
  },
});
