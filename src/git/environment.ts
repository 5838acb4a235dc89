import type { GitScheme } from './url.ts';

/** Variables of this process that git may see: where programs and temporary files are, and how the network is reached. */
const PASSED_ON = [
  'PATH',
  'TMPDIR',
  'http_proxy',
  'https_proxy',
  'HTTPS_PROXY',
  'all_proxy',
  'ALL_PROXY',
  'no_proxy',
  'NO_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];

/** A server that sends less than one byte a second for this long is taken for dead. Seconds. */
const SILENCE_SECONDS = 20;

/** Defects of old but harmless histories, which hosting sites accept too. */
const TOLERATED = [
  'zeroPaddedFilemode',
  'badTimezone',
  'missingEmail',
  'missingSpaceBeforeDate',
  'missingSpaceBeforeEmail',
];

/**
 * Configuration of every git process. There is no other: neither the system's nor a user's files are read.
 *
 * The objects of a repository are checked by git's fsck on arrival (paths such as `.git/config`, dangerous submodule files).
 */
const SETTINGS: readonly (readonly [key: string, value: string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['core.autocrlf', 'false'],
  ['core.symlinks', 'true'],
  // Larger files go through in pieces, on arrival and into the work tree, instead of through memory.
  ['core.bigFileThreshold', '8m'],
  ['core.deltaBaseCacheLimit', '16m'],
  ['core.protectHFS', 'true'],
  ['core.protectNTFS', 'true'],
  ['core.askPass', ''],
  ['credential.helper', ''],
  ...['fetch.fsck', 'fsck'].flatMap(command => TOLERATED.map(defect => [`${command}.${defect}`, 'ignore'] as const)),
  ['fetch.recurseSubmodules', 'false'],
  // Always a pack: loose objects would escape the bound on what a server may send.
  ['fetch.unpackLimit', '1'],
  ['fetch.writeCommitGraph', 'false'],
  ['gc.auto', '0'],
  ['http.followRedirects', 'false'],
  ['http.lowSpeedLimit', '1'],
  ['http.lowSpeedTime', String(SILENCE_SECONDS)],
  ['maintenance.auto', 'false'],
  ['protocol.version', '2'],
  ['submodule.recurse', 'false'],
  ['transfer.fsckObjects', 'true'],
];

export interface EnvironmentOptions {
  /** The one kind of transport that the process may use; absent: none, not even for objects that are missing. */
  readonly scheme?: GitScheme | undefined;
  /** Further configuration. Keys may repeat; the last one wins. */
  readonly config?: readonly (readonly [key: string, value: string])[] | undefined;
  /** Further variables, such as those of credentials. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
}

/**
 * The whole environment of a git process. Configuration travels in variables (GIT_CONFIG_COUNT): nothing of it shows in process
 * arguments. Messages are in English, so that they can be told apart.
 */
export function gitEnvironment(
  options: EnvironmentOptions,
  parent: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = parent[name];
    if (value !== undefined) environment[name] = value;
  }
  const config = [...SETTINGS, ...(options.config ?? [])];
  for (const [index, [key, value]] of config.entries()) {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return {
    ...environment,
    GIT_CONFIG_COUNT: String(config.length),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: options.scheme ?? 'none',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    /** No ~/.netrc, no ~/.config. */
    HOME: '/nonexistent',
    LC_ALL: 'C',
    ...options.variables,
  };
}
