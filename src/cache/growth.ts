import { MAX_COMMITS } from '../locks/limits.ts';
import { type Manifest, manifestBytes } from './manifest.ts';

/** A generation with so many packs is not added to: each costs every read an index to look into. */
const MAX_PACKS = 20;
/** What later commits may add, as a multiple of what was there: a hit copies all of it, and needs one commit. */
const MAX_GROWTH = 2;
/** Growth below this is never too much, bytes: it is copied in some 0.1 s. */
const FREE_GROWTH_BYTES = 32 * 1024 * 1024;

/** Whether the next commit starts anew, alone, instead of going on top of what is there. */
export function isOvergrown(manifest: Pick<Manifest, 'files' | 'commits' | 'freshBytes'>): boolean {
  const packs = manifest.files.filter(({ path }) => path.endsWith('.pack')).length;
  const growth = manifestBytes(manifest) - manifest.freshBytes;
  return (
    packs >= MAX_PACKS ||
    manifest.commits.length >= MAX_COMMITS ||
    growth > Math.max(manifest.freshBytes * MAX_GROWTH, FREE_GROWTH_BYTES)
  );
}
