/**
 * What a caller can do about an error:
 * - `transient`: the same call may succeed later (network, time-out, 429, 5xx);
 * - `auth`: credentials, host key or certificate have to be put right;
 * - `notFound`: there is no such repository, reference, commit or file;
 * - `invalid`: the request or the repository has to change.
 */
export type GitErrorClass = 'transient' | 'auth' | 'notFound' | 'invalid';

/** Every way to fail, with its class. The codes are words that fit into a condition's reason. */
const GIT_ERROR_CLASSES = {
  /** No connection: name, network, TLS handshake, or it broke off. */
  Unreachable: 'transient',
  /** Connected or not, the answer did not come in time. */
  TimedOut: 'transient',
  /** The server answered 429 or 5xx. */
  ServerError: 'transient',
  /** git itself failed in a way that is not told apart, such as a full disk. */
  GitFailed: 'transient',

  /** 401 or 403, or ssh refused the key. */
  AuthenticationFailed: 'auth',
  /** The server's host key is not in known_hosts, or not the one there. */
  HostKeyRejected: 'auth',
  /** The server's certificate is not trusted. */
  CertificateRejected: 'auth',
  /** The credentials lack a key, or one cannot be read. */
  InvalidCredentials: 'auth',

  RepositoryNotFound: 'notFound',
  RefNotFound: 'notFound',
  CommitNotFound: 'notFound',
  FileNotFound: 'notFound',

  InvalidUrl: 'invalid',
  /** Well-formed, but the operator's settings do not allow it. */
  UrlNotAllowed: 'invalid',
  InvalidRef: 'invalid',
  InvalidPath: 'invalid',
  /** The server answered with a redirect; those are not followed. */
  Redirected: 'invalid',
  /** The path is a directory, a symbolic link or a submodule. */
  NotAFile: 'invalid',
  FileTooLarge: 'invalid',
  RepositoryTooLarge: 'invalid',
  /** Objects that git's own checks refuse, such as a tree with `.git` in it. */
  UnsafeRepository: 'invalid',
  /** The server does not know the filter that was asked for; fetches then try without. */
  FilterUnsupported: 'invalid',
  /** The server gives out only what its references point to; fetches then take those. */
  CommitUnadvertised: 'invalid',
} as const satisfies Record<string, GitErrorClass>;

export type GitErrorCode = keyof typeof GIT_ERROR_CLASSES;

/**
 * Every failure of this folder except a caller's own abort, which throws the signal's reason.
 * The message is for users: what happened, where, and what to do. It never holds a credential.
 */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly code: GitErrorCode;
  readonly class: GitErrorClass;

  constructor(code: GitErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.class = GIT_ERROR_CLASSES[code];
  }
}

/** True for a GitError of one of these classes, or of any class when none is given. */
export function isGitError(error: unknown, ...classes: GitErrorClass[]): error is GitError {
  return error instanceof GitError && (classes.length === 0 || classes.includes(error.class));
}

/** True for a GitError with one of these codes. */
export function hasGitCode(error: unknown, ...codes: GitErrorCode[]): error is GitError {
  return error instanceof GitError && codes.includes(error.code);
}
