import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { type Credentials, readCredentialValues } from '../../git/credentials.ts';
import type { GitRef } from '../../git/ref.ts';
import { type ResolvedRef, readFileAt, resolveRef } from '../../git/remote.ts';
import { checkGitUrl, type GitUrl, type GitUrlPolicy } from '../../git/url.ts';
import { cutUtf8 } from '../../kube/event-record.ts';
import { checkCel } from '../../workflow/cel.ts';
import { type FileError, formatFileError } from '../../workflow/file-error.ts';
import { parseTakoFile } from '../../workflow/parse.ts';
import type { TakoFile } from '../../workflow/types.ts';
import { MAX_FILE_BYTES } from '../../workflow/yaml/text.ts';
import { createLru } from './lru.ts';
import { createSharedCalls } from './shared-calls.ts';

/** Longest message of a broken workflow file, bytes. */
const MAX_FILE_MESSAGE_BYTES = 2048;

export interface RepositoryReaderOptions {
  /** Which URLs are allowed. Default: https and ssh to any host. */
  readonly policy?: GitUrlPolicy;
  /** Bound of one call, all its tries together, milliseconds. Default 60 s: two of them in a row still end within 2 minutes. */
  readonly timeoutMs?: number;
  /** Bound of a workflow file, bytes. Default and most: what the parser takes, 1 MiB. */
  readonly maxFileBytes?: number;
  /** Parsed files that are kept. Default 256, 16 MiB of text at most. */
  readonly cacheEntries?: number;
  /** Calls of git at the same time; the others wait in the order in which they came. Default 16. */
  readonly gitCalls?: number;
  /** Where temporary repositories and key files go. Default: the system's temporary directory. */
  readonly temporaryDirectory?: string;
}

interface ReadRequest {
  readonly repository: { readonly url: string };
  readonly credentials?: Credentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface ResolveRefRequest extends ReadRequest {
  readonly ref?: GitRef;
}

interface LoadWorkflowFileRequest extends ReadRequest {
  /** `path` is the workflow file's, default tako.yml. */
  readonly repository: { readonly url: string; readonly path?: string | undefined };
  readonly commit: string;
}

interface LoadedWorkflowFile {
  readonly file: TakoFile;
  /** SHA-256 of the file's bytes, hexadecimal. */
  readonly digest: string;
  readonly notes: readonly string[];
}

/** The workflow file does not parse. The message has its errors, each with its place, at most 2 KiB. */
export class WorkflowFileError extends Error {
  override readonly name = 'WorkflowFileError';
  readonly code = 'InvalidConfig';
}

/** Reads repositories for the operator. One for all controllers, because it remembers files. */
export interface RepositoryReader {
  /** Parses a URL and holds it against the operator's policy. Throws GitError. */
  checkUrl(url: string): Promise<GitUrl>;
  /** Throws GitError. */
  resolveRef(request: ResolveRefRequest): Promise<ResolvedRef>;
  /**
   * What `resolveRef` found out last for the same URL, reference and credentials, without a look at Git. Undefined when that was never
   * asked, or long ago. Throws GitError for a URL that is not allowed.
   */
  lastResolved(request: ResolveRefRequest): Promise<ResolvedRef | undefined>;
  /**
   * Reads and parses the workflow file of a commit. The same file is read once, however many ask for it; whoever has other
   * credentials reads for himself, so that nobody sees a file that he could not read.
   * Throws GitError, or WorkflowFileError when the file does not parse.
   */
  loadWorkflowFile(request: LoadWorkflowFileRequest): Promise<LoadedWorkflowFile>;
}

/**
 * Memory of one process of git, bytes: enough for a tree of 200,000 files from a server that cannot leave any out. Together with the number of
 * calls it keeps the operator below the limit of its container, whatever repositories and servers send.
 */
const GIT_MEMORY_BYTES = 48 * 1024 * 1024;
const GIT_CALLS = 16;
const MAX_CACHED_BYTES = 16 * 1024 * 1024;
/** References whose last resolution is kept: some hundred bytes each. */
const MAX_RESOLVED = 20_000;

type Parsed =
  | { readonly ok: true; readonly loaded: LoadedWorkflowFile }
  | { readonly ok: false; readonly message: string };

export function createRepositoryReader(options: RepositoryReaderOptions = {}): RepositoryReader {
  const { policy = {}, timeoutMs, temporaryDirectory } = options;
  const maxBytes = Math.min(options.maxFileBytes ?? MAX_FILE_BYTES, MAX_FILE_BYTES);
  const cache = createLru<Parsed>({ maxEntries: options.cacheEntries ?? 256, maxWeight: MAX_CACHED_BYTES });
  const calls = createSharedCalls<Parsed>();
  // Who is aborted while it waits leaves when it is its turn, before git is started. All are aborted together, when the operator stops.
  const inTurn = pLimit(options.gitCalls ?? GIT_CALLS);
  const resolutions = createLru<ResolvedRef>({ maxEntries: MAX_RESOLVED, maxWeight: MAX_RESOLVED });

  const remoteOptions = ({ credentials }: ReadRequest, signal: AbortSignal | undefined) => ({
    credentials,
    signal,
    timeoutMs,
    temporaryDirectory,
    memoryBytes: GIT_MEMORY_BYTES,
  });

  return {
    checkUrl: url => checkGitUrl(url, policy),

    async resolveRef(request) {
      const url = await checkGitUrl(request.repository.url, policy);
      const options = remoteOptions(request, request.signal);
      const resolved = await inTurn(() => resolveRef(url, request.ref, options));
      resolutions.set(await resolutionKey(url, request), resolved, 1);
      return resolved;
    },

    async lastResolved(request) {
      return resolutions.get(await resolutionKey(await checkGitUrl(request.repository.url, policy), request));
    },

    async loadWorkflowFile(request) {
      const url = await checkGitUrl(request.repository.url, policy);
      const path = request.repository.path ?? 'tako.yml';
      const key = JSON.stringify([url.href, request.commit, path, await identityOf(request.credentials)]);
      const read = async (signal: AbortSignal): Promise<Parsed> => {
        const file = { url, commit: request.commit, path, maxBytes, ...remoteOptions(request, signal) };
        const bytes = await inTurn(() => readFileAt(file));
        const parsed = parse(bytes, path);
        cache.set(key, parsed, bytes.length);
        return parsed;
      };
      const parsed = cache.get(key) ?? (await calls.run(key, read, request.signal));
      if (!parsed.ok) throw new WorkflowFileError(parsed.message);
      return parsed.loaded;
    },
  };
}

async function resolutionKey(url: GitUrl, { ref, credentials }: ResolveRefRequest): Promise<string> {
  return JSON.stringify([url.href, ref ?? null, await identityOf(credentials)]);
}

/** Tells credentials apart without keeping them. */
async function identityOf(credentials: Credentials | undefined): Promise<string> {
  if (credentials === undefined) return '';
  return createHash('sha256')
    .update(JSON.stringify(await readCredentialValues(credentials)))
    .digest('hex');
}

function parse(bytes: Buffer, path: string): Parsed {
  const parsed = parseTakoFile(bytes, { path, checkExpression: checkCel });
  if (!parsed.ok) return { ok: false, message: describeFileErrors(parsed.errors) };
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { ok: true, loaded: { file: parsed.file, digest, notes: parsed.notes } };
}

/** The errors of a file, one a line, as many as fit into 2 KiB; the last line says how many did not. */
export function describeFileErrors(errors: readonly FileError[], maxBytes = MAX_FILE_MESSAGE_BYTES): string {
  const lines = errors.map(formatFileError);
  const rest = (count: number) => (count === 0 ? '' : `\nand ${count} more`);
  for (let shown = lines.length; shown > 1; shown--) {
    const text = lines.slice(0, shown).join('\n') + rest(lines.length - shown);
    if (Buffer.byteLength(text) <= maxBytes) return text;
  }
  const suffix = rest(Math.max(lines.length - 1, 0));
  return cutUtf8(lines[0] ?? 'the file does not parse', maxBytes - suffix.length) + suffix;
}
