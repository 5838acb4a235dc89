import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kind } from './build/binaries.ts';
import { goBinary } from './build/go.ts';
import { run } from './command.ts';
import { contentKey, PROJECT } from './images/project.ts';
import type { Log } from './log.ts';
import { cacheDirectory } from './paths.ts';
import type { Target } from './target.ts';

const CONFIG = fileURLToPath(new URL('../../manifests/kind.yaml', import.meta.url));

/**
 * A cluster made by kind, the Go program, in the machine's Docker. Its kubeconfig is in the cache folder: the user's own
 * is left alone. Needs kubectl on PATH.
 */
export async function kindCluster(name: string, log: Log): Promise<Target> {
  const binary = await kindBinary(log);
  const kubeconfigPath = join(cacheDirectory(), `kind-${name}.kubeconfig`);
  const environment = { KUBECONFIG: kubeconfigPath };
  await mkdir(cacheDirectory(), { recursive: true });
  const clusters = (await run([binary, 'get', 'clusters'])).split('\n');
  const own = ['--name', name, '--kubeconfig', kubeconfigPath];
  if (clusters.includes(name)) {
    await run([binary, 'export', 'kubeconfig', ...own]);
    log(`the kind cluster ${name} is up already`);
  } else {
    log(`creating the kind cluster ${name}`);
    await run([binary, 'create', 'cluster', '--config', CONFIG, '--wait', '3m', ...own], { onLine: log });
  }
  return {
    kind: 'kind',
    enter: [],
    environment,
    kubectl: (args, options) => run(['kubectl', ...args], { ...options, env: environment }),
    projectImage: async imageLog => {
      const reference = `tako.dev/tako:${await contentKey(PROJECT)}`;
      imageLog(`building ${reference} with Docker`);
      await run(['docker', 'build', '--tag', reference, PROJECT], { onLine: imageLog });
      await run([binary, 'load', 'docker-image', '--name', name, reference], { onLine: imageLog });
      return reference;
    },
    stop: async () => {
      await run([binary, 'delete', 'cluster', ...own]);
    },
  };
}

/** The one on PATH if it is Kubernetes' (npm has another program of this name), else one built from its Go module. */
async function kindBinary(log: Log): Promise<string> {
  const version = await run(['kind', 'version']).catch(() => '');
  return /^kind v\d/.test(version) ? 'kind' : goBinary(kind, log);
}
