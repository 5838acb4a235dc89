import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import { createRepository } from '../../test/fixtures/git-server/repositories.mjs';
import {
  type HostileAnswers,
  type HostileServer,
  startHostileServer,
} from '../../test/fixtures/hostile/hostile-server.ts';
import { treeContent } from '../../test/fixtures/hostile/objects.ts';
import {
  countOfObjects,
  deepTree,
  deltaBomb,
  deltaChain,
  deltaOfItself,
  endless,
  type HostilePack,
  hugeTree,
  rawTree,
  zeros,
} from '../../test/fixtures/hostile/packs.ts';
import { type ReadFileRequest, readFileAt, resolveRef } from './remote.ts';
import { type Arena, createArena, ONLY_VICTIM, type Outcome } from './testing/arena.ts';
import { rejectionOf } from './testing/rejection.ts';
import { checkGitUrl, parseGitUrl } from './url.ts';

const MIB = 1024 * 1024;
const ABSENT = '1234567890'.repeat(4);

let arena: Arena;
let server: HostileServer | undefined;
beforeEach(async () => {
  arena = await createArena();
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await arena.remove();
});

async function start(answers: HostileAnswers): Promise<HostileServer> {
  server = await startHostileServer(answers);
  return server;
}

async function checkoutOf(
  pack: HostilePack,
  more: Parameters<Arena['checkout']>[2] = {},
  answers: HostileAnswers = {},
): Promise<Outcome> {
  const { url } = await start({ pack, ...answers });
  const outcome = await arena.checkout(url, pack.commit, more);
  expect(outcome.outside).toEqual(ONLY_VICTIM);
  return outcome;
}

describe('packs that unpack to more than they are', () => {
  test('given 256 MiB in a pack of 1 MiB, then memory does not have to hold them, and their size is refused', async () => {
    const { error, files } = await checkoutOf(zeros(256 * MIB), { limits: { fileBytes: 100 * MIB } });

    expect(error).toMatchObject({ code: 'FileTooLarge', class: 'invalid' });
    expect(error?.message).toContain('"zeros"');
    expect(error?.message).toContain('268435456 bytes');
    expect(files).toEqual({});
  });

  test('given a file larger than what is held in memory, when it is allowed, then it is written in pieces', async () => {
    const { error, files } = await checkoutOf(zeros(24 * MIB), { memoryBytes: 16 * MIB });

    expect(error).toBeUndefined();
    expect(files).toEqual({ zeros: 'file 664' });
  });

  test.each([
    ['a delta of 600 bytes that makes 2 GiB', deltaBomb(128)],
    ['a tree that says it has 2 TiB', hugeTree()],
  ])('given %s, then git stops at its limit of memory, and the message says so', async (_, pack) => {
    const { error, files } = await checkoutOf(pack);

    expect(error).toMatchObject({ code: 'RepositoryTooLarge', class: 'invalid' });
    expect(error?.message).toMatch(/more than the 128 MiB of memory .*Out of memory/);
    expect(files).toEqual({});
  });

  test('given deltas on deltas, then they are taken with the memory of two', async () => {
    expect((await checkoutOf(deltaChain(500), { memoryBytes: 24 * MIB })).error).toBeUndefined();
  });

  test('given a delta that makes its own base, then it is refused for good, unless git can make sense of it', async () => {
    const { error } = await checkoutOf(deltaOfItself());

    // Newer versions of git follow such deltas: https://github.com/gitgitgadget/git/pull/1906
    expect([undefined, 'UnsafeRepository']).toContain(error?.code);
  });

  test('given a header that speaks of four thousand million objects, then it is refused', async () => {
    expect((await checkoutOf(countOfObjects())).error).toMatchObject({ class: 'invalid' });
  });

  test('given a file without an end that says little for long, then the time limit ends it', async () => {
    const { error } = await checkoutOf(endless({ compressed: true }), { timeoutMs: 2_000 });

    expect(error).toMatchObject({ code: 'TimedOut' });
  });

  test('given a file without an end, then it is cut off at the bound', async () => {
    const pack = endless({ compressed: false });
    const { url } = await start({ pack });

    const error = await rejectionOf(read({ url: parseGitUrl(url), commit: pack.commit, maxFetchBytes: 4 * MIB }));

    expect(error).toMatchObject({ code: 'RepositoryTooLarge' });
  });
});

const read = (request: Pick<ReadFileRequest, 'url' | 'commit'> & Partial<ReadFileRequest>) =>
  readFileAt({ path: 'tako.yml', maxBytes: MIB, ...request });

describe('deep trees', () => {
  test('given 10,000 directories in one another, then they are refused, in few words', async () => {
    const { error, files } = await checkoutOf(deepTree(10_000));

    expect(error).toMatchObject({ code: 'UnsafeRepository' });
    expect(error?.message).toMatch(/more than 256 directories in one another: "d\/d\/d/);
    expect(error?.message.length).toBeLessThan(400);
    expect(files).toEqual({});
  });

  test('given so many that git itself crashes, then that is said, and it is not tried again', async () => {
    const { error, files } = await checkoutOf(deepTree(100_000));

    expect(error).toMatchObject({ code: 'UnsafeRepository', class: 'invalid' });
    expect(error?.message).toMatch(/git crashed .*directories in one another/);
    expect(files).toEqual({});
  });
});

describe('objects that no git would send', () => {
  const x = '587be6b4c3f93f93c489c0111bba5596147a26cb';

  test.each([
    ['a tree that breaks off', Buffer.from('100644 abc')],
    ['a tree with an empty name', treeContent([{ mode: '100644', name: '', id: x }])],
    ['a mode that is no number', treeContent([{ mode: '10064x', name: 'f', id: x }])],
    ['a file that is a directory', treeContent([{ mode: '40000', name: 'f', id: x }])],
    ['a file that is not there', treeContent([{ mode: '100644', name: 'f', id: ABSENT }])],
    ['.git', treeContent([{ mode: '100644', name: '.git', id: x }])],
    ['a way up', treeContent([{ mode: '100644', name: '../victim/planted', id: x }])],
  ])('given %s, then it is refused', async (_, tree) => {
    const { error, files } = await checkoutOf(rawTree(tree));

    expect(error).toMatchObject({ code: 'UnsafeRepository', message: expect.stringContaining('git fsck') });
    expect(files).toEqual({});
  });
});

describe('a server that lies', () => {
  test('given references without an end, then git stops at its limit of memory or output', async () => {
    const { url } = await start({ references: endlessReferences() });

    const error = await rejectionOf(resolveRef(parseGitUrl(url), 'main'));

    expect(error).toMatchObject({ code: 'RepositoryTooLarge', class: 'invalid' });
  });

  test('given references with odd names, then they are left out', async () => {
    const tag = (name: string) => `${ABSENT} refs/tags/${name}`;
    const { url } = await start({
      references: [
        `${ABSENT} refs/heads/main`,
        tag('../../config'),
        tag('a\x1b[2Jb'),
        tag('.hidden'),
        tag('-u'),
        tag('two..dots'),
        tag('x.lock'),
        tag('y'.repeat(300)),
        tag('v1'),
      ],
    });

    expect(await resolveRef(parseGitUrl(url), 'main')).toEqual({
      commit: ABSENT,
      ref: 'refs/heads/main',
      description: { tag: 'v1', commitsSinceTag: 0, describe: 'v1' },
    });
  });

  test('given as many tags on one commit as fit into a list, then it takes no longer than their number', async () => {
    const references = [`${ABSENT} refs/heads/main`];
    for (let index = 0; index < 200_000; index++) references.push(`${ABSENT} refs/tags/1.${index}.${index}`);
    const { url } = await start({ references });

    expect((await resolveRef(parseGitUrl(url), 'main')).description).toMatchObject({ tag: '1.99.99' });
  });

  test('given text for a terminal, then it is in no message', async () => {
    const { error } = await checkoutOf(zeros(10), {}, { error: '\x1b[2J\x07evil\u202e' });

    expect(error?.message).toContain('evil');
    expect(error?.message).toMatch(/^[\x20-\x7e]+$/);
  });

  test.each([
    'ext::sh -c touch% CANARY',
    'file:///etc/passwd',
    'ssh://-oProxyCommand=touch%20CANARY/x',
    'http://127.0.0.1:1/acme/repo.git',
  ])('given a redirect to %s, then it is not followed', async target => {
    const root = await mkdtemp(path.join(os.tmpdir(), 'tako-redirect-'));
    const redirecting = await startGitServer({ root });
    redirecting.setFault({ kind: 'redirect', to: target.replace('CANARY', arena.canary) });

    const { error, outside } = await arena.checkout(`${redirecting.url}/acme/repo.git`, ABSENT);

    expect(error).toMatchObject({ code: 'Redirected' });
    expect(outside).toEqual(ONLY_VICTIM);
    await redirecting.close();
    await rm(root, { recursive: true });
  });

  test('given a pack that is said to be at another address, then nobody is asked there', async () => {
    const asked: string[] = [];
    const elsewhere = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end();
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const address = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/latest/meta-data`;

    for (const uri of [address, 'file:///etc/passwd', `ext::touch ${arena.canary}`]) {
      const { error } = await checkoutOf(
        zeros(10),
        {},
        { capabilities: ['packfile-uris'], sections: [['packfile-uris', `${ABSENT} ${uri}`]] },
      );
      expect(error).toMatchObject({ code: 'Redirected', message: expect.stringContaining('packfile-uris') });
      await rm(path.join(path.dirname(arena.workTree), 'git'), { recursive: true });
      await server?.close();
    }

    expect(asked).toEqual([]);
    elsewhere.close();
  });
});

function* endlessReferences(): Generator<string> {
  for (let index = 0; ; index++) yield `${ABSENT} refs/tags/v${index}`;
}

test('given a file:// repository whose own configuration names programs and files, then none is run or read', async () => {
  const root = await mkdtemp(path.join(os.tmpdir(), 'tako-file-'));
  const directory = path.join(root, 'acme/repo.git');
  const { commits } = await createRepository(directory, { commits: [{ files: { 'tako.yml': 'x' } }] });
  const touch = `"touch ${arena.canary}"`;
  await writeFile(
    path.join(directory, 'config'),
    `[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfsmonitor = ${touch}\n\tsshCommand = ${touch}\n\talternateRefsCommand = ${touch}\n\taskPass = ${touch}\n\tpager = ${touch}\n[uploadpack]\n\tpackObjectsHook = ${touch}\n[credential]\n\thelper = "!touch ${arena.canary}"\n[alias]\n\tpack-objects = "!touch ${arena.canary}"\n`,
  );
  await mkdir(path.join(directory, 'hooks'), { recursive: true });
  await writeFile(path.join(directory, 'hooks/post-upload-pack'), `#!/bin/sh\ntouch ${arena.canary}\n`, {
    mode: 0o755,
  });
  const url = await checkGitUrl(`file://${directory}`, { schemes: ['file'], fileRoot: root });

  await resolveRef(url, 'main');
  await read({ url, commit: commits[0] ?? '' });
  // What it includes git would read, and name in its messages.
  await appendFile(path.join(directory, 'config'), '[ include ]\n\tpath = /etc/passwd\n');
  const including = await rejectionOf(checkGitUrl(`file://${directory}`, { schemes: ['file'], fileRoot: root }));

  expect(including.code).toBe('UrlNotAllowed');
  expect(await readdir(path.dirname(arena.canary))).not.toContain('canary');
  await rm(root, { recursive: true });
});
