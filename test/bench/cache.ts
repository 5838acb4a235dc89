import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { cachedCheckout } from '../../src/cache/checkout.ts';
import { createKeeperLocks } from '../../src/cache/testing/keeper-locks.ts';
import { parseGitUrl } from '../../src/git/url.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadClusterConfig } from '../../src/kube/config.ts';
import { namespaces } from '../../src/kube/objects.ts';
import { createLockKeeper } from '../../src/locks/keeper.ts';
import { startGitServer } from '../fixtures/git-server/git-server.mjs';
import { createLargeRepository } from './large-repository.ts';
import { mean, wallTime } from './numbers.ts';

/**
 * What a checkout costs with a cold cache, with a warm one, and what `git clone` costs: a repository of 200 MB of packed history with a tree of
 * 10 MB, from a Git server over HTTP on the loopback. The locks are Leases of a real API server, by the keeper that the gateway has.
 */
interface CacheBench {
  /** Seconds for one checkout: the first, the mean of the others, and the mean of some clones. */
  readonly coldSeconds: number;
  readonly warmSeconds: number;
  readonly cloneSeconds: number;
}

const CHECKOUTS = 50;
const CLONES = 3;
/** How much faster a warm checkout has to be than a clone. */
const WARM_RATIO = 5;
const NAMESPACE = 'bench';
const LIMITS = { maxBytes: 1024 ** 3, maxAgeSeconds: 3_600 };
const log = (line: string): void => console.error(line);

const client = createKubeClient(loadClusterConfig(), { qps: 1_000, burst: 1_000 });
await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
const keeper = createLockKeeper({ client, isGone: async () => false });
const directory = await mkdtemp(path.join(tmpdir(), 'tako-bench-cache-'));
const server = await startGitServer({ root: path.join(directory, 'served') });
try {
  const repository = path.join(directory, 'served/acme/large.git');
  const { commit, packedBytes, treeBytes } = await createLargeRepository(repository);
  log(`a repository of ${mib(packedBytes)} MiB with a tree of ${mib(treeBytes)} MiB`);
  const url = parseGitUrl(`${server.url}/acme/large.git`);

  const clones: number[] = [];
  const checkouts: number[] = [];
  for (let round = 0; round < CHECKOUTS; round++) {
    checkouts.push(await inFresh(place => checkOut(place)));
    // Among the checkouts, so that a noisy minute hits both.
    if (round % Math.ceil(CHECKOUTS / CLONES) === 0) {
      clones.push(await inFresh(place => promisify(execFile)('git', ['clone', '--quiet', url.href, `${place}/clone`])));
      log(`clone ${clones.length}: ${clones.at(-1)} s`);
    }
  }
  const [cold, ...warm] = checkouts;
  log(`cold ${cold} s; warm ${Math.min(...warm)} to ${Math.max(...warm)} s`);
  const result: CacheBench = { coldSeconds: cold!, warmSeconds: mean(warm), cloneSeconds: mean(clones) };
  console.log(JSON.stringify(result));
  const ratio = result.cloneSeconds / result.warmSeconds;
  log(`a warm checkout is ${ratio.toFixed(1)} times faster than a clone`);
  if (!(ratio >= WARM_RATIO)) {
    log(`missed: it has to be ${WARM_RATIO} times faster`);
    process.exitCode = 1;
  }

  async function checkOut(place: string): Promise<void> {
    const workTree = path.join(place, 'workspace');
    await mkdir(workTree);
    const owner = { run: 'bench', runUid: 'bench', pod: 'bench', podUid: '' };
    const { use } = await cachedCheckout({
      url,
      commit,
      workTree,
      gitDirectory: path.join(place, 'git'),
      timeoutMs: 100_000,
      cache: {
        root: path.join(directory, 'cache'),
        limits: LIMITS,
        locks: createKeeperLocks(keeper, NAMESPACE, owner),
        log: (message, fields) => log(`${message} ${JSON.stringify(fields)}`),
      },
    });
    const expected = checkouts.length === 0 ? 'miss' : 'hit';
    if (use.result !== expected) throw new Error(`checkout ${checkouts.length} was a ${use.result}, not a ${expected}`);
    await stat(path.join(workTree, 'file-0'));
  }
} finally {
  await server.close();
  await client.close();
  await rm(directory, { recursive: true, force: true });
}

/** Seconds that `work` takes in a directory of its own, which is removed afterwards. */
async function inFresh(work: (place: string) => Promise<unknown>): Promise<number> {
  const place = await mkdtemp(path.join(directory, 'run-'));
  try {
    return await wallTime(() => work(place));
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}
