import type { CacheOptions } from '../controllers/cache/claim.ts';
import { createCacheVolumes } from '../controllers/cache/volumes.ts';
import { createCleanupController } from '../controllers/cleanup/cleanup.ts';
import { createBreakers } from '../controllers/repository/breakers.ts';
import { createRepositoryReader } from '../controllers/repository/reader.ts';
import { createRepositoryReconciler } from '../controllers/repository/reconciler.ts';
import { createAdmission } from '../controllers/run/admission.ts';
import { createEarlyResults } from '../controllers/run/early-results.ts';
import { DEFAULT_RUN_OPTIONS, type RunOptions } from '../controllers/run/options.ts';
import { createRunReconciler } from '../controllers/run/reconciler.ts';
import { createTakoRunRunner } from '../controllers/run/runner.ts';
import { createEvaluator } from '../evaluator/evaluator.ts';
import type { BreakerPolicy } from '../fanout/breaker.ts';
import { createAuthenticator } from '../gateway/authenticate.ts';
import { createCertificateSource } from '../gateway/certificate-source.ts';
import { secretCertificateStore } from '../gateway/certificate-store.ts';
import { createGateway } from '../gateway/server.ts';
import { createKubeClient } from '../kube/client.ts';
import { systemClock } from '../kube/clock.ts';
import { type ClusterConfig, loadClusterConfig } from '../kube/config.ts';
import { createController } from '../kube/controller.ts';
import { createEventRecorder } from '../kube/events.ts';
import type { Logger } from '../kube/logger.ts';
import { createManager, type ManagerOutcome } from '../kube/manager.ts';
import { namespaces } from '../kube/objects.ts';
import { createCacheLockKeeper } from './cache-lock-keeper.ts';
import type { Config } from './config.ts';
import { createGatewayRuns } from './gateway-runs.ts';
import { startProbeServer } from './http.ts';
import { createMetrics } from './metrics.ts';
import { observeQueue } from './queue-metrics.ts';
import { createSecretReader } from './secrets.ts';
import { createReflectors, createStores, repositoriesBySlug, runSources, subscriberIndex } from './stores.ts';

export interface OperatorOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Time to end in good order, milliseconds. Default 27,000. */
  readonly drainMs?: number;
  /** How to reach the API server. Default: by KUBECONFIG, or by the Pod's service account. */
  readonly cluster?: ClusterConfig;
  /** Called when gateway and probes listen: on the ports of the configuration, or on free ones where it says 0. */
  readonly onListening?: (ports: { readonly gateway: number; readonly http: number }) => void;
}

export interface Operator {
  /** Runs until the signal is aborted or leadership is lost. */
  run(signal: AbortSignal): Promise<ManagerOutcome>;
}

/** Name of the Secret with the gateway's certificates, in the operator's namespace. */
const CERTIFICATE_SECRET = 'tako-gateway-tls';
/** Name of the Lease that replicas compete for. */
const LEASE_NAME = 'tako-operator';

/** Puts the parts together. What they are is in their own folders; nothing is decided here. */
export async function createOperator(options: OperatorOptions): Promise<Operator> {
  const { config, logger, drainMs = 27_000, onListening = () => {} } = options;
  const clock = systemClock;
  const metrics = createMetrics();
  const cluster = options.cluster ?? loadClusterConfig();
  const client = createKubeClient(cluster, {
    qps: config.TAKO_API_QPS,
    burst: config.TAKO_API_BURST,
    userAgent: 'tako-operator',
    metrics: metrics.kube,
  });
  const lockClient = createKubeClient(cluster, {
    qps: config.TAKO_LOCK_QPS,
    burst: config.TAKO_LOCK_BURST,
    userAgent: 'tako-operator-locks',
    metrics: metrics.kube,
  });
  const recorder = createEventRecorder({
    client,
    reportingController: 'tako.dev/operator',
    reportingInstance: config.POD_NAME,
    logger,
    metrics: metrics.kube,
  });
  const stores = createStores(logger);
  const cache = cacheOptions(config);
  const reflectors = createReflectors({
    client,
    stores,
    logger,
    metrics: metrics.kube,
    namespaces: config.TAKO_WATCH_NAMESPACES,
    cache: cache !== undefined,
  });
  const evaluator = createEvaluator({});
  const subscribers = subscriberIndex(stores.repositories);
  const secrets = createSecretReader(client);
  const certificates = createCertificateSource({
    store: secretCertificateStore(client, { namespace: config.POD_NAMESPACE, name: CERTIFICATE_SECRET }),
    dnsNames: gatewayNames(config),
    logger,
  });
  const reader = createRepositoryReader({
    policy: gitPolicy(config),
    timeoutMs: config.TAKO_GIT_TIMEOUT,
  });

  const admission = createAdmission({
    limits: {
      operator: limit(config.TAKO_CONCURRENCY),
      namespace: limit(config.TAKO_NAMESPACE_CONCURRENCY),
      waitingShare: config.TAKO_WAITING_PODS_SHARE,
      waitingMin: config.TAKO_WAITING_PODS_MIN,
    },
    wake: key => runController.enqueue(key),
    clock,
  });
  observeQueue(metrics.registry, admission, clock);
  const breakers = createBreakers({ ...stores, policy: breakerPolicy(config) });
  metrics.countBreakers(() => breakers.count(clock.now().getTime()));

  const earlyResults = createEarlyResults({
    ...stores,
    now: () => clock.now().getTime(),
    metrics: metrics.earlyResults,
  });
  const runController = createController({
    name: 'takorun',
    workers: config.TAKO_RUN_WORKERS,
    logger,
    clock,
    sources: [...runSources(stores), earlyResults.source],
    metrics: metrics.kube,
    reconcile: createRunReconciler({
      ...stores,
      client,
      recorder,
      clock,
      logger,
      runner: createTakoRunRunner(client),
      admission,
      earlyResults,
      options: runOptions(config),
      cache:
        cache &&
        createCacheVolumes({
          client,
          claims: stores.claims,
          recorder,
          clock,
          logger,
          options: cache,
          startTimeoutMs: config.TAKO_START_TIMEOUT,
        }),
      breakers,
      prepare: { reader, secrets },
      expand: {
        repositoriesBySlug: (namespace, slug) => repositoriesBySlug(stores.repositories, namespace, slug),
        subscribers,
        evaluator,
        emitter: async name => {
          const found = await client.get(namespaces, { name });
          return { name, labels: found.metadata.labels ?? {} };
        },
      },
      gatewayCa: () => certificates.current().ca,
    }),
  });
  const repositoryReconciler = createRepositoryReconciler({
    client,
    recorder,
    clock,
    logger,
    repositories: stores.repositories,
    reader,
    secrets,
    breakers,
  });
  const repositoryController = createController({
    name: 'takorepository',
    workers: config.TAKO_REPOSITORY_WORKERS,
    logger,
    clock,
    sources: [repositoryReconciler.source, breakers.source],
    metrics: metrics.kube,
    reconcile: repositoryReconciler.reconcile,
  });

  const cleanupController = createCleanupController({
    ...stores,
    client,
    recorder,
    clock,
    logger,
    namespaces: config.TAKO_WATCH_NAMESPACES,
    intervalMs: config.TAKO_CLEANUP_INTERVAL,
    metrics: metrics.cleanup,
    kubeMetrics: metrics.kube,
  });

  const gateway = createGateway({
    certificates,
    authenticate: createAuthenticator({
      fetchJwks: signal => client.raw('/openid/v1/jwks', { signal }),
      fetchConfiguration: signal => client.raw('/.well-known/openid-configuration', { signal }),
    }),
    earlyResults,
    runs: createGatewayRuns({ client, ...stores, defaultTimeoutMs: config.TAKO_DEFAULT_TIMEOUT }),
    locks: createCacheLockKeeper({
      ...stores,
      client: lockClient,
      qps: config.TAKO_LOCK_QPS,
      burst: config.TAKO_LOCK_BURST,
      clock,
      metrics: metrics.locks,
      logger,
    }),
    cacheMetrics: metrics.cache,
    logger,
  });
  const manager = createManager({
    reflectors,
    controllers: [
      runController,
      repositoryController,
      ...(config.TAKO_CLEANUP_INTERVAL === 0 ? [] : [cleanupController]),
    ],
    recorder,
    drainMs,
    logger,
    ...(config.TAKO_LEADER_ELECTION
      ? {
          election: {
            client,
            namespace: config.POD_NAMESPACE,
            name: LEASE_NAME,
            identity: `${config.POD_NAME}_${crypto.randomUUID()}`,
            metrics: metrics.kube,
          },
        }
      : {}),
  });

  return {
    async run(signal) {
      let serving = false;
      const probes = await startProbeServer({
        port: config.TAKO_HTTP_PORT,
        registry: metrics.registry,
        notReady: () => {
          if (!manager.isSynced()) return 'the stores are not filled yet';
          return serving ? undefined : 'the gateway does not listen yet';
        },
      });
      try {
        await certificates.ensure(signal);
        void certificates.run(signal);
        const { port } = await gateway.listen({ port: config.TAKO_GATEWAY_PORT });
        serving = true;
        logger.info({ gateway: port, http: probes.port }, 'listening');
        onListening({ gateway: port, http: probes.port });
        return await manager.run(signal);
      } finally {
        await gateway.close();
        await evaluator.close();
        await probes.close();
        await lockClient.close();
        await client.close();
      }
    },
  };
}

function gatewayNames({ TAKO_GATEWAY_SERVICE: service, POD_NAMESPACE: namespace }: Config): string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`, `${service}.${namespace}`];
}

function gitPolicy(config: Config) {
  return {
    schemes: config.TAKO_GIT_SCHEMES,
    ...(config.TAKO_GIT_HOSTS.length === 0 ? {} : { hosts: config.TAKO_GIT_HOSTS }),
    ...(config.TAKO_GIT_FILE_ROOT === '' ? {} : { fileRoot: config.TAKO_GIT_FILE_ROOT }),
  };
}

/** A setting whose 0 is no limit. */
function limit(setting: number): number {
  return setting === 0 ? Number.POSITIVE_INFINITY : setting;
}

function breakerPolicy(config: Config): BreakerPolicy {
  return {
    failures: config.TAKO_BREAKER_FAILURES,
    openMs: config.TAKO_BREAKER_OPEN,
    trials: config.TAKO_BREAKER_TRIALS,
  };
}

/** undefined: there is no cache. */
function cacheOptions(config: Config): CacheOptions | undefined {
  if (config.TAKO_CACHE_SIZE === '') return undefined;
  return {
    size: config.TAKO_CACHE_SIZE,
    storageClass: config.TAKO_CACHE_STORAGE_CLASS,
    accessMode: config.TAKO_CACHE_ACCESS_MODE,
    maxAgeMs: config.TAKO_CACHE_MAX_AGE,
    lockMs: config.TAKO_LOCK_DURATION,
  };
}

function runOptions(config: Config): RunOptions {
  return {
    ...DEFAULT_RUN_OPTIONS,
    agentImage: config.TAKO_AGENT_IMAGE,
    stepImage: config.TAKO_STEP_IMAGE,
    gatewayUrl: `https://${gatewayNames(config)[0]}:${config.TAKO_GATEWAY_PORT}`,
    defaultTimeoutMs: config.TAKO_DEFAULT_TIMEOUT,
    repositoryTimeoutMs: config.TAKO_REPOSITORY_TIMEOUT,
    startTimeoutMs: config.TAKO_START_TIMEOUT,
    gitTimeoutMs: config.TAKO_AGENT_GIT_TIMEOUT,
    checkoutEntries: config.TAKO_CHECKOUT_MAX_ENTRIES,
    podRetentionMs: config.TAKO_POD_RETENTION,
    retainedPerNamespace: config.TAKO_RETAINED_PER_NAMESPACE,
    childrenTtlMs: config.TAKO_CHILDREN_TTL,
    treeBudget: config.TAKO_TREE_BUDGET,
    repositoryConcurrency: limit(config.TAKO_REPOSITORY_CONCURRENCY),
  };
}
