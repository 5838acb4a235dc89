import { z } from 'zod';
import type { LockName, LockPublish } from '../agent/contract.ts';
import { isCommit } from '../git/ref.ts';
import { parseGitUrl } from '../git/url.ts';
import { MAX_COMMITS, MAX_LOCK_SECONDS, MAX_SEEN_FENCE } from '../locks/limits.ts';
import type { CacheUse, Want } from '../locks/types.ts';
import { MAX_WAIT_SECONDS, parse } from './bodies.ts';

/** Shortest time that a lock stays with a holder that has fallen silent, seconds. Holders renew every 60 s at the latest. */
const MIN_LOCK_SECONDS = 60;

/** Becomes the one spelling of that repository's URL: entries are found by it. */
const urlSchema = z
  .string()
  .max(2_048)
  .transform((text, context) => {
    try {
      return parseGitUrl(text).href;
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'expected a URL' });
      return z.NEVER;
    }
  });

const idSchema = z
  .string()
  .regex(/^[a-z0-9-]{16,64}$/, 'expected 16 to 64 characters of a-z, 0-9 and -, made for this acquisition alone');

const commitSchema = z.string().refine(isCommit, 'expected the full name of a commit: 40 or 64 hexadecimal digits');

const nameSchema = z.strictObject({ url: urlSchema, id: idSchema });

const wantSchema = z.union(
  [z.strictObject({ mode: z.enum(['read', 'write']) }), z.strictObject({ commit: commitSchema })],
  'expected {"mode":"read"}, {"mode":"write"} or {"commit":"<its full name>"}',
);

const requestSchema = nameSchema.extend({
  want: wantSchema,
  seconds: z.int().min(MIN_LOCK_SECONDS).max(MAX_LOCK_SECONDS).optional(),
  seenFence: z.int().min(0).max(MAX_SEEN_FENCE).optional(),
  waitSeconds: z.number().min(0).max(MAX_WAIT_SECONDS),
});

const publishSchema = nameSchema.extend({
  commits: z.array(commitSchema).min(1).max(MAX_COMMITS),
  bytes: z.int().min(0),
});

const useSchema = z.strictObject({
  result: z.enum(['hit', 'miss', 'rebuilt', 'bypassed']),
  fetchedBytes: z.int().min(0),
});

const releaseSchema = nameSchema.extend({ use: useSchema.optional() });

/** Body of POST /v1/locks/acquire. */
export function parseLockRequest(body: unknown): LockName & {
  readonly want: Want;
  readonly seconds?: number | undefined;
  readonly seenFence?: number | undefined;
  readonly waitSeconds: number;
} {
  return parse(requestSchema, body, 'body');
}

/** Body of POST /v1/locks/renew and /v1/locks/evict. */
export function parseLockName(body: unknown): LockName {
  return parse(nameSchema, body, 'body');
}

/** Body of POST /v1/locks/publish. */
export function parseLockPublish(body: unknown): LockPublish {
  return parse(publishSchema, body, 'body');
}

/** Body of POST /v1/locks/release. */
export function parseLockRelease(body: unknown): LockName & { readonly use?: CacheUse | undefined } {
  return parse(releaseSchema, body, 'body');
}

/** Body of POST /v1/cache-uses. */
export function parseCacheUse(body: unknown): CacheUse {
  return parse(useSchema, body, 'body');
}
