import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startCluster } from '../cluster/cluster.ts';
import { projectImage } from '../cluster/images/project.ts';

/**
 * `npm run bench -- NAME [--json]`: starts a cluster, measures, removes the cluster. With --json exactly one line goes to stdout; the
 * rest is progress on stderr. Exit code 1 when a limit is missed.
 */
const BENCHES = ['pod', 'cache', 'locks'] as const;
/** Whether its cluster runs Pods, and knows the project's image; else it is a control plane only. */
const WITH_PODS: Record<(typeof BENCHES)[number], boolean> = { pod: true, cache: false, locks: false };
const { positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });
const name = positionals[0] as (typeof BENCHES)[number];
if (!BENCHES.includes(name)) {
  console.error(`which benchmark? There are: ${BENCHES.join(', ')}`);
  process.exit(64);
}

const log = (line: string): void => console.error(line);
const cluster = await startCluster({ name: `bench-${process.pid}`, kubelet: WITH_PODS[name], ephemeral: true, log });
try {
  const image = WITH_PODS[name] ? await projectImage(log) : undefined;
  if (image !== undefined) await cluster.loadImage(image.path);
  const [program, ...args] = [...cluster.enter, process.execPath, path.join(import.meta.dirname, `${name}.ts`)];
  const child = spawn(program!, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      ...cluster.environment,
      TAKO_BENCH_CLUSTER: cluster.name,
      ...(image !== undefined && { TAKO_BENCH_IMAGE: image.reference }),
    },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  await cluster.stop();
}
