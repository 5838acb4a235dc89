import { createHash } from 'node:crypto';
import { isCommit } from '../git/ref.ts';

/** Version of the manifest's form. Another one is a broken generation, which is built anew. */
const VERSION = 1;
/** Longest manifest that is read, bytes: 50 commits and some 60 files have 20 KiB. */
export const MAX_MANIFEST_BYTES = 1024 * 1024;
const MAX_ENTRIES = 1_000;

/** What a finished generation holds. */
export interface Manifest {
  /** Canonical URL. */
  readonly url: string;
  readonly fence: number;
  /** RFC 3339. */
  readonly created: string;
  /** Bytes of the packs when the generation was last started anew: what more there is came with later commits. */
  readonly freshBytes: number;
  /** Oldest first, each with its tree and without its history. */
  readonly commits: readonly CachedCommit[];
  readonly files: readonly ManifestFile[];
}

export interface CachedCommit {
  readonly commit: string;
  /** In its tree. */
  readonly files: number;
  /** The content of those, bytes. */
  readonly bytes: number;
}

export interface ManifestFile {
  /** Relative to the generation's Git directory. */
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** The only files of a Git directory that are read back: nothing else in a manifest is a path. */
const PACK_FILE = /^objects\/pack\/pack-[0-9a-f]{40}(?:[0-9a-f]{24})?\.(?:pack|idx|rev)$/;
const OTHER_FILES = new Set(['shallow', 'packed-refs']);
const DIGEST = /^[0-9a-f]{64}$/;

export function isPackFile(file: string): boolean {
  return PACK_FILE.test(file);
}

/** Whether a file of the manifest holds objects, or says where the history of commits was cut off: what a reader needs. */
export function isObjectFile(file: string): boolean {
  return isPackFile(file) || file === 'shallow';
}

/** Bytes of all files together. */
export function manifestBytes({ files }: Pick<Manifest, 'files'>): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** JSON with a checksum over itself: a file that was cut off or changed does not parse. */
export function formatManifest(manifest: Manifest): string {
  const body = { version: VERSION, ...manifest };
  return `${JSON.stringify({ checksum: checksum(body), ...body })}\n`;
}

/** Undefined when the text is not a manifest, whatever the reason. */
export function parseManifest(text: string): Manifest | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(parsed)) return undefined;
  const { checksum: given, ...body } = parsed;
  if (given !== checksum(body) || body.version !== VERSION) return undefined;
  const { url, fence, created, freshBytes, commits, files } = body;
  if (typeof url !== 'string' || typeof created !== 'string' || !isCount(fence) || !isCount(freshBytes))
    return undefined;
  if (!isListOf(commits, isCachedCommit) || !isListOf(files, isManifestFile)) return undefined;
  return { url, fence, created, freshBytes, commits, files };
}

function checksum(body: object): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

function isCachedCommit(value: unknown): value is CachedCommit {
  if (!isObject(value)) return false;
  const { commit, files, bytes } = value;
  return typeof commit === 'string' && isCommit(commit) && isCount(files) && isCount(bytes);
}

function isManifestFile(value: unknown): value is ManifestFile {
  if (!isObject(value)) return false;
  const { path, bytes, sha256 } = value;
  const named = typeof path === 'string' && (PACK_FILE.test(path) || OTHER_FILES.has(path));
  return named && isCount(bytes) && typeof sha256 === 'string' && DIGEST.test(sha256);
}

function isListOf<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.length <= MAX_ENTRIES && value.every(isItem);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
