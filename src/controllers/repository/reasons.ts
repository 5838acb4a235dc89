import type { GitErrorCode } from '../../git/errors.ts';

/**
 * What an outcome means for the object:
 * - `ready`: all is well;
 * - `transient`: it may go by itself. Reconciling=True, Ready and Stalled keep what was known, tried again with back-off;
 * - `stalled`: somebody has to do something. Stalled=True, Ready=False; looked at again at the interval.
 */
export type Effect = 'ready' | 'transient' | 'stalled';

/** Every reason of a TakoRepository's conditions and events, and what it means. The codes of Git errors are reasons as they are. */
export const REASONS = {
  /** The reference was resolved and its workflow file is in force. */
  Succeeded: 'ready',

  /** The workflow file does not parse; the last good one stays in force. */
  InvalidConfig: 'stalled',
  /** The workflow file is good, but too large to be kept in the status. */
  ConfigTooLarge: 'stalled',
  /** An older TakoRepository of the namespace has the same slug. */
  SlugConflict: 'stalled',
  /** The URL gives no slug and spec.slug is not set. */
  SlugMissing: 'stalled',

  Unreachable: 'transient',
  TimedOut: 'transient',
  ServerError: 'transient',
  GitFailed: 'transient',

  AuthenticationFailed: 'stalled',
  HostKeyRejected: 'stalled',
  CertificateRejected: 'stalled',
  InvalidCredentials: 'stalled',
  RepositoryNotFound: 'stalled',
  RefNotFound: 'stalled',
  CommitNotFound: 'stalled',
  FileNotFound: 'stalled',
  InvalidUrl: 'stalled',
  UrlNotAllowed: 'stalled',
  InvalidRef: 'stalled',
  InvalidPath: 'stalled',
  Redirected: 'stalled',
  NotAFile: 'stalled',
  FileTooLarge: 'stalled',
  RepositoryTooLarge: 'stalled',
  UnsafeRepository: 'stalled',
  FilterUnsupported: 'stalled',
  CommitUnadvertised: 'stalled',
} as const satisfies Record<GitErrorCode, Effect> & Record<string, Effect>;

export type Reason = keyof typeof REASONS;

/** Reason of the Reconciling condition while `spec.suspend` is set. */
export const SUSPENDED = 'Suspended';
