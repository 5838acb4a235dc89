// Bundles what runs in the image: one file for each program, and for each worker thread, which looks for it by this name.
import { build } from 'esbuild';

await build({
  entryPoints: {
    operator: 'src/operator/main.ts',
    agent: 'src/agent/main.ts',
    'evaluator-worker': 'src/evaluator/worker.ts',
  },
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  loader: { '.sh': 'text' },
  legalComments: 'none',
  logLevel: 'info',
  // CommonJS dependencies call require; the alias keeps clear of an import that a bundled file has itself.
  banner: {
    js: "import { createRequire as createRequireForBundle } from 'node:module';\nconst require = createRequireForBundle(import.meta.url);",
  },
});
