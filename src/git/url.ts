import { createReadStream } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { GitError } from './errors.ts';

export type GitScheme = 'https' | 'http' | 'ssh' | 'file';

/** A repository's address in its one canonical spelling. Only `parseGitUrl` and `checkGitUrl` make one. */
export interface GitUrl {
  /** What git is given. No credentials, no query, no trailing slash. */
  readonly href: string;
  readonly scheme: GitScheme;
  /** `name` or `name:port` in lower case, without the scheme's default port; empty for file. */
  readonly host: string;
  /** ssh only. */
  readonly user?: string;
  /** Starts with a slash; percent-encoded as in `href`. */
  readonly path: string;
  /** `owner/repo` from the last two segments, without `.git`; absent when they do not make one. */
  readonly slug?: string;
}

/** Which repositories an operator lets its users name. */
export interface GitUrlPolicy {
  /** Default: https and ssh. */
  readonly schemes?: readonly GitScheme[];
  /**
   * `git.example.com` (the scheme's default port), `git.example.com:8443`, `git.example.com:*` (any port), `*.example.com` (names
   * below example.com), `*` (any host and port). Default: any host. It does not apply to file.
   */
  readonly hosts?: readonly string[];
  /** Directory below which file:// repositories may lie. Default: none may. All below it can be read by every user. */
  readonly fileRoot?: string;
}

const DEFAULT_SCHEMES: readonly GitScheme[] = ['https', 'ssh'];
const DEFAULT_PORTS: Record<GitScheme, string> = { https: '443', http: '80', ssh: '22', file: '' };
/** As in the CRD's schema. */
const MAX_URL_LENGTH = 2048;

const HOST = /^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])$/;
const USER = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
/** RFC 3986 pchar. */
const SEGMENT = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+$/;
/** `/`, `\`, `.` and control characters may not hide behind an escape. */
const FORBIDDEN_ESCAPE = /%(?:2[ef]|5c|[01][0-9a-f]|7f)/i;
const SLUG_PART = /^[A-Za-z0-9._-]+$/;

/** Whether a text is `owner/repo`. Neither part may be `.` or `..`. */
export function isSlug(text: string): boolean {
  const parts = text.split('/');
  return text.length <= 255 && parts.length === 2 && parts.every(isSlugPart);
}

function isSlugPart(part: string): boolean {
  return SLUG_PART.test(part) && part !== '.' && part !== '..';
}

/**
 * Reads a repository's URL strictly: what is refused here, git and the file system never see. Pure; the operator's allow-list is
 * `checkGitUrl`'s work. Throws GitError `InvalidUrl`.
 */
export function parseGitUrl(text: string): GitUrl {
  if (text.length > MAX_URL_LENGTH) throw invalid(text, `it is longer than ${MAX_URL_LENGTH} characters`);
  if (/[^\x21-\x7e]/.test(text)) throw invalid(text, 'it may hold only printable ASCII characters without blanks');
  const match = /^(https?|ssh|file):\/\/([^/]*)(\/.*)?$/.exec(text);
  if (!match) {
    throw invalid(
      text,
      /^[^/]+@[^/]+:/.test(text)
        ? 'write user@host:path as ssh://user@host/path'
        : 'it must start with https://, http://, ssh:// or file://',
    );
  }
  const scheme = match[1] as GitScheme;
  const authority = parseAuthority(text, scheme, match[2] ?? '');
  const segments = parsePath(text, match[3] ?? '');
  const url = `/${segments.join('/')}`;
  const slug = slugOf(segments);
  return {
    href: `${scheme}://${authority.user === undefined ? '' : `${authority.user}@`}${authority.host}${url}`,
    scheme,
    host: authority.host,
    ...(authority.user === undefined ? {} : { user: authority.user }),
    path: url,
    ...(slug === undefined ? {} : { slug }),
  };
}

function parseAuthority(text: string, scheme: GitScheme, authority: string): { host: string; user?: string } {
  if (scheme === 'file') {
    if (authority !== '') throw invalid(text, 'a file URL has three slashes: file:///directory');
    return { host: '' };
  }
  const at = authority.lastIndexOf('@');
  const userInfo = at === -1 ? undefined : authority.slice(0, at);
  if (userInfo !== undefined && (scheme !== 'ssh' || userInfo.includes(':'))) {
    throw invalid(text, 'put no credentials into the URL: put them into a Secret and name it in secretRef');
  }
  if (userInfo !== undefined && !USER.test(userInfo)) throw invalid(text, 'the user name is not valid');
  const address = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(authority.slice(at + 1).toLowerCase());
  const name = address?.[1] ?? '';
  const port = address?.[2];
  if (!HOST.test(name) || name.includes('..')) throw invalid(text, 'the host name is not valid');
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw invalid(text, 'the port is not valid');
  const host = port === undefined || Number(port) === Number(DEFAULT_PORTS[scheme]) ? name : `${name}:${Number(port)}`;
  return { host, ...(userInfo === undefined ? {} : { user: userInfo }) };
}

function parsePath(text: string, raw: string): string[] {
  if (/[?#]/.test(raw)) throw invalid(text, 'it may not have a query or a fragment');
  if (raw.includes('\\')) throw invalid(text, 'it may not contain a backslash');
  const segments = raw.replace(/\/$/, '').split('/').slice(1);
  if (segments.length === 0) throw invalid(text, 'it names no repository: the path is missing');
  for (const segment of segments) {
    if (segment === '') throw invalid(text, 'its path has an empty segment ("//")');
    if (segment === '.' || segment === '..') throw invalid(text, `its path may not contain "${segment}" segments`);
    if (FORBIDDEN_ESCAPE.test(segment)) {
      throw invalid(text, 'its path may not contain encoded slashes, dots or control characters');
    }
    if (!SEGMENT.test(segment)) throw invalid(text, `its path segment "${segment}" is not valid in a URL`);
    if (!isUtf8(segment)) throw invalid(text, `its path segment "${segment}" is not UTF-8 when decoded`);
  }
  return segments;
}

function isUtf8(segment: string): boolean {
  try {
    decodeURIComponent(segment);
    return true;
  } catch {
    return false;
  }
}

function slugOf(segments: readonly string[]): string | undefined {
  const [owner, repository] = segments.slice(-2);
  if (owner === undefined || repository === undefined) return undefined;
  const slug = `${owner}/${repository.replace(/\.git$/, '')}`;
  return isSlug(slug) ? slug : undefined;
}

function invalid(text: string, why: string): GitError {
  return new GitError('InvalidUrl', `the repository URL ${shown(text)} cannot be used: ${why}`);
}

/** A URL as it may stand in a message: user info replaced, bounded, on one line. */
function shown(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '?').replace(/\/\/[^/]*@/, '//***@');
  return `"${clean.length > 200 ? `${clean.slice(0, 200)}...` : clean}"`;
}

/**
 * Parses a URL and holds it against the operator's policy. A file URL comes back with its real path, below `fileRoot`.
 * Throws GitError `InvalidUrl`, `UrlNotAllowed`, or `RepositoryNotFound` for a file URL that leads nowhere.
 */
export async function checkGitUrl(text: string, policy: GitUrlPolicy): Promise<GitUrl> {
  const url = parseGitUrl(text);
  const schemes = policy.schemes ?? DEFAULT_SCHEMES;
  if (!schemes.includes(url.scheme)) {
    throw new GitError(
      'UrlNotAllowed',
      `${url.scheme}:// repositories are not allowed here: use one of ${schemes.join(', ')}, or have the administrator of Tako add it to TAKO_GIT_SCHEMES of the operator`,
    );
  }
  if (url.scheme === 'file') return belowRoot(url, policy.fileRoot);
  if (policy.hosts && !policy.hosts.some(pattern => matchesHost(pattern, url))) {
    throw new GitError(
      'UrlNotAllowed',
      `the Git host ${url.host} is not one of those that this operator allows (${policy.hosts.join(', ') || 'none'}): use one of them, or have the administrator of Tako add it to TAKO_GIT_HOSTS of the operator`,
    );
  }
  return url;
}

/** Whether a text can be one of `GitUrlPolicy.hosts`. Any other would match nothing. */
export function isHostPattern(pattern: string): boolean {
  if (pattern === '*') return true;
  const [name, port] = splitPort(pattern.toLowerCase());
  const plain = name.startsWith('*.') ? name.slice(2) : name;
  if (!HOST.test(plain) || plain.includes('..')) return false;
  return port === undefined || port === '*' || (Number(port) >= 1 && Number(port) <= 65_535);
}

function matchesHost(pattern: string, url: GitUrl): boolean {
  if (pattern === '*') return true;
  const [name, port] = splitPort(url.host);
  const [wantedName, wantedPort] = splitPort(pattern.toLowerCase());
  const effectivePort = port ?? DEFAULT_PORTS[url.scheme];
  if (wantedPort !== '*' && effectivePort !== (wantedPort ?? DEFAULT_PORTS[url.scheme])) return false;
  return wantedName.startsWith('*.') ? name.endsWith(wantedName.slice(1)) : name === wantedName;
}

function splitPort(host: string): [name: string, port: string | undefined] {
  const match = /^(.*?)(?::([0-9]+|\*))?$/.exec(host);
  return host.endsWith(']') ? [host, undefined] : [match?.[1] ?? host, match?.[2]];
}

async function belowRoot(url: GitUrl, fileRoot: string | undefined): Promise<GitUrl> {
  if (fileRoot === undefined) {
    throw new GitError(
      'UrlNotAllowed',
      'file:// repositories are not allowed here: TAKO_GIT_FILE_ROOT of the operator names no directory for them',
    );
  }
  const root = await realpath(fileRoot).catch((cause: unknown) => {
    throw new GitError('UrlNotAllowed', `the operator's root for file:// repositories cannot be read: ${fileRoot}`, {
      cause,
    });
  });
  const real = await realpath(decodeURIComponent(url.path)).catch((cause: unknown) => {
    throw new GitError('RepositoryNotFound', `there is no repository at ${url.href}`, { cause });
  });
  const outside = () =>
    new GitError('UrlNotAllowed', `${url.href} is not below the directory that this operator allows for file:// URLs`);
  if (!real.startsWith(root === '/' ? root : `${root}/`) || real === root) throw outside();
  if (await leadsElsewhere(real)) throw outside();
  const encoded = real.split('/').map(encodeURIComponent).join('/');
  return { ...url, href: `file://${encoded}`, path: encoded };
}

/** Longest configuration of a file:// repository that is looked into, bytes; git's own has some hundred. */
const MAX_CONFIG_BYTES = 64 * 1024;

/** Git's own ways to point out of a repository: a `.git` file or link, linked directories, alternates, a common directory, includes. */
async function leadsElsewhere(directory: string): Promise<boolean> {
  const dotGit = await lstat(path.join(directory, '.git')).catch(() => undefined);
  if (dotGit && !dotGit.isDirectory()) return true;
  const gitDirectory = dotGit ? path.join(directory, '.git') : directory;
  for (const name of [
    'HEAD',
    'objects',
    'objects/info',
    'objects/pack',
    'refs',
    'packed-refs',
    'config',
    'config.worktree',
  ]) {
    const entry = await lstat(path.join(gitDirectory, name)).catch(() => undefined);
    if (entry?.isSymbolicLink()) return true;
  }
  for (const name of ['objects/info/alternates', 'objects/info/http-alternates', 'commondir']) {
    if (await lstat(path.join(gitDirectory, name)).catch(() => undefined)) return true;
  }
  const configuration = await Promise.all(
    ['config', 'config.worktree'].map(name => readStart(path.join(gitDirectory, name))),
  );
  return configuration.some(text => text.length > MAX_CONFIG_BYTES || /\[\s*include/i.test(text));
}

/** The beginning of a file, as far as it takes to know that it is too long; nothing when there is none. */
async function readStart(file: string): Promise<string> {
  const chunks = await createReadStream(file, { end: MAX_CONFIG_BYTES })
    .toArray()
    .catch(() => []);
  return Buffer.concat(chunks).toString('latin1');
}
