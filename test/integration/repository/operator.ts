import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { API_VERSION } from '../../../src/api/meta.ts';
import { type TakoRepository, takoRepositories } from '../../../src/api/resources.ts';
import type { TakoRepositorySpec } from '../../../src/api/takorepository.ts';
import { createRepositoryReader } from '../../../src/controllers/repository/reader.ts';
import { createRepositoryReconciler } from '../../../src/controllers/repository/reconciler.ts';
import { breakerWorld } from '../../../src/controllers/repository/testing/breakers.ts';
import type { LiveRepository } from '../../../src/controllers/run/observed.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { createController } from '../../../src/kube/controller.ts';
import { createEventRecorder } from '../../../src/kube/events.ts';
import { silentLogger } from '../../../src/kube/logger.ts';
import { createManager } from '../../../src/kube/manager.ts';
import { events, type KubeEvent, type Live, secrets } from '../../../src/kube/objects.ts';
import { createReflector } from '../../../src/kube/reflector.ts';
import { createStore } from '../../../src/kube/store.ts';
import { createSecretReader } from '../../../src/operator/secrets.ts';
import { type GitServer, startGitServer } from '../../fixtures/git-server/git-server.mjs';
import { addCommits, type CommitDescription, createRepository } from '../../fixtures/git-server/repositories.mjs';
import { until } from '../../fixtures/until.ts';
import { createNamespace, testClient } from '../fixture.ts';

/** The repository controller by itself, on the real API server, in a namespace of its own, with a Git server beside it. */
export interface RepositoryOperator {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly server: GitServer;
  /** Makes a Git repository `acme/<name>.git` and gives its URL. */
  git(name: string, commits: CommitDescription[]): Promise<string>;
  /** Adds a commit and gives its name. */
  push(name: string, commit: CommitDescription): Promise<string>;
  create(name: string, spec: Partial<TakoRepositorySpec> & { url: string }): Promise<void>;
  change(name: string, patch: object): Promise<void>;
  get(name: string): Promise<Live<TakoRepository>>;
  /** Waits for a condition, written as `Ready=True Succeeded`, and gives the object. */
  waitFor(name: string, condition: string): Promise<Live<TakoRepository>>;
  /** Waits for an event of a repository with this reason. */
  waitForEvent(name: string, reason: string): Promise<Live<KubeEvent>>;
  secret(name: string, values: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
}

export async function startRepositoryOperator({ gitTimeoutMs = 20_000 } = {}): Promise<RepositoryOperator> {
  const client = testClient();
  const namespace = await createNamespace(client);
  const root = await mkdtemp(path.join(os.tmpdir(), 'tako-repositories-'));
  const server = await startGitServer({ root });
  const store = createStore<LiveRepository>();
  const recorder = createEventRecorder({
    client,
    reportingController: 'tako.dev/operator',
    reportingInstance: 'test',
  });
  const reconciler = createRepositoryReconciler({
    client,
    recorder,
    repositories: store,
    reader: createRepositoryReader({ policy: { schemes: ['http', 'https'] }, timeoutMs: gitTimeoutMs }),
    secrets: createSecretReader(client),
    breakers: breakerWorld().breakers,
    clock: systemClock,
    logger: silentLogger,
  });
  const manager = createManager({
    reflectors: [createReflector({ client, type: takoRepositories, store, namespace })],
    controllers: [
      createController({
        name: 'takorepository',
        workers: 4,
        sources: [reconciler.source],
        reconcile: reconciler.reconcile,
      }),
    ],
    recorder,
  });
  const stopping = new AbortController();
  const running = manager.run(stopping.signal);
  const directory = (name: string) => path.join(root, `acme/${name}.git`);
  const get = (name: string) => client.get(takoRepositories, { namespace, name });

  return {
    client,
    namespace,
    server,
    async git(name, commits) {
      await createRepository(directory(name), { commits });
      return `${server.url}/acme/${name}.git`;
    },
    async push(name, commit) {
      const { commits } = await addCommits(directory(name), [commit]);
      return commits[0] ?? '';
    },
    async create(name, spec) {
      const object = { apiVersion: API_VERSION, kind: 'TakoRepository', metadata: { name, namespace }, spec };
      await client.create(takoRepositories, object as TakoRepository);
    },
    async change(name, patch) {
      await client.mergePatch(takoRepositories, { namespace, name }, patch);
    },
    get,
    async waitFor(name, condition) {
      let last = await get(name);
      const shown = () =>
        (last.status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`);
      await until(`${name}: ${condition}`, async () => {
        last = await get(name);
        return last.status?.observedGeneration === last.metadata.generation && shown().includes(condition);
      }).catch((error: Error) => {
        throw new Error(`${error.message}; it is ${JSON.stringify(last.status?.conditions)}`);
      });
      return last;
    },
    async waitForEvent(name, reason) {
      let found: Live<KubeEvent> | undefined;
      await until(`the event ${reason} of ${name}`, async () => {
        const { items } = await client.list(events, { namespace });
        found = items.find(event => event.reason === reason && event.regarding?.name === name);
        return found !== undefined;
      });
      return found!;
    },
    async secret(name, values) {
      await client.applyServerSide(
        secrets,
        { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: values },
        { fieldManager: 'tako-tests', force: true },
      );
    },
    async stop() {
      stopping.abort();
      await running;
      await client.close();
      await server.close();
      await rm(root, { recursive: true });
    },
  };
}
