// Bundles what runs in the image: one file for the operator, one for the agent, one for the thread that evaluates CEL. And the command line tool.
import { build } from 'esbuild';

const common = {
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node24',
  legalComments: 'none',
  logLevel: 'info',
};

await build({
  ...common,
  entryPoints: {
    operator: 'src/operator/main.ts',
    // src/evaluator/worker-thread.ts finds it beside the bundle by this name.
    'evaluator-worker': 'src/evaluator/worker.ts',
    // What `tako cache verify` and `prune` run in a Pod.
    'cache-maintenance': 'src/cli/maintenance/main.ts',
    // What src/cli/tako.mjs starts in an installed package.
    tako: 'src/cli/main.ts',
    // Makes the code cache of agent-program.cjs when the image is built.
    'agent-train': 'src/agent/startup/train.ts',
  },
  outExtension: { '.js': '.mjs' },
  format: 'esm',
  // CommonJS dependencies call require; the alias keeps clear of an import that a bundled file has itself.
  banner: {
    js: "import { createRequire as createRequireForBundle } from 'node:module';\nconst require = createRequireForBundle(import.meta.url);",
  },
});

// The agent and what starts it. They are CommonJS modules in ASCII, as src/agent/startup/code-cache.ts wants it, and load other modules by
// `require`, the lazy ones too.
await build({
  ...common,
  entryPoints: { agent: 'src/agent/startup/launch.ts', 'agent-program': 'src/agent/startup/program.ts' },
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  charset: 'ascii',
  supported: { 'dynamic-import': false },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.dirname': '__dirname', 'import.meta.url': 'bundleUrl', 'import.meta.main': 'false' },
});
