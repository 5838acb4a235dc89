import { describe, expect, test } from 'vitest';
import { classifyFailure, redact } from './classify.ts';
import { parseGitUrl } from './url.ts';

const url = parseGitUrl('https://git.example.com/acme/repo');
const classify = (stderr: string, secrets: string[] = []) =>
  classifyFailure({ url, command: 'fetch', ending: 'exit code 128', stderr, secrets });

describe('classifyFailure', () => {
  // Word for word what git 2.39, OpenSSH 9.2 and well-known servers print.
  test.each([
    [
      'fatal: Out of memory, malloc failed (tried to allocate 2147483521 bytes)\nfatal: fetch-pack: invalid index-pack output',
      'RepositoryTooLarge',
      'invalid',
    ],
    ['fatal: inflate: out of memory', 'RepositoryTooLarge', 'invalid'],
    [
      'error: index-pack died of signal 9\nfatal: fetch-pack: invalid index-pack output',
      'RepositoryTooLarge',
      'invalid',
    ],
    ['error: --shallow-file died of signal 11', 'UnsafeRepository', 'invalid'],
    [
      'remote: fatal: Out of memory, malloc failed\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output',
      'Unreachable',
      'transient',
    ],
    [
      "git: 'http-fetch' is not a git command. See 'git --help'.\nfatal: fetch-pack: expected keep then TAB at start of http-fetch output",
      'Redirected',
      'invalid',
    ],
    ['fatal: did not receive expected object 1111111111111111111111111111111111111111', 'UnsafeRepository', 'invalid'],
    [
      'fatal: REF_DELTA at offset 247 already resolved (duplicate base 6b584e8ece562ebffc15d38808cd6b98fc3d97ea?)\nfatal: fetch-pack: invalid index-pack output',
      'UnsafeRepository',
      'invalid',
    ],
    ["fatal: unable to access 'https://h/a/': Could not resolve host: h", 'Unreachable', 'transient'],
    [
      "fatal: unable to access 'http://h/a/': Failed to connect to h port 80 after 0 ms: Couldn't connect to server",
      'Unreachable',
      'transient',
    ],
    [
      'ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.',
      'Unreachable',
      'transient',
    ],
    [
      'ssh: Could not resolve hostname h: Name or service not known\nfatal: Could not read from remote repository.',
      'Unreachable',
      'transient',
    ],
    [
      'error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF',
      'Unreachable',
      'transient',
    ],
    [
      "fatal: unable to access 'http://h/': Operation too slow. Less than 1 bytes/sec transferred the last 20 seconds",
      'TimedOut',
      'transient',
    ],
    [
      'ssh: connect to host h port 22: Connection timed out\nfatal: Could not read from remote repository.',
      'TimedOut',
      'transient',
    ],
    ["fatal: unable to access 'http://h/a/': The requested URL returned error: 503", 'ServerError', 'transient'],
    ["fatal: unable to access 'http://h/a/': The requested URL returned error: 429", 'ServerError', 'transient'],
    ["fatal: unable to access 'http://h/a/': The requested URL returned error: 403", 'AuthenticationFailed', 'auth'],
    ["fatal: Authentication failed for 'https://h/a/'", 'AuthenticationFailed', 'auth'],
    ["fatal: could not read Username for 'https://h': terminal prompts disabled", 'AuthenticationFailed', 'auth'],
    [
      'git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.',
      'AuthenticationFailed',
      'auth',
    ],
    ['Host key verification failed.\nfatal: Could not read from remote repository.', 'HostKeyRejected', 'auth'],
    [
      'No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict checking.',
      'HostKeyRejected',
      'auth',
    ],
    [
      'Load key "/tmp/x/identity": error in libcrypto\ngit@h: Permission denied (publickey).',
      'InvalidCredentials',
      'auth',
    ],
    [
      "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: none",
      'CertificateRejected',
      'auth',
    ],
    [
      "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate",
      'CertificateRejected',
      'auth',
    ],
    ["fatal: repository 'https://h/a/' not found", 'RepositoryNotFound', 'notFound'],
    ['ERROR: Repository not found.\nfatal: Could not read from remote repository.', 'RepositoryNotFound', 'notFound'],
    [
      "fatal: '/srv/x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
      'RepositoryNotFound',
      'notFound',
    ],
    ["fatal: couldn't find remote ref refs/heads/x", 'RefNotFound', 'notFound'],
    ['fatal: remote error: upload-pack: not our ref 1234', 'CommitNotFound', 'notFound'],
    ['error: Server does not allow request for unadvertised object 1234', 'CommitUnadvertised', 'invalid'],
    ['fatal: remote error: want 1234 not valid', 'CommitUnadvertised', 'invalid'],
    ["fatal: remote error: filter 'tree' not supported", 'FilterUnsupported', 'invalid'],
    ["fatal: unable to access 'http://h/': The requested URL returned error: 301", 'Redirected', 'invalid'],
    [
      "error: object 12: hasDotgit: contains '.git'\nfatal: fsck error in packed object\nfatal: fetch-pack: invalid index-pack output",
      'UnsafeRepository',
      'invalid',
    ],
    ["error: invalid path '.git/config'", 'UnsafeRepository', 'invalid'],
    ["fatal: transport 'file' not allowed", 'UrlNotAllowed', 'invalid'],
    ['fatal: write error: No space left on device', 'GitFailed', 'transient'],
    ['error: unable to create file a: Permission denied', 'GitFailed', 'transient'],
    ['', 'GitFailed', 'transient'],
  ])('given %j, then it is %s', (stderr, code, errorClass) => {
    expect(classify(stderr)).toMatchObject({ code, class: errorClass });
  });

  test('given an error, then the message names the repository', () => {
    expect(classify('fatal: early EOF').message).toContain('https://git.example.com/acme/repo');
  });

  test('given an unknown error, then the message holds the last line of git, bounded and without control characters', () => {
    const { message } = classify(`warning: x\nfatal: \x1b[31mbroken${'!'.repeat(2000)}\n`);

    expect(message).toContain('broken!!!');
    expect(message).not.toContain('\x1b');
    expect(message.length).toBeLessThan(500);
  });

  test('given a server that repeats the password, then the message does not', () => {
    const { message } = classify('remote: hunter2/x is wrong\nfatal: something at https://u:hunter2@h/ hunter2%2Fx', [
      'hunter2/x',
    ]);

    expect(message).not.toContain('hunter2');
  });
});

describe('redact', () => {
  test('given user info in a URL, then it is taken out', () => {
    expect(redact('at https://user:pw@host/x', [])).toBe('at https://***@host/x');
  });
});

describe('a process that was ended', () => {
  test.each([
    ['died of SIGKILL', 'RepositoryTooLarge', '128 MiB of memory'],
    ['died of SIGSEGV', 'UnsafeRepository', 'git crashed'],
  ])('given one that %s, then the message says what that means', (ending, code, words) => {
    const error = classifyFailure({ command: 'read-tree', ending, stderr: '', memoryBytes: 128 * 1024 * 1024 });

    expect(error).toMatchObject({ code, class: 'invalid', message: expect.stringContaining(words) });
  });
});
