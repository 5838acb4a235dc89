import { parseArgs } from 'node:util';
import { done, notYet, waitFor } from '../cluster/wait.ts';
import { openCluster } from './cluster.ts';
import {
  applyManifests,
  gitServerManifests,
  installOperator,
  DEMO_NAMESPACE as NAMESPACE,
  restrictedNamespace,
} from './install.ts';
import { createProgress } from './progress.ts';
import { reportLines } from './report.ts';
import { CORE_LIB_TAG, demoRepositories, REPOSITORIES } from './repositories.ts';
import { buildTree, isFinished, type LiveRun, renderTree } from './tree.ts';

/**
 * `npm start`: the whole of Tako on a real cluster. `--fail` breaks app-two's test, `--json` prints one line for programs.
 * Exit code 0 when the tree succeeded, 1 when it did not, 2 when the demo itself could not be run.
 */
const { values } = parseArgs({
  options: { fail: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});

const DEADLINE_MS = 300_000;
const progress = createProgress(process.stderr);

try {
  process.exitCode = await demo();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

async function demo(): Promise<number> {
  const cluster = await openCluster(line => progress.say(line));
  progress.say('installing the operator from manifests/');
  await installOperator(cluster, {
    image: cluster.image,
    environment: { TAKO_GIT_SCHEMES: 'https,ssh,http' },
  });

  progress.say(`creating ${REPOSITORIES.length} Git repositories and a server for them in the cluster`);
  const archive = await demoRepositories({ fail: values.fail });
  await applyManifests(cluster, [
    restrictedNamespace(NAMESPACE),
    ...gitServerManifests({ namespace: NAMESPACE, image: cluster.image, archive }),
  ]);
  await cluster.kubectl([`--namespace=${NAMESPACE}`, 'rollout', 'status', 'deployment/git-server', '--timeout=120s']);

  progress.say('applying the TakoRepositories');
  await applyRepositories(cluster);

  const name = `release-${Date.now().toString(36)}`;
  progress.say(`applying TakoRun ${NAMESPACE}/${name}: core-lib release`);
  await applyManifests(cluster, [
    {
      apiVersion: 'tako.dev/v1alpha1',
      kind: 'TakoRun',
      metadata: { name, namespace: NAMESPACE },
      spec: { workflow: { repositoryRef: { name: 'core-lib' }, name: 'release' } },
    },
  ]);
  const runs = await follow(cluster, name);
  const root = runs.find(run => run.metadata.name === name)!;
  if (!values.fail || root.status?.phase === 'Succeeded') await checkVersion(cluster, runs);
  report(cluster, root, runs);
  return root.status?.phase === 'Succeeded' ? 0 : 1;
}

type DemoCluster = Awaited<ReturnType<typeof openCluster>>;

async function applyRepositories(cluster: DemoCluster): Promise<void> {
  const requestedAt = new Date().toISOString();
  await applyManifests(
    cluster,
    REPOSITORIES.map(name => ({
      apiVersion: 'tako.dev/v1alpha1',
      kind: 'TakoRepository',
      metadata: {
        name,
        namespace: NAMESPACE,
        annotations: { 'reconcile.tako.dev/requestedAt': requestedAt },
      },
      spec: { url: `http://git-server.${NAMESPACE}.svc/acme/${name}.git` },
    })),
  );
  await cluster.kubectl([
    `--namespace=${NAMESPACE}`,
    'wait',
    `--for=jsonpath={.status.lastHandledReconcileAt}=${requestedAt}`,
    '--timeout=120s',
    ...REPOSITORIES.map(name => `takorepository/${name}`),
  ]);
  await cluster.kubectl([
    `--namespace=${NAMESPACE}`,
    'wait',
    '--for=condition=Ready',
    '--timeout=60s',
    ...REPOSITORIES.map(name => `takorepository/${name}`),
  ]);
}

/** Shows the tree until the run has ended; gives all runs of its tree. */
async function follow(cluster: DemoCluster, name: string): Promise<LiveRun[]> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const list = JSON.parse(await cluster.kubectl([`--namespace=${NAMESPACE}`, 'get', 'takoruns', '--output=json']));
    const runs = list.items as LiveRun[];
    const root = runs.find(run => run.metadata.name === name);
    if (root !== undefined) progress.tree(renderTree(buildTree(root, runs, Date.now())));
    if (isFinished(root)) return runs;
    if (performance.now() > deadline) {
      throw new Error(
        `the run did not end within ${DEADLINE_MS / 1_000} s: look at it with ${cluster.kubectlCommand} -n ${NAMESPACE} describe takorun ${name}`,
      );
    }
    await new Promise(resolve => setTimeout(resolve, 500));
  }
}

/** The version went from core-lib's Git tag through two events into the Pod of `deploy`: its log must say so. */
async function checkVersion(cluster: DemoCluster, runs: readonly LiveRun[]): Promise<void> {
  const newest = runs
    .filter(run => run.spec.workflow?.repositoryRef.name === 'deploy')
    .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? 1 : -1))[0];
  const pod = newest?.status?.attempts?.at(-1)?.podName;
  if (pod === undefined) throw new Error('there is no Pod of deploy');
  const expected = `deploying app-one with core-lib ${CORE_LIB_TAG.slice(1)}`;
  await waitFor(`the log of ${pod} to say "${expected}"`, async () => {
    try {
      const log = await cluster.kubectl([`--namespace=${NAMESPACE}`, 'logs', pod, '--container=step-0']);
      return log.includes(expected) ? done(undefined) : notYet(`it says: ${log}`);
    } catch (error) {
      // A run hears of its success before the kubelet reports its containers, and before the last of their output is in the log.
      if (String(error).includes('is waiting to start')) return notYet(String(error));
      throw error;
    }
  });
  progress.say(`the log of ${pod} says: ${expected}`);
}

function report(cluster: DemoCluster, root: LiveRun, runs: readonly LiveRun[]): void {
  if (values.json) {
    const { phase, runId, childrenSummary, treeSummary, detailedErrors = [] } = root.status ?? {};
    const errors = detailedErrors.map(({ repository, errorType, errorMessage }) => ({
      repository,
      errorType,
      message: errorMessage,
    }));
    const tree = buildTree(root, runs, Date.now());
    console.log(JSON.stringify({ phase, runId, childrenSummary, treeSummary, errors, tree: [tree] }));
    return;
  }
  const kubectl = `${cluster.kubectlCommand} -n ${NAMESPACE}`;
  console.log(reportLines(root, runs, { fail: values.fail, kubectl, now: Date.now() }).join('\n'));
}
