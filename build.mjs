// Bundles what runs in the image: one file for the operator, one for the agent, one for each worker thread.
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { build } from 'esbuild';

/**
 * Worker threads are started from a file of their own. In the sources that is `new URL('./x.worker.ts',
 * import.meta.url)`, in the bundle the file of that name beside it.
 */
const workers = {
  name: 'workers',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => ({
      loader: 'ts',
      contents: (await readFile(path, 'utf8')).replaceAll(
        /new URL\((['"])\.[^'"]*?([\w-]+)\.worker\.ts\1, import\.meta\.url\)/g,
        'new URL("./$2.worker.mjs", import.meta.url)',
      ),
    }));
  },
};

const entryPoints = { operator: 'src/operator/main.ts', agent: 'src/agent/main.ts' };
for (const file of globSync('src/**/*.worker.ts')) entryPoints[basename(file, '.ts')] = file;

await build({
  entryPoints,
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  loader: { '.sh': 'text' },
  legalComments: 'none',
  logLevel: 'info',
  plugins: [workers],
  // CommonJS dependencies call require; the alias keeps clear of an import that a bundled file has itself.
  banner: {
    js: "import { createRequire as createRequireForBundle } from 'node:module';\nconst require = createRequireForBundle(import.meta.url);",
  },
});
