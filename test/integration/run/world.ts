import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { ANNOTATIONS, API_VERSION } from '../../../src/api/meta.ts';
import { type TakoRepository, type TakoRun, takoRepositories, takoRuns } from '../../../src/api/resources.ts';
import type { TakoRepositorySpec } from '../../../src/api/takorepository.ts';
import type { TakoRunSpec } from '../../../src/api/takorun.ts';
import { type Phase, TERMINAL_PHASES } from '../../../src/api/takorun-status.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { isApiError } from '../../../src/kube/errors.ts';
import { controllerOf, events, type KubeEvent, type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import { isTrue } from '../../fixtures/condition.ts';
import { type GitServer, startGitServer } from '../../fixtures/git-server/git-server.mjs';
import { addCommits, createRepository, type FileDescription } from '../../fixtures/git-server/repositories.mjs';
import { until } from '../../fixtures/until.ts';
import { createNamespace, testClient } from '../fixture.ts';
import { startTestOperator, type TestOperator } from '../test-operator.ts';
import { createKubelet, type Kubelet } from './kubelet.ts';

/** A namespace with the operator in it, and Git repositories beside it. Gone when the test ends. */
export interface World {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Further namespaces that the operator looks after. */
  readonly others: readonly string[];
  readonly git: GitServer;
  readonly kubelet: Kubelet;
  /** The operator that runs now. */
  operator: TestOperator;
  /** Makes the Git repository acme/<name> with this tako.yml, and its TakoRepository. Gives the commit. */
  repository(name: string, file: string | null, options?: RepositoryOptions): Promise<string>;
  /** Commits another tako.yml to acme/<name>, and waits until its TakoRepository shows that commit. */
  push(name: string, file: string): Promise<void>;
  /** Waits until a TakoRepository is ready. */
  ready(name: string, namespace?: string): Promise<void>;
  /** Waits until a TakoRepository is found to be wrong. */
  stalled(name: string): Promise<void>;
  /** Applies a run. */
  run(spec: TakoRunSpec, name?: string): Promise<Live<TakoRun>>;
  /** Changes fields of a run's spec, such as `cancel`. */
  change(run: Live<TakoRun>, spec: Partial<TakoRunSpec>): Promise<void>;
  get(run: { metadata: { name?: string; namespace?: string } }): Promise<Live<TakoRun>>;
  /** The runs that this one started, in all namespaces. */
  children(run: Live<TakoRun>): Promise<Live<TakoRun>[]>;
  /** Waits until a run is in this phase; fails at once when it ends in another one. */
  phase(run: Live<TakoRun>, phase: Phase, timeoutMs?: number): Promise<Live<TakoRun>>;
  /** Waits until the Ready condition of a run has this reason. */
  reason(run: Live<TakoRun>, reason: string, timeoutMs?: number): Promise<Live<TakoRun>>;
  pods(run?: Live<TakoRun>): Promise<Live<Pod>[]>;
  /** Waits for the Pod of a run. */
  pod(run: Live<TakoRun>): Promise<Live<Pod>>;
  /** The events of a run so far. */
  eventsOf(run: Live<TakoRun>): Promise<Live<KubeEvent>[]>;
  /** Waits for an event of a run, whose note holds `text`. */
  event(run: Live<TakoRun>, reason: string, text?: string): Promise<Live<KubeEvent>>;
}

export interface RepositoryOptions {
  /** Of the TakoRepository. Default: that of the World. */
  readonly namespace?: string;
  readonly spec?: Partial<TakoRepositorySpec>;
  readonly files?: Record<string, FileDescription>;
}

export interface WorldOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** Labels of the namespace. */
  readonly labels?: Readonly<Record<string, string>>;
  /** How many further namespaces there are, with the same labels. */
  readonly others?: number;
}

/** Every Pod of these tests has to pass it. */
const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' };

export async function createWorld({
  settings = {},
  labels = RESTRICTED,
  others: count = 0,
}: WorldOptions = {}): Promise<World> {
  const client = testClient();
  const namespace = await createNamespace(client, labels);
  const others = await Promise.all(Array.from({ length: count }, () => createNamespace(client, labels)));
  const root = await mkdtemp(path.join(tmpdir(), 'tako-world-'));
  const git = await startGitServer({ root });
  const world: World = {
    client,
    namespace,
    others,
    git,
    kubelet: createKubelet(client, namespace),
    operator: await startTestOperator({ namespace, others, settings }),
    async repository(name, file, { namespace: home = namespace, spec = {}, files = {} } = {}) {
      const content = file === null ? files : { 'tako.yml': file, ...files };
      const { commits } = await createRepository(path.join(root, `acme/${name}.git`), {
        commits: [{ files: { readme: 'x', ...content } }],
      });
      const object = {
        apiVersion: API_VERSION,
        kind: 'TakoRepository',
        metadata: { name, namespace: home },
        spec: { url: `${git.url}/acme/${name}.git`, ...spec },
      };
      await client.create(takoRepositories, object as TakoRepository);
      return commits[0]!;
    },
    async push(name, file) {
      const directory = path.join(root, `acme/${name}.git`);
      const { commits } = await addCommits(directory, [{ files: { 'tako.yml': file } }]);
      const annotations = { [ANNOTATIONS.reconcileRequestedAt]: commits[0]! };
      await client.mergePatch(takoRepositories, { namespace, name }, { metadata: { annotations } });
      await until(`${name} to show the new commit`, async () => {
        const { status } = await client.get(takoRepositories, { namespace, name });
        return status?.revision === commits[0];
      });
    },
    ready: (name, home = namespace) => repositoryIs('Ready', home, name),
    stalled: name => repositoryIs('Stalled', namespace, name),
    async run(spec, name) {
      const metadata = { namespace, ...(name === undefined ? { generateName: 'run-' } : { name }) };
      return await client.create(takoRuns, { apiVersion: API_VERSION, kind: 'TakoRun', metadata, spec });
    },
    async change({ metadata: { name, namespace: home = namespace } }, spec) {
      await client.mergePatch(takoRuns, { namespace: home, name }, { spec });
    },
    get: ({ metadata: { name, namespace: home = namespace } }) =>
      client.get(takoRuns, { namespace: home, name: name! }),
    async children(run) {
      const lists = await Promise.all([namespace, ...others].map(home => client.list(takoRuns, { namespace: home })));
      return lists.flatMap(({ items }) => items).filter(({ spec }) => spec.parent?.run.uid === run.metadata.uid);
    },
    phase: (run, wanted, timeoutMs) =>
      waitFor(
        run,
        `phase ${wanted}`,
        ({ status }) => {
          const phase = status?.phase;
          if (phase === wanted) return true;
          if (phase !== undefined && TERMINAL_PHASES.has(phase))
            throw new Error(`it ended as ${phase}: ${status?.message}`);
          return false;
        },
        { timeoutMs, lasts: TERMINAL_PHASES.has(wanted) },
      ),
    reason: (run, reason, timeoutMs) =>
      waitFor(
        run,
        `reason ${reason}`,
        ({ status }) => status?.conditions?.find(({ type }) => type === 'Ready')?.reason === reason,
        { timeoutMs, lasts: false },
      ),
    async pods(run) {
      const { items } = await client.list(pods, { namespace: run?.metadata.namespace ?? namespace });
      return run === undefined ? items : items.filter(pod => controllerOf(pod)?.uid === run.metadata.uid);
    },
    async pod(run) {
      let found: Live<Pod> | undefined;
      await until(`a Pod of ${run.metadata.name}`, async () => {
        [found] = await world.pods(run);
        return found !== undefined;
      });
      return found!;
    },
    async eventsOf(run) {
      const { items } = await client.list(events, { namespace: run.metadata.namespace });
      return items.filter(event => event.regarding?.uid === run.metadata.uid);
    },
    async event(run, reason, text = '') {
      let found: Live<KubeEvent> | undefined;
      await until(`the event ${reason} of ${run.metadata.name} with "${text}"`, async () => {
        const told = await world.eventsOf(run);
        found = told.find(event => event.reason === reason && event.note?.includes(text));
        return found !== undefined;
      });
      return found!;
    },
  };

  async function repositoryIs(type: 'Ready' | 'Stalled', home: string, name: string): Promise<void> {
    let last: Live<TakoRepository> | undefined;
    const look = async () => {
      last = await client.get(takoRepositories, { namespace: home, name });
      return isTrue(last, type);
    };
    await until(`${name} to be ${type}`, look).catch((error: Error) => {
      throw new Error(`${error.message}; its status is ${JSON.stringify(last?.status)}`);
    });
  }

  async function waitFor(
    run: Live<TakoRun>,
    what: string,
    condition: (run: Live<TakoRun>) => boolean,
    { timeoutMs, lasts }: { timeoutMs: number | undefined; lasts: boolean },
  ): Promise<Live<TakoRun>> {
    let last = run;
    const look = async () => {
      last = await world.get(run);
      return condition(last);
    };
    await until(`${run.metadata.name}: ${what}`, look, {
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(lasts ? {} : { everyMs: 20 }),
    }).catch((error: Error) => {
      throw new Error(`${error.message}; its status is ${JSON.stringify(last.status)}`);
    });
    return last;
  }

  onTestFinished(async () => {
    await world.operator.stop();
    await client.close();
    await git.close();
    await rm(root, { recursive: true, force: true });
  });
  return world;
}

/** Whether an object is gone: `await gone(client.get(...))`. */
export async function gone(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return false;
  } catch (error) {
    if (isApiError(error, 'notFound')) return true;
    throw error;
  }
}
