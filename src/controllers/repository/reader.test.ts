import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type GitServer, startGitServer } from '../../../test/fixtures/git-server/git-server.mjs';
import { type CreatedRepository, createRepository } from '../../../test/fixtures/git-server/repositories.mjs';
import { until } from '../../../test/fixtures/until.ts';
import { createRepositoryReader, describeFileErrors, type RepositoryReader } from './reader.ts';

const GOOD = 'version: 1\nworkflows:\n  release: {steps: [echo hi]}\n';
const BROKEN = 'version: 1\nworkflows:\n  release: {stepz: [echo hi]}\n';

let root: string;
let repository: CreatedRepository;
let server: GitServer;
let url: string;
let reader: RepositoryReader;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-reader-'));
  repository = await createRepository(path.join(root, 'acme/repo.git'), {
    commits: [
      { files: { 'tako.yml': GOOD, 'ci/other.yml': `${BROKEN}# elsewhere\n` } },
      { files: { 'tako.yml': BROKEN } },
    ],
  });
  server = await startGitServer({ root });
  url = `${server.url}/acme/repo.git`;
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true });
});
afterEach(() => {
  server.setFault(undefined);
  server.setCredentials(undefined);
  server.requests.length = 0;
  reader = newReader();
});

const newReader = (options = {}) => createRepositoryReader({ policy: { schemes: ['http'] }, ...options });
const load = (of: RepositoryReader, commit: number, more = {}) =>
  of.loadWorkflowFile({ repository: { url }, commit: repository.commits[commit] ?? '', ...more });

describe('loadWorkflowFile', () => {
  test('given a good file, then it is parsed and its digest is that of its bytes', async () => {
    const loaded = await load(newReader(), 0);

    expect(Object.keys(loaded.file.workflows)).toEqual(['release']);
    expect(loaded.digest).toBe(createHash('sha256').update(GOOD).digest('hex'));
  });

  test('given many who want the same file, at once and later, then it is read once', async () => {
    reader = newReader();
    await Promise.all(Array.from({ length: 20 }, () => load(reader, 0)));
    const requests = server.requests.length;
    await load(reader, 0);

    expect(requests).toBe(2);
    expect(server.requests).toHaveLength(2);
  });

  test('given a broken file, then the error has file, line and key, and the file is not read again', async () => {
    reader = newReader();
    const broken = {
      name: 'WorkflowFileError',
      code: 'InvalidConfig',
      message: expect.stringMatching(/^tako\.yml:3:\d+ [\s\S]*stepz/),
    };

    await expect(load(reader, 1)).rejects.toMatchObject(broken);
    await expect(load(reader, 1)).rejects.toMatchObject(broken);
    expect(server.requests).toHaveLength(2);
  });

  test('given another path, then that file is read, and its name is in the error', async () => {
    const request = load(newReader(), 0, { repository: { url, path: 'ci/other.yml' } });

    await expect(request).rejects.toThrow(/^ci\/other\.yml:3:/);
  });

  test('given other credentials, then what somebody else could read is not handed out', async () => {
    server.setCredentials({ username: 'robot', password: 'right' });
    reader = newReader();
    const values = (password: string) => ({ credentials: { values: { username: 'robot', password } } });

    await load(reader, 0, values('right'));

    await expect(load(reader, 0, values('wrong'))).rejects.toMatchObject({ code: 'AuthenticationFailed' });
    await expect(load(reader, 0)).rejects.toMatchObject({ code: 'AuthenticationFailed' });
    await expect(load(reader, 0, values('right'))).resolves.toHaveProperty('digest');
  });

  test('given a file above the bound, then it is refused', async () => {
    await expect(load(newReader({ maxFileBytes: 10 }), 0)).rejects.toMatchObject({ code: 'FileTooLarge' });
  });

  test('given a caller who leaves, then the others still get the file', async () => {
    reader = newReader();
    const leaving = new AbortController();
    const left = load(reader, 0, { signal: leaving.signal });
    const stays = load(reader, 0);
    leaving.abort(new Error('off'));

    await expect(left).rejects.toThrow('off');
    await expect(stays).resolves.toHaveProperty('digest');
  });
});

describe('the policy', () => {
  test('given a URL that is not allowed, then nothing is asked', async () => {
    const strict = createRepositoryReader({ policy: { schemes: ['http'], hosts: ['git.example.com'] } });

    await expect(strict.checkUrl(url)).rejects.toMatchObject({ code: 'UrlNotAllowed' });
    await expect(strict.resolveRef({ repository: { url } })).rejects.toMatchObject({ code: 'UrlNotAllowed' });
    await expect(load(strict, 0)).rejects.toMatchObject({ code: 'UrlNotAllowed' });
    expect(server.requests).toEqual([]);
  });

  test('given an allowed one, then references are resolved', async () => {
    expect(await newReader().resolveRef({ repository: { url }, ref: { branch: 'main' } })).toMatchObject({
      commit: repository.commits[1],
      ref: 'refs/heads/main',
    });
  });
});

describe('many callers', () => {
  /** Asks a server that hangs, until it leaves. */
  function startCaller(of: RepositoryReader) {
    const leaving = new AbortController();
    const asking = of.resolveRef({ repository: { url }, ref: { branch: 'main' }, signal: leaving.signal });
    const left = expect(asking).rejects.toThrow('off');
    return {
      leave() {
        leaving.abort(new Error('off'));
        return left;
      },
    };
  }

  test('given more than may call git at once, then each waits for its turn, and who leaves before it gets none', async () => {
    server.setFault({ kind: 'hang' });
    reader = newReader({ gitCalls: 2 });
    const callers = Array.from({ length: 4 }, () => startCaller(reader));
    await until('two have asked', () => server.requests.length >= 2);
    // Had the others started git as well, they would have asked by the time that this one has.
    callers.push(startCaller(newReader()));
    await until('somebody who came later and has not to wait has asked', () => server.requests.length >= 3);
    expect(server.requests).toHaveLength(3);

    await Promise.all([callers[2]!.leave(), callers[0]!.leave()]);
    await until('the last one has its turn', () => server.requests.length === 4);

    await Promise.all(callers.map(({ leave }) => leave()));
    expect(server.requests).toHaveLength(4);
  });
});

describe('lastResolved', () => {
  const request = {
    repository: {
      get url() {
        return url;
      },
    },
    ref: { branch: 'main' },
  };
  const credentials = { values: { username: 'robot', password: 'right' } };

  test('given a reference that was resolved, then it is remembered as it was found, without a request', async () => {
    reader = newReader();
    const found = await reader.resolveRef(request);
    server.requests.length = 0;

    expect(await reader.lastResolved(request)).toEqual(found);
    expect(found.description).toEqual({});
    expect(server.requests).toEqual([]);
  });

  test.each([
    ['another reference', { ref: 'main' }],
    ['no reference', { ref: undefined }],
    ['other credentials', { credentials }],
  ])('given %s, then nothing is known', async (_, other) => {
    reader = newReader();
    await reader.resolveRef(request);

    expect(await reader.lastResolved({ ...request, ...other } as typeof request)).toBeUndefined();
  });
});

describe('describeFileErrors', () => {
  const error = (message: string) => ({ path: 'tako.yml', line: 1, column: 1, keyPath: '', message });

  test('given few errors, then each has its line', () => {
    expect(describeFileErrors([error('a'), error('b')])).toBe('tako.yml:1:1 a\ntako.yml:1:1 b');
  });

  test.each([
    ['many', Array.from({ length: 100 }, (_, index) => error(`${index} ${'x'.repeat(100)}`)), /\nand \d+ more$/],
    ['one long', [error('ä'.repeat(5000))], /ä…$/],
    ['long ones', [error('ä'.repeat(5000)), error('b')], /…\nand 1 more$/],
  ])('given %s, then 2 KiB hold and it says what was left out', (_, errors, end) => {
    const text = describeFileErrors(errors);

    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2048);
    expect(text).toMatch(end);
  });
});
