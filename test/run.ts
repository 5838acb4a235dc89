import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { type Cluster, startCluster, stopCluster } from './cluster/cluster.ts';
import { requireTools } from './cluster/requirements.ts';
import { stages } from './fixtures/kwok/stages.ts';

/**
 * Runs the tests: `npm test` the quick ones, `npm run test:full` the others, and `-- --only integration fanout` of both those of one part
 * whose file name holds "fanout". Clusters are started as needed and removed afterwards, also when a test fails or the run is interrupted.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true },
    /** Those that `npm test` leaves out, and no others. */
    full: { type: 'boolean', default: false },
    /** Leave the cluster running, to look at what a test left. */
    keep: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: false },
  },
});

const everything = values.only === undefined && positionals.length === 0 && !values.full;
/** Coverage is measured over what `npm test` runs. */
const tests = values.full ? 'full' : everything || values.coverage ? 'quick' : 'all';
const wants = (part: string): boolean => values.only?.includes(part) ?? true;
const clusters: string[] = [];
const log = (line: string): void => console.error(line);
let failed = false;

let running: ChildProcess | undefined;
let tornDown: Promise<void> | undefined;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // Or it would go on without its cluster: a terminal signals it as well, others do not.
    running?.kill(signal);
    void tearDown().then(() => process.exit(130));
  });
}

try {
  if (everything) {
    await step('format, lint and unused code', ['npm', 'run', '--silent', 'lint']);
    await step('types', ['npm', 'run', '--silent', 'typecheck']);
  }
  await requireTools('tests', log);
  if (wants('unit') || wants('integration')) await part(unitAndIntegration);
  if (everything) await part(() => step('coverage', ['npm', 'run', '--silent', 'coverage:check']));
  if (wants('e2e')) await part(endToEnd);
} catch (error) {
  report(error);
} finally {
  await tearDown();
}
process.exit(failed ? 1 : 0);

/** One that fails does not keep the next one from running: a run of everything takes long, and is to tell all that it finds. */
async function part(run: () => Promise<void>): Promise<void> {
  // It was interrupted.
  if (tornDown !== undefined) return;
  await run().catch(report);
}

function report(error: unknown): void {
  failed = true;
  console.error(error instanceof Error ? error.message : error);
}

async function unitAndIntegration(): Promise<void> {
  const projects = ['unit', 'integration'].filter(wants);
  const cluster = projects.includes('integration') ? await up('it', false) : undefined;
  const measured = everything || values.coverage;
  if (measured) process.env.TAKO_PROPERTY_SEED = '1';
  await vitest(projects, cluster, measured ? ['--coverage'] : []);
}

async function endToEnd(): Promise<void> {
  await vitest(['e2e', 'e2e-alone'], await up('e2e', true), []);
}

async function vitest(
  projects: readonly string[],
  cluster: Cluster | undefined,
  options: readonly string[],
): Promise<void> {
  const command = [
    ...(cluster?.enter ?? []),
    'vitest',
    'run',
    ...projects.flatMap(project => ['--project', project]),
    ...reporters(projects),
    ...options,
    ...positionals,
    ...(positionals.length > 0 || values.full ? ['--passWithNoTests'] : []),
  ];
  await step(`tests: ${projects.join(' and ')}`, command, {
    TAKO_TESTS: tests,
    ...cluster?.environment,
    ...(cluster === undefined ? {} : { TAKO_TEST_KUBECONFIG: cluster.kubeconfigPath, TAKO_TEST_CLUSTER: cluster.name }),
  });
}

/** For .ci/run, which adds the numbers up. */
function reporters(projects: readonly string[]): string[] {
  const directory = process.env.TAKO_TEST_REPORTS;
  if (directory === undefined) return [];
  return [
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${directory}/${tests}-${projects.join('-')}.json`,
  ];
}

async function up(kind: string, kubelet: boolean): Promise<Cluster> {
  const name = `${kind}-${process.pid}`;
  clusters.push(name);
  return startCluster({ name, kubelet, ...(kubelet ? {} : { stages }), ephemeral: !values.keep, log });
}

/** Once, whoever asks: a signal, and then the end of what it has interrupted. */
function tearDown(): Promise<void> {
  tornDown ??= removeClusters();
  return tornDown;
}

async function removeClusters(): Promise<void> {
  for (const name of clusters) {
    if (values.keep) log(`the cluster ${name} is still up: npm run cluster -- down --name ${name}`);
    else await stopCluster(name, log);
  }
}

async function step(
  what: string,
  [program, ...args]: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  console.error(`\n== ${what}`);
  running = spawn(program!, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
  const [code, signal] = (await once(running, 'exit')) as [number | null, string | null];
  if (code !== 0) throw new Error(`${what}: failed${signal === null ? '' : ` (${signal})`}`);
}
