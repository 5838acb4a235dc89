import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.ts';

/** Which cluster Tako is shown on. */
export type Selection =
  /** One that the user has. */
  | { kind: 'current'; kubeconfigPath: string }
  /** One in Docker, made by kind. */
  | { kind: 'kind' }
  /** One that this folder makes. */
  | { kind: 'local' };

/**
 * Chooses a cluster: what `TAKO_CLUSTER` says (`current`, `kind` or `local`), else kind where a Docker daemon answers,
 * else the local one. The user's own cluster is never taken unasked.
 * @param dockerAnswers asked only when it matters.
 * @throws {Error} when `TAKO_CLUSTER` has another value, or asks for kind without Docker.
 */
export async function selectCluster(
  environment: NodeJS.ProcessEnv = process.env,
  dockerAnswers: () => Promise<boolean> = dockerDaemonAnswers,
): Promise<Selection> {
  const wanted = environment.TAKO_CLUSTER;
  switch (wanted) {
    case undefined:
    case '':
      return { kind: (await dockerAnswers()) ? 'kind' : 'local' };
    case 'current':
      return { kind: 'current', kubeconfigPath: environment.KUBECONFIG || join(homedir(), '.kube', 'config') };
    case 'kind':
      if (await dockerAnswers()) return { kind: 'kind' };
      throw new Error('TAKO_CLUSTER=kind needs a Docker daemon, and none answers: start it, or use TAKO_CLUSTER=local');
    case 'local':
      return { kind: 'local' };
    default:
      throw new Error(
        `TAKO_CLUSTER is "${wanted}": use current (the one of KUBECONFIG), kind or local, or leave it unset`,
      );
  }
}

async function dockerDaemonAnswers(): Promise<boolean> {
  // `docker version` fails when only the client is there.
  return run(['docker', 'version', '--format', '{{.Server.Version}}'], { signal: AbortSignal.timeout(5_000) }).then(
    () => true,
    () => false,
  );
}
