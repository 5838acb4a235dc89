import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type GitServer, startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import { type CommitDescription, createRepository } from '../../test/fixtures/git-server/repositories.mjs';
import { parseGitUrl } from '../git/url.ts';
import { type CachedCheckout, type CachedCheckoutRequest, cachedCheckout } from './checkout.ts';
import { entryDirectory } from './layout.ts';
import { createMemoryLocks, type MemoryLocks } from './testing/memory-locks.ts';
import { verifyGeneration } from './verify.ts';

const LIMITS = { maxBytes: 1024 ** 3, maxAgeSeconds: 3600 };

let server: GitServer;
let served: string;
let base: string;
let root: string;
let locks: MemoryLocks;
let logged: string[];

beforeAll(async () => {
  served = await mkdtemp(path.join(os.tmpdir(), 'tako-cache-served-'));
  server = await startGitServer({ root: served });
});
afterAll(async () => {
  await server.close();
  await rm(served, { recursive: true });
});
beforeEach(async () => {
  base = await mkdtemp(path.join(os.tmpdir(), 'tako-cache-'));
  root = path.join(base, 'cache');
  await mkdir(root);
  locks = createMemoryLocks();
  logged = [];
  server.requests.length = 0;
});
afterEach(async () => {
  server.setFault(undefined);
  server.setCredentials(undefined);
  await rm(base, { recursive: true, force: true });
});

let counter = 0;
interface Repository {
  readonly url: string;
  readonly commits: readonly string[];
}
async function repository(commits: CommitDescription[]): Promise<Repository> {
  const name = `acme/r${counter++}.git`;
  const created = await createRepository(path.join(served, name), { commits });
  return { url: `${server.url}/${name}`, commits: created.commits };
}

interface Run extends CachedCheckout {
  readonly workTree: string;
  readonly gitDirectory: string;
}
let runs = 0;
async function run(of: Repository, commit: number, more: Partial<CachedCheckoutRequest> = {}): Promise<Run> {
  const place = path.join(base, `run-${runs++}`);
  const workTree = path.join(place, 'workspace');
  const gitDirectory = path.join(place, 'state/git');
  await mkdir(workTree, { recursive: true });
  const result = await cachedCheckout({
    url: parseGitUrl(of.url),
    commit: of.commits[commit] ?? '',
    gitDirectory,
    workTree,
    timeoutMs: 60_000,
    cache: { root, limits: LIMITS, locks, log: message => logged.push(message) },
    ...more,
  });
  return { ...result, workTree, gitDirectory };
}

const entryOf = (of: Repository) => entryDirectory(root, parseGitUrl(of.url));

describe('a checkout by way of the cache', () => {
  test('given a cold cache, then the commit is fetched, published and checked out', async () => {
    const of = await repository([{ files: { a: '1' }, tags: ['v1'] }]);

    const { use, description, workTree } = await run(of, 0);

    expect(use.result).toBe('miss');
    expect(use.fetchedBytes).toBeGreaterThan(0);
    expect(description).toEqual({ tag: 'v1', commitsSinceTag: 0, describe: 'v1' });
    expect(await readdir(workTree)).toEqual(['a']);
    expect(locks.published(of.url)).toMatchObject({ fence: 1, commits: of.commits });
    expect((await readdir(entryOf(of))).sort()).toEqual(['gen-1', 'url', 'used']);
    expect(locks.holders).toEqual([]);
    expect(logged).toEqual([]);
    expect(await verifyGeneration(`${entryOf(of)}/gen-1`, { url: of.url, fence: 1 })).toEqual([]);
  });

  test('given the commit in the cache, then only the list of tags is asked for', async () => {
    const of = await repository([{ files: { a: '1' }, tags: ['v1'] }]);
    await run(of, 0);
    server.requests.length = 0;

    const { use, description, workTree } = await run(of, 0);

    expect(use).toEqual({ result: 'hit', fetchedBytes: 0 });
    expect(description).toMatchObject({ tag: 'v1' });
    expect(await readFile(path.join(workTree, 'a'), 'utf8')).toBe('1');
    expect(server.requests).toHaveLength(2);
    expect(locks.holders).toEqual([]);
  });

  test('given a later commit, then it comes on top of what is there, and the generation before is gone', async () => {
    const of = await repository([{ files: { a: '1' } }, { files: { b: '2' } }]);
    await run(of, 0);

    const { use, workTree } = await run(of, 1);

    expect(use.result).toBe('miss');
    expect((await readdir(workTree)).sort()).toEqual(['a', 'b']);
    expect(locks.published(of.url)).toMatchObject({ fence: 2, commits: of.commits });
    expect((await readdir(entryOf(of))).sort()).toEqual(['gen-2', 'url', 'used']);
    expect((await run(of, 0)).use.result).toBe('hit');
  });

  test('given twenty runs at once, then one of them fetches', async () => {
    const of = await repository([{ files: { a: '1' } }]);

    const all = await Promise.all(Array.from({ length: 20 }, () => run(of, 0)));

    expect(all.map(({ use }) => use.result).sort()).toEqual([...Array(19).fill('hit'), 'miss']);
    for (const { workTree } of all) expect(await readFile(path.join(workTree, 'a'), 'utf8')).toBe('1');
  });
});
