import { loadClusterConfig } from '../../src/kube/config.ts';
import type { Logger } from '../../src/kube/logger.ts';
import { readConfig } from '../../src/operator/config.ts';
import { createOperator } from '../../src/operator/operator.ts';

interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The operator itself, in this process. */
export interface TestOperator {
  readonly ports: { readonly gateway: number; readonly http: number };
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /** Ends it in good order. */
  stop(): Promise<void>;
  /** Ends it in the middle of whatever it does: from now on it sends nothing any more to the API server. */
  kill(): Promise<void>;
  /** The same before its next request but `requests`, whenever that is. Resolves when it is dead. */
  killAfter(requests: number): Promise<void>;
}

export interface TestOperatorOptions {
  /** It looks after this namespace only, and keeps its certificates there: tests run beside each other. */
  readonly namespace: string;
  /** Further namespaces that it looks after. */
  readonly others?: readonly string[];
  /** Environment variables on top of those that tests need. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts the operator as src/operator/main.ts does, but for one namespace, on free ports and without an election. */
export async function startTestOperator({
  namespace,
  others = [],
  settings = {},
}: TestOperatorOptions): Promise<TestOperator> {
  const config = readConfig({
    POD_NAMESPACE: namespace,
    TAKO_WATCH_NAMESPACES: [namespace, ...others].join(','),
    TAKO_AGENT_IMAGE: 'registry.invalid/tako:test',
    TAKO_GATEWAY_PORT: '0',
    TAKO_HTTP_PORT: '0',
    TAKO_LEADER_ELECTION: 'false',
    TAKO_GIT_SCHEMES: 'http',
    TAKO_GIT_TIMEOUT: '5s',
    TAKO_API_QPS: '1000',
    TAKO_API_BURST: '1000',
    ...settings,
  });
  const log: LogLine[] = [];
  const cluster = loadClusterConfig({ kubeconfig: process.env.TAKO_TEST_KUBECONFIG });
  const stopping = new AbortController();
  let killed = false;
  /** Requests that it may still send. */
  let left = Number.POSITIVE_INFINITY;
  const last = Promise.withResolvers<void>();
  const listening = Promise.withResolvers<TestOperator['ports']>();
  const operator = await createOperator({
    config,
    logger: collecting(log),
    cluster: {
      ...cluster,
      authenticate: async () => {
        if (left-- <= 0) {
          killed = true;
          last.resolve();
        }
        if (killed) throw new Error('this operator was killed');
        return await cluster.authenticate();
      },
    },
    drainMs: 5_000,
    onListening: listening.resolve,
  });
  const running = operator.run(stopping.signal);
  running.catch(listening.reject);
  const ports = await listening.promise;
  const kill = async (): Promise<void> => {
    killed = true;
    stopping.abort();
    await running;
  };
  return {
    ports,
    log,
    async stop() {
      stopping.abort();
      await running;
    },
    kill,
    async killAfter(requests) {
      left = requests;
      await last.promise;
      await kill();
    },
  };
}

function collecting(log: LogLine[]): Logger {
  const at = (level: LogLine['level']) => (fields: object, message: string) =>
    void log.push({ level, message, fields: { ...fields } });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
