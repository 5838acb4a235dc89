// Bundles what runs in the image: one file for the operator, one for the agent, one for the thread that evaluates CEL.
import { build } from 'esbuild';

await build({
  entryPoints: {
    operator: 'src/operator/main.ts',
    agent: 'src/agent/main.ts',
    // src/evaluator/worker-thread.ts finds it beside the bundle by this name.
    'evaluator-worker': 'src/evaluator/worker.ts',
  },
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  legalComments: 'none',
  logLevel: 'info',
  // CommonJS dependencies call require; the alias keeps clear of an import that a bundled file has itself.
  banner: {
    js: "import { createRequire as createRequireForBundle } from 'node:module';\nconst require = createRequireForBundle(import.meta.url);",
  },
});
