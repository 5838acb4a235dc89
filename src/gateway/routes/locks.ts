import type { LockAnswer, LockName } from '../../agent/contract.ts';
import { sha256 } from '../../fanout/fingerprint.ts';
import type { LockKeeper } from '../../locks/keeper.ts';
import type { CacheUse, LockOwner, Publication, Renewal } from '../../locks/types.ts';
import { answerSignal, type Caller, callerOf, type GatewayApp, type RouteDependencies } from '../app.ts';
import { GatewayFailure } from '../failure.ts';
import { parseCacheUse, parseLockName, parseLockPublish, parseLockRelease, parseLockRequest } from '../lock-bodies.ts';

/** What agents have done with the cache without its locks; of the rest the keeper of the locks tells. */
export interface CacheMetrics {
  used(use: CacheUse): void;
}

export interface LockRouteDependencies extends RouteDependencies {
  readonly locks: LockKeeper;
  readonly cacheMetrics: CacheMetrics;
}

/** POST /v1/locks/acquire, renew, publish, evict and release, and /v1/cache-uses. */
export function registerLockRoutes(app: GatewayApp, dependencies: LockRouteDependencies): void {
  const { locks, cacheMetrics, clock, requestTimeoutMs, draining } = dependencies;

  app.post('/v1/locks/acquire', async (request, reply): Promise<LockAnswer> => {
    const { want, seconds, seenFence, waitSeconds, ...name } = parseLockRequest(request.body);
    const caller = callerOf(request);
    const waitMs = waitSeconds * 1_000;
    const signal = answerSignal(reply, clock, waitMs + requestTimeoutMs);
    const options = { signal: AbortSignal.any([draining, signal]), waitMs };
    try {
      return await locks.acquire(
        { ...lockOf(caller, name), want, holder: ownerOf(caller), seconds, seenFence },
        options,
      );
    } catch (error) {
      // Also who was granted the lock a moment ago learns it by asking again: the id is the same.
      if (options.signal.aborted && !(signal.reason instanceof GatewayFailure)) return CLOSING;
      throw error;
    }
  });

  app.post('/v1/locks/renew', async (request, reply): Promise<Renewal> => {
    const lock = lockOf(callerOf(request), parseLockName(request.body));
    return await locks.renew(lock, { signal: answerSignal(reply, clock, requestTimeoutMs) });
  });

  app.post('/v1/locks/publish', async (request, reply): Promise<Publication> => {
    const { commits, bytes, ...name } = parseLockPublish(request.body);
    const lock = lockOf(callerOf(request), name);
    const signal = answerSignal(reply, clock, requestTimeoutMs);
    return await locks.publish({ ...lock, commits, bytes }, { signal });
  });

  app.post('/v1/locks/evict', async (request, reply): Promise<{ held: boolean }> => {
    const lock = lockOf(callerOf(request), parseLockName(request.body));
    return await locks.evict(lock, { signal: answerSignal(reply, clock, requestTimeoutMs) });
  });

  app.post('/v1/locks/release', async (request, reply) => {
    const { use, ...name } = parseLockRelease(request.body);
    const lock = lockOf(callerOf(request), name);
    await locks.release({ ...lock, use }, { signal: answerSignal(reply, clock, requestTimeoutMs) });
    return {};
  });

  app.post('/v1/cache-uses', async request => {
    cacheMetrics.used(parseCacheUse(request.body));
    return {};
  });
}

const CLOSING: LockAnswer = { state: 'waiting', reason: 'this replica of the gateway is about to close: ask again' };

/**
 * A lock is of the caller's own namespace, and an id of the caller's own Pod: what another Pod holds cannot be named, although everyone who may
 * read Leases sees the ids.
 */
function lockOf({ run, podUid }: Caller, { url, id }: LockName): LockName & { readonly namespace: string } {
  const own = sha256(`${podUid}\n${id}`).slice(0, 32);
  return { namespace: run.metadata.namespace, url, id: own };
}

function ownerOf({ run, podName, podUid }: Caller): LockOwner {
  return { run: run.metadata.name, runUid: run.metadata.uid, pod: podName, podUid };
}
