import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  type GitServer,
  type GitServerOptions,
  startGitServer,
} from '../../../test/fixtures/git-server/git-server.mjs';
import { type CommitDescription, createRepository } from '../../../test/fixtures/git-server/repositories.mjs';
import { parseGitUrl } from '../../git/url.ts';
import { createLockKeeper, type LockKeeper } from '../../locks/keeper.ts';
import { emptyState, lockName, readLease } from '../../locks/lease.ts';
import { createMemoryLeases } from '../../locks/testing/memory-leases.ts';
import type { LockState } from '../../locks/types.ts';
import { type CachedCheckout, type CachedCheckoutRequest, cachedCheckout } from '../checkout.ts';
import { entryDirectory } from '../layout.ts';
import type { CacheLocks } from '../locks.ts';
import { createKeeperLocks } from './keeper-locks.ts';

const NAMESPACE = 'team';
const LIMITS = { maxBytes: 1024 ** 3, maxAgeSeconds: 3600 };

export interface ServedRepository {
  readonly name: string;
  readonly url: string;
  readonly commits: readonly string[];
}

export interface CheckedOut extends CachedCheckout {
  readonly workTree: string;
  readonly gitDirectory: string;
}

export interface RunOptions extends Partial<Omit<CachedCheckoutRequest, 'cache'>> {
  /** Default: those of a run of its own. */
  readonly locks?: CacheLocks;
  readonly limits?: CachedCheckoutRequest['limits'];
  readonly cacheLimits?: CachedCheckoutRequest['cache']['limits'];
}

/** A Git server, a cache volume and a lock service, and runs that use them. */
export interface World {
  readonly server: GitServer;
  /** Of the cache volume. */
  readonly root: string;
  readonly keeper: LockKeeper;
  /** What the runs have logged. */
  readonly logged: { readonly message: string; readonly fields: Record<string, unknown> | undefined }[];
  repository(commits: CommitDescription[], options?: { objectFormat?: 'sha256' }): Promise<ServedRepository>;
  /** The locks of a run whose Pod has that UID. */
  locksOf(podUid: string): CacheLocks;
  /** Ends a Pod: its locks are taken away by the next that asks for them. */
  endPod(podUid: string): void;
  /** Takes the lock of a repository from Pods that have ended. */
  sweep(of: Pick<ServedRepository, 'url'>): Promise<void>;
  run(of: ServedRepository, commit: number, options?: RunOptions): Promise<CheckedOut>;
  entryOf(of: Pick<ServedRepository, 'url'>): string;
  /** What the Lease of a repository says. */
  lockState(of: Pick<ServedRepository, 'url'>): LockState;
  /** Deletes it, as a person may. */
  deleteLease(of: Pick<ServedRepository, 'url'>): void;
  close(): Promise<void>;
}

export async function createWorld(options: Partial<GitServerOptions> = {}): Promise<World> {
  const base = await mkdtemp(path.join(os.tmpdir(), 'tako-cache-'));
  const served = path.join(base, 'served');
  const root = path.join(base, 'volume');
  await mkdir(root);
  const server = await startGitServer({ root: served, ...options });
  const leases = createMemoryLeases();
  const ended = new Set<string>();
  const keeper = createLockKeeper({ client: leases.client, isGone: async ({ uid }) => ended.has(uid) });
  const logged: World['logged'] = [];
  let runs = 0;
  let repositories = 0;
  const keyOf = (url: string) => `${NAMESPACE}/${lockName(url)}`;

  const world: World = {
    server,
    root,
    keeper,
    logged,
    async repository(commits, { objectFormat } = {}) {
      const name = `acme/r${repositories++}.git`;
      const created = await createRepository(path.join(served, name), {
        commits,
        ...(objectFormat === undefined ? {} : { objectFormat }),
      });
      return { name, url: `${server.url}/${name}`, commits: created.commits };
    },
    locksOf: podUid => createKeeperLocks(keeper, NAMESPACE, { run: podUid, runUid: podUid, pod: podUid, podUid }),
    endPod: podUid => {
      ended.add(podUid);
      keeper.podEnded({ namespace: NAMESPACE, uid: podUid });
    },
    sweep: ({ url }) => keeper.sweep({ namespace: NAMESPACE, url }),
    async run(of, commit, { locks, cacheLimits, ...more } = {}) {
      const name = `run-${runs++}`;
      const workTree = path.join(base, name, 'workspace');
      const gitDirectory = path.join(base, name, 'state/git');
      await mkdir(workTree, { recursive: true });
      const result = await cachedCheckout({
        url: parseGitUrl(of.url),
        commit: of.commits[commit] ?? '',
        gitDirectory,
        workTree,
        timeoutMs: 60_000,
        ...more,
        cache: {
          root,
          limits: cacheLimits ?? LIMITS,
          locks: locks ?? world.locksOf(name),
          log: (message, fields) => logged.push({ message, fields }),
        },
      });
      return { workTree, gitDirectory, ...result };
    },
    entryOf: ({ url }) => entryDirectory(root, parseGitUrl(url)),
    lockState({ url }) {
      const lease = leases.get(keyOf(url));
      const parsed = lease === undefined ? undefined : readLease(lease, url);
      return parsed?.kind === 'state' ? parsed.state : emptyState(url, new Date());
    },
    deleteLease: ({ url }) => leases.delete(keyOf(url)),
    async close() {
      await server.close();
      await rm(base, { recursive: true, force: true });
    },
  };
  return world;
}
