import { cachedCheckout } from '../cache/checkout.ts';
import type { CheckoutRequest } from '../git/checkout.ts';
import { createCacheLocks } from './cache-locks.ts';
import type { CacheSettings, CheckoutFacts } from './contract.ts';
import type { GatewayClient } from './gateway-client.ts';

export interface CacheCheckoutOptions {
  readonly settings: CacheSettings;
  /** Where the cache is mounted. */
  readonly root: string;
  readonly gateway: Pick<GatewayClient, 'lock' | 'reportCacheUse'>;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
  /** Called at once with the way to end: gives locks back, and waits until the gateway knows of it, at most for `limitMs`. */
  readonly onOpen: (close: (limitMs: number) => Promise<void>) => void;
}

/** The checkout of a run in a namespace with a cache. Loaded by the runs that have one, as the rest of src/cache is. */
export async function checkoutWithCache(
  request: CheckoutRequest,
  { settings, root, gateway, log, onOpen }: CacheCheckoutOptions,
): Promise<CheckoutFacts> {
  const start = performance.now();
  const locks = createCacheLocks({ gateway, seconds: settings.seconds });
  onOpen(locks.close);
  const { description, use } = await cachedCheckout({ ...request, cache: { root, limits: settings, locks, log } });
  // Nothing else tells the operator of a checkout that ended without a lock.
  if (use.result === 'bypassed') locks.report(use);
  log('cache', { ...use, milliseconds: Math.round(performance.now() - start) });
  return description;
}
