import type { ConnectionOptions } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';

type TlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized'>;

/** Where the API server is and how to be let in. */
export interface ClusterConfig {
  /** Base URL; a path in it (as some managed clusters have) goes before every request's. */
  readonly server: string;
  /** The current context's namespace, in a Pod its own; else `default`. */
  readonly namespace: string;
  /** For every new connection: client certificates may be rotated. */
  tls(): Promise<TlsOptions>;
  /** Headers for every request: token files are read again as they change, exec plugins run when their token expires. */
  authenticate(): Promise<Record<string, string>>;
}

export interface LoadOptions {
  /** A kubeconfig file. Default: KUBECONFIG, else ~/.kube/config, else the service account that the Pod has mounted. */
  kubeconfig?: string | undefined;
  /** Default: the file's current context. */
  context?: string | undefined;
}

/** There is no usable configuration; the message says what to do. */
export class ClusterConfigError extends Error {
  override readonly name = 'ClusterConfigError';
}

/**
 * Finds the cluster as kubectl does; the reading and the authentication are @kubernetes/client-node's.
 *
 * @throws ClusterConfigError
 */
export function loadClusterConfig({ kubeconfig, context }: LoadOptions = {}): ClusterConfig {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (cause) {
    const source = kubeconfig ?? process.env.KUBECONFIG ?? '~/.kube/config';
    throw new ClusterConfigError(`cannot read the kubeconfig ${source}: ${(cause as Error).message}`, { cause });
  }
  if (context !== undefined) config.setCurrentContext(context);
  return clusterConfigFrom(config);
}

/** The same for a configuration that is already in memory. */
export function clusterConfigFrom(config: KubeConfig): ClusterConfig {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const known = config.getContexts().map(context => context.name);
    throw new ClusterConfigError(
      `the kubeconfig has no usable context ${JSON.stringify(config.getCurrentContext() ?? '')}; it knows ${known.join(', ') || 'none'}`,
    );
  }
  // The library's last resort when there is neither a file nor a service account.
  if (config.getCurrentContext() === 'loaded-context' && cluster.server === 'http://localhost:8080') {
    throw new ClusterConfigError(
      'no cluster is configured: set KUBECONFIG, or run in a Pod with a service account token',
    );
  }
  if (cluster.proxyUrl !== undefined && cluster.proxyUrl !== '') {
    throw new ClusterConfigError(
      `the cluster ${cluster.name} has a proxy-url, which is not supported; reach it directly or through \`kubectl proxy\``,
    );
  }
  const server = cluster.server.replace(/\/+$/, '');
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  if (!server.startsWith('https:')) {
    // `kubectl proxy` and tests: credentials are never sent in the clear.
    return { server, namespace, tls: async () => ({}), authenticate: async () => ({}) };
  }
  const options = sharedWhileRunning(() => httpsOptions(config));
  return {
    server,
    namespace,
    tls: async () => pickTls(await options()),
    authenticate: async () => headersOf(await options()),
  };
}

type HttpsOptions = TlsOptions & { headers?: Record<string, unknown>; auth?: string | null };

/** Certificates, keys and headers of the current user; reads files and runs exec plugins where the configuration says so. */
async function httpsOptions(config: KubeConfig): Promise<HttpsOptions> {
  const options: HttpsOptions = {};
  // It also puts an https.Agent there, which opens nothing as long as it is not used.
  await config.applyToHTTPSOptions(options as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
  return options;
}

function pickTls(options: HttpsOptions): TlsOptions {
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = options;
  const all = { ca, cert, key, passphrase, servername, rejectUnauthorized };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null));
}

function headersOf({ headers = {}, auth }: HttpsOptions): Record<string, string> {
  return {
    ...(typeof auth === 'string' ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {}),
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value).trim()])),
  };
}

/** Joins callers that come while a call is under way: the first hundred requests must not start a hundred exec plugins. */
function sharedWhileRunning<R>(call: () => Promise<R>): () => Promise<R> {
  let running: Promise<R> | undefined;
  return () => {
    running ??= call().finally(() => {
      running = undefined;
    });
    return running;
  };
}
