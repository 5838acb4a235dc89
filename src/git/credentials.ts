import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { GitError } from './errors.ts';
import { programOfGit } from './exec-path.ts';
import type { GitUrl } from './url.ts';

/**
 * Where credentials are: the files of a directory (a mounted Secret) or values by key.
 * Keys: `username` and `password` (or `token`, or `password` alone) and `ca.crt` for https; `identity` and `known_hosts` for ssh.
 */
export type Credentials =
  | { readonly directory: string }
  | { readonly values: Readonly<Record<string, string | undefined>> };

/** The keys that are read; all others are left alone. `caFile` is another name of `ca.crt`. */
export const CREDENTIAL_KEYS = [
  'username',
  'password',
  'token',
  'identity',
  'known_hosts',
  'ca.crt',
  'caFile',
] as const;
type CredentialKey = (typeof CREDENTIAL_KEYS)[number];
export type CredentialValues = Partial<Record<CredentialKey, string>>;

/** Longest single value, characters. */
const MAX_VALUE_LENGTH = 64 * 1024;
/** The user name that goes with a token alone. GitHub names it; GitLab, Gitea and Bitbucket take any. */
const TOKEN_USER = 'x-access-token';

const USERNAME_VARIABLE = 'TAKO_GIT_USERNAME';
const PASSWORD_VARIABLE = 'TAKO_GIT_PASSWORD';
/** Builtins of sh only: the password is in the environment of git and of this, never in arguments. */
const HELPER = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$${USERNAME_VARIABLE}" "$${PASSWORD_VARIABLE}"; }; f`;

/** What a git process needs in order to talk to one repository. */
export interface Access {
  readonly config: readonly (readonly [key: string, value: string])[];
  readonly variables: Readonly<Record<string, string>>;
  /** For redaction. */
  readonly secrets: readonly string[];
}

/** Reads the credentials' values. Absent keys are left out. Throws GitError `InvalidCredentials` without any value in it. */
export async function readCredentialValues(credentials: Credentials): Promise<CredentialValues> {
  const values: CredentialValues = {};
  for (const key of CREDENTIAL_KEYS) {
    const value = 'values' in credentials ? credentials.values[key] : await readKey(credentials.directory, key);
    if (value === undefined) continue;
    if (value.length > MAX_VALUE_LENGTH) throw bad(`${key} is longer than ${MAX_VALUE_LENGTH} characters`);
    if (value.includes('\0')) throw bad(`${key} contains a NUL character`);
    values[key] = value;
  }
  return values;
}

async function readKey(directory: string, key: string): Promise<string | undefined> {
  try {
    return await readFile(path.join(directory, key), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw bad(`${key} cannot be read: ${(error as Error).message}`);
  }
}

/**
 * Runs `work` with access to `url`. Key files live in a private directory (mode 0700, files 0600) that is removed afterwards.
 *
 * A password is answered by a credential helper that git itself asks only for the repository's own scheme, host and port, and
 * redirects are not followed. ssh takes the one key and the given known_hosts, nothing of the user's or the system's.
 */
export async function withAccess<T>(
  url: GitUrl,
  credentials: Credentials | undefined,
  temporaryDirectory: string | undefined,
  work: (access: Access) => Promise<T>,
): Promise<T> {
  const values = credentials ? await readCredentialValues(credentials) : {};
  const files = privateFiles(temporaryDirectory ?? os.tmpdir());
  try {
    return await work(await accessFor(url, credentials !== undefined, values, files));
  } finally {
    await files.remove();
  }
}

async function accessFor(url: GitUrl, given: boolean, values: CredentialValues, files: PrivateFiles): Promise<Access> {
  switch (url.scheme) {
    case 'https':
    case 'http':
      return httpAccess(url, given, values, files);
    case 'ssh':
      return sshAccess(url, given, values, files);
    case 'file':
      return fileAccess(url, files);
  }
}

async function httpAccess(url: GitUrl, given: boolean, values: CredentialValues, files: PrivateFiles): Promise<Access> {
  const authority = values['ca.crt'] ?? values.caFile;
  const password = line('password', values.password) ?? line('token', values.token);
  const username = line('username', values.username) ?? TOKEN_USER;
  if (given && password === undefined && authority === undefined) {
    throw bad(`${url.scheme} needs the key password (with username) or token; ca.crt alone is possible too`);
  }
  if (values.username !== undefined && password === undefined) {
    throw bad('username is there without password or token');
  }
  const programs = { GIT_EXEC_PATH: await onlyTransport(url, files) };
  const config: [string, string][] = [];
  if (authority !== undefined) config.push(['http.sslCAInfo', await files.write('ca.crt', authority)]);
  if (password === undefined) return { config, variables: programs, secrets: [] };
  config.push([`credential.${url.scheme}://${url.host}.helper`, HELPER]);
  // Saves the request that is only answered by 401. git before 2.46 does not know it and asks first.
  config.push(['http.proactiveAuth', 'basic']);
  return {
    config,
    variables: { ...programs, [USERNAME_VARIABLE]: username, [PASSWORD_VARIABLE]: password },
    secrets: [password, Buffer.from(`${username}:${password}`).toString('base64')],
  };
}

/**
 * A directory for git to find its programs in that has the one for this transport and no other, in particular no `git-http-fetch`: a server can
 * make git fetch packs from any other address with it (the section packfile-uris of protocol version 2, which git obeys even if it has not
 * asked for it: seen in 2.39), which no redirect can. git's other programs are part of git itself.
 */
async function onlyTransport(url: GitUrl, files: PrivateFiles): Promise<string> {
  const program = `git-remote-${url.scheme}`;
  return path.dirname(await files.link(program, await programOfGit(program)));
}

async function sshAccess(url: GitUrl, given: boolean, values: CredentialValues, files: PrivateFiles): Promise<Access> {
  if (!given) throw bad(`${url.href} needs a Secret with the keys identity and known_hosts: name it in secretRef`);
  if (values.identity === undefined) throw bad('ssh needs the key identity (a private key)');
  if (values.known_hosts === undefined) {
    throw bad('ssh needs the key known_hosts (the lines of `ssh-keyscan`, once checked)');
  }
  const identity = await files.write('identity', withFinalNewline(values.identity));
  const knownHosts = await files.write('known_hosts', withFinalNewline(values.known_hosts));
  return {
    config: [],
    variables: { GIT_SSH_COMMAND: sshCommand(identity, knownHosts), GIT_SSH_VARIANT: 'ssh' },
    secrets: [],
  };
}

/** git hands this to a shell; the paths are quoted for it and for ssh's own option parser. */
function sshCommand(identity: string, knownHosts: string): string {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile="${knownHosts}"`,
    'GlobalKnownHostsFile=/dev/null',
    `IdentityFile="${identity}"`,
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'PreferredAuthentications=publickey',
    'ConnectTimeout=15',
    'ServerAliveInterval=10',
    'ServerAliveCountMax=2',
    'ClearAllForwardings=yes',
    'UpdateHostKeys=no',
    'ControlMaster=no',
    'ControlPath=none',
    'LogLevel=ERROR',
  ];
  return ['ssh', '-F', '/dev/null', ...options.flatMap(option => ['-o', `'${option}'`])].join(' ');
}

/** git reads a repository of another owner only when told so, by a file: upload-pack ignores variables for that. */
async function fileAccess(url: GitUrl, files: PrivateFiles): Promise<Access> {
  const directory = JSON.stringify(decodeURIComponent(url.path));
  const dotGit = JSON.stringify(`${decodeURIComponent(url.path)}/.git`);
  const config = await files.write('gitconfig', `[safe]\n\tdirectory = ${directory}\n\tdirectory = ${dotGit}\n`);
  return { config: [], variables: { GIT_CONFIG_GLOBAL: config }, secrets: [] };
}

interface PrivateFiles {
  /** Gives the file's path. */
  write(name: string, content: string): Promise<string>;
  /** The same for a symbolic link. */
  link(name: string, target: string): Promise<string>;
  remove(): Promise<void>;
}

function privateFiles(parent: string): PrivateFiles {
  let directory: Promise<string> | undefined;
  async function place(name: string): Promise<string> {
    if (/['"\\%\n]/.test(parent)) throw new Error(`the temporary directory's name cannot be quoted: ${parent}`);
    directory ??= mkdtemp(path.join(parent, 'tako-git-'));
    return path.join(await directory, name);
  }
  return {
    async link(name, target) {
      const file = await place(name);
      await symlink(target, file);
      return file;
    },
    async write(name, content) {
      const file = await place(name);
      await writeFile(file, content, { mode: 0o600 });
      await chmod(file, 0o600);
      return file;
    },
    async remove() {
      if (directory !== undefined) await rm(await directory, { recursive: true, force: true });
    },
  };
}

/** A one-line value without the newline that editors and `kubectl create secret --from-file` leave at its end. */
function line(key: CredentialKey, value: string | undefined): string | undefined {
  const text = value?.replace(/\r?\n$/, '');
  if (text === undefined || text === '') return undefined;
  if (/[\r\n]/.test(text)) throw bad(`${key} has more than one line`);
  return text;
}

function withFinalNewline(text: string): string {
  return `${text.replace(/\r\n/g, '\n').replace(/\n*$/, '')}\n`;
}

function bad(why: string): GitError {
  return new GitError('InvalidCredentials', `the Git credentials cannot be used: ${why}`);
}
