import { GitError, type GitErrorCode } from './errors.ts';
import type { GitUrl } from './url.ts';

/** Longest part of git's own words in a message, characters. */
const MAX_DETAIL = 300;

interface Rule {
  readonly code: GitErrorCode;
  readonly pattern: RegExp;
  /** What to say; `detail` is git's own line. */
  readonly message: (where: string, detail: string, failed: FailedGit) => string;
}

const credentialsHint = 'check the Secret that secretRef names (and that it may read this repository)';

/** In order: the first that matches wins, so what is specific stands before what git appends to everything. */
const RULES: readonly Rule[] = [
  {
    code: 'RepositoryTooLarge',
    pattern:
      /^(?!remote:).*(Out of memory|cannot create async thread|unable to create (thread|threaded)|died of (signal 9\b|SIGKILL))/i,
    message: (where, detail, { memoryBytes = 0 }) =>
      `git needs more than the ${Math.round(memoryBytes / 1024 / 1024)} MiB of memory that it may have for ${where} (${detail}): make its largest files, or its number of files, smaller`,
  },
  {
    code: 'UnsafeRepository',
    pattern: /^(?!remote:).*died of (signal (7|11)\b|SIGSEGV|SIGBUS)/i,
    message: (where, detail) =>
      `git crashed on what ${where} holds (${detail}), such as thousands of directories in one another: remove it`,
  },
  {
    code: 'InvalidCredentials',
    pattern: /Load key .*: .*|error in libcrypto|invalid format.*identity|passphrase/i,
    message: (where, detail) =>
      `the ssh key for ${where} cannot be used (${detail}): the Secret's identity must be a private key in OpenSSH or PEM format without a passphrase`,
  },
  {
    code: 'HostKeyRejected',
    pattern: /Host key verification failed|HOST IDENTIFICATION HAS CHANGED|No .* host key is known/i,
    message: where =>
      `the ssh host key of ${where} is not the one in the Secret's known_hosts: put the line that \`ssh-keyscan\` prints there, once you have checked it`,
  },
  {
    code: 'CertificateRejected',
    pattern:
      /certificate verif|SSL certificate|certificate problem|unable to get local issuer|certificate subject name/i,
    message: (where, detail) =>
      `the TLS certificate of ${where} is not trusted (${detail}): put the authority's certificate into the Secret's ca.crt`,
  },
  {
    code: 'Redirected',
    pattern: /returned error: 3\d\d|unable to update url base from redirection/i,
    message: where =>
      `${where} answers with a redirect, which is not followed: put the address that it leads to into spec.url (often the same one ending in .git, or the repository's new name)`,
  },
  {
    code: 'Redirected',
    pattern: /'http-fetch' is not a git command|http-fetch output$/i,
    message: where =>
      `${where} sends git on to another address for its objects (packfile-uris), which is not followed: switch that off at the server`,
  },
  {
    code: 'AuthenticationFailed',
    pattern:
      /returned error: 40[13]|Authentication failed|could not read (Username|Password)|Access denied|Permission denied \(|Invalid username or (password|token)|Too many authentication failures/i,
    message: where => `${where} refuses access: ${credentialsHint}`,
  },
  {
    code: 'ServerError',
    pattern: /returned error: (408|425|429|5\d\d)|Internal server error/i,
    message: (where, detail) => `${where} has a problem (${detail}): it is tried again later`,
  },
  {
    code: 'TimedOut',
    pattern: /Operation too slow|timed out|Timeout was reached|Timeout, server .* not responding/i,
    message: (where, detail) =>
      `${where} does not answer (${detail}): check that it is up and reachable from the cluster`,
  },
  {
    code: 'FilterUnsupported',
    pattern: /filter '[^']*' not supported|filter.*not (allowed|supported)|partial clone.*not supported/i,
    message: where => `${where} does not support the filter that was asked for`,
  },
  {
    code: 'CommitUnadvertised',
    pattern: /unadvertised object|want [0-9a-f]+ not valid|does not support shallow/i,
    message: where =>
      `${where} gives out only the heads of branches and tags: let it allow fetching by commit (uploadpack.allowReachableSHA1InWant)`,
  },
  {
    code: 'CommitNotFound',
    pattern: /not our ref|bad object|no such object|not a tree object|not a valid object name/i,
    message: where => `${where} does not have the commit (any more): was its branch rewritten?`,
  },
  {
    code: 'RefNotFound',
    pattern: /couldn't find remote ref/i,
    message: where => `${where} does not have the reference`,
  },
  {
    code: 'RepositoryNotFound',
    pattern:
      /repository '.*' not found|repository not found|returned error: (404|410)|not appear to be a git repository|does not exist|project you were looking for could not be found/i,
    message: where =>
      `there is no repository at ${where}, or the credentials may not see it: check spec.url and secretRef`,
  },
  {
    code: 'UnsafeRepository',
    pattern:
      /^object [0-9a-f]+(:| is a )|fsck error|invalid path '|did not receive expected object|size_t overflow|inflate (returned|inconsistency)|pack (has|is corrupted)|bad object at offset|unresolved delta/i,
    message: (where, detail) =>
      `${where} holds objects that git refuses as broken or dangerous (${detail}): \`git fsck\` in a clone finds them; take them out of the commit`,
  },
  {
    code: 'UnsafeRepository',
    pattern: /REF_DELTA at offset \d+ already resolved/i,
    message: (where, detail) =>
      `${where} sends an object that is to be made out of itself, which git refuses (${detail}): pack the repository anew on its server, \`git repack -a -d -f\``,
  },
  {
    code: 'UrlNotAllowed',
    pattern: /transport '.*' not allowed|dubious ownership/i,
    message: (where, detail) => `git refuses to read ${where} (${detail})`,
  },
  {
    code: 'Unreachable',
    pattern:
      /Could not resolve|unable to access|Failed to connect|Couldn't connect|Connection (refused|reset|closed)|No route to host|Network is unreachable|unable to connect|early EOF|unexpected disconnect|hung up|RPC failed|Empty reply|transfer closed|Could not read from remote repository|kex_exchange/i,
    message: (where, detail) => `${where} cannot be reached (${detail}): check spec.url and the network between`,
  },
  {
    // What the shell that sets git's limits ends with when there is no git.
    code: 'GitFailed',
    pattern: /^exit code 127$/,
    message: (_where, detail) => `git cannot be started (${detail}): is it installed, and in the PATH?`,
  },
];

export interface FailedGit {
  readonly url?: GitUrl | undefined;
  /** First word of the command, such as `fetch`. */
  readonly command: string;
  /** How it ended, for people: `exit code 128`. */
  readonly ending: string;
  readonly stderr: string;
  /** Bound of the memory that it had. */
  readonly memoryBytes?: number | undefined;
  /** Values that must not appear in a message. */
  readonly secrets?: readonly string[] | undefined;
}

/** Makes an error for users out of what git said. */
export function classifyFailure(failed: FailedGit): GitError {
  const lines = usefulLines(redact(failed.stderr, failed.secrets ?? []));
  const where = failed.url ? failed.url.href : 'the repository';
  for (const rule of RULES) {
    const line = matchingLine([...lines, failed.ending], rule.pattern);
    if (line !== undefined) return new GitError(rule.code, rule.message(where, line, failed));
  }
  const detail = lines.at(-1) ?? failed.ending;
  return new GitError('GitFailed', `git ${failed.command} failed for ${where}: ${detail}`);
}

function matchingLine(lines: readonly string[], pattern: RegExp): string | undefined {
  const matching = lines.filter(text => pattern.test(text));
  return matching.find(text => !text.startsWith('remote:')) ?? matching[0];
}

function usefulLines(stderr: string): string[] {
  return stderr
    .split(/[\r\n]+/)
    .map(line => line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ').trim())
    .filter(line => line !== '' && !/^(warning: |hint: |Cloning into)/.test(line))
    .map(line => line.replace(/^(fatal|error): /, ''))
    .map(line => (line.length > MAX_DETAIL ? `${line.slice(0, MAX_DETAIL)}...` : line));
}

/** Takes secrets, and whatever stands as user info in a URL, out of a text. */
export function redact(text: string, secrets: readonly string[]): string {
  let result = text;
  for (const secret of secrets) {
    for (const form of [secret, encodeURIComponent(secret)]) {
      if (form !== '') result = result.replaceAll(form, '***');
    }
  }
  return result.replace(/:\/\/[^/\s'"@]*:[^/\s'"@]*@/g, '://***@');
}
