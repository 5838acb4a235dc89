import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type GitServer, startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import {
  attributes,
  COLLISIONS,
  configuration,
  createHostileRepository,
  dotGit,
  file,
  folder,
  linksOut,
  ODD_MODES,
  ODD_NAMES,
  submodules,
  type Tree,
  treeBomb,
  wideTree,
} from '../../test/fixtures/hostile/trees.ts';
import { type Arena, createArena, ONLY_VICTIM, type Outcome } from './testing/arena.ts';

let root: string;
let server: GitServer;
let arena: Arena;
let counter = 0;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-hostile-'));
  server = await startGitServer({ root });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true });
});
beforeEach(async () => {
  arena = await createArena();
});
afterEach(() => arena.remove());

async function checkoutOf(make: (directory: string) => Promise<string>): Promise<Outcome> {
  const name = `acme/r${counter++}.git`;
  const outcome = await arena.checkout(`${server.url}/${name}`, await make(path.join(root, name)));
  // Whatever became of it, nothing is beside the workspace that was not there before: nothing written, and nothing run.
  expect(outcome.outside).toEqual(ONLY_VICTIM);
  return outcome;
}

const checkoutOfTree = (tree: Tree) => checkoutOf(directory => createHostileRepository(directory, tree));

/** The tree of that name; with what it leads to, when that is known only in the test. */
function named(trees: Record<string, Tree>, name: string): Tree {
  const tree = trees[name];
  if (tree === undefined) throw new Error(`there is no tree "${name}"`);
  return tree;
}

const names = (trees: Record<string, unknown>) => Object.keys(trees);

function expectRefused({ error, files }: Outcome, code = 'UnsafeRepository'): void {
  expect(error).toMatchObject({ code, class: 'invalid' });
  expect(error?.message).toMatch(/^[\x20-\x7e]+$/);
  expect(files).toEqual({});
}

function expectTaken({ error, files }: Outcome): void {
  expect(error).toBeUndefined();
  // Files, directories and links with the modes that the agent gives; nothing that is special, setuid, or anyone's to write.
  for (const [name, kind] of Object.entries(files))
    expect(kind, name).toMatch(/^(file 664|file 775|directory 775|-> )/);
}

describe('symbolic links', () => {
  const REFUSED = /directory of its name|link of its name|slash behind|1 MiB|empty/;

  test.each(names(linksOut('')).filter(name => REFUSED.test(name)))('given %s, then it is refused', async name => {
    expectRefused(await checkoutOfTree(named(linksOut(arena.victim), name)));
  });

  test.each(names(linksOut('')).filter(name => !REFUSED.test(name)))(
    'given %s, then it is a link in the workspace, and nothing went through it',
    async name => {
      const outcome = await checkoutOfTree(named(linksOut(arena.victim), name));

      expectTaken(outcome);
      expect(Object.values(outcome.files).some(kind => kind.startsWith('-> '))).toBe(true);
    },
  );
});

test('given the same content twice, then each is a file of its own: git has no hard links, and checkout makes none', async () => {
  const outcome = await checkoutOfTree([
    ['a', file('same')],
    ['b', file('same')],
  ]);

  expectTaken(outcome);
  const [a, b] = await Promise.all(['a', 'b'].map(name => stat(path.join(arena.workTree, name))));
  expect(a?.ino).not.toBe(b?.ino);
  expect([a?.nlink, b?.nlink]).toEqual([1, 1]);
});

describe('odd modes', () => {
  const REFUSED = /no number|that is a (file|directory)$|named by zeros/;

  test.each(names(ODD_MODES).filter(name => REFUSED.test(name)))(
    'given %s, then nothing is checked out',
    async name => {
      const { error, files } = await checkoutOfTree(named(ODD_MODES, name));

      // git on the server's side notices some of these first, and breaks off.
      expect(error?.code).toMatch(/^(UnsafeRepository|GitFailed|Unreachable)$/);
      expect(files).toEqual({});
    },
  );

  test.each(names(ODD_MODES).filter(name => !REFUSED.test(name)))(
    'given %s, then it is an ordinary file or directory',
    async name => {
      const outcome = await checkoutOfTree(named(ODD_MODES, name));

      expectTaken(outcome);
      expect(Object.keys(outcome.files)).not.toEqual([]);
    },
  );

  test('given a device, then there is an empty directory, as for a submodule', async () => {
    expect((await checkoutOfTree(named(ODD_MODES, 'a block device'))).files).toEqual({ device: 'directory 775' });
  });
});

describe('.git in a tree', () => {
  test.each(names(dotGit('')))('given %s, then it is refused', async name => {
    const outcome = await checkoutOfTree(named(dotGit(arena.canary), name));

    // An empty name the server's own git cannot read.
    if (name === 'a name that is empty') expect(outcome).toMatchObject({ error: expect.anything(), files: {} });
    else expectRefused(outcome);
  });

  test('given the configuration, hooks and attributes of a Git directory at the root, then they are mere files', async () => {
    const outcome = await checkoutOfTree(configuration(arena.canary));

    expectTaken(outcome);
    expect(outcome.files).toHaveProperty('hooks/post-checkout', 'file 775');
  });

  test('control: given a git that believes what is in the tree, then the canary is there', async () => {
    await checkoutOfTree(configuration(arena.canary));
    const options = { cwd: arena.workTree, stdio: 'ignore' as const };

    execFileSync('git', ['init', '--quiet', '.'], options);
    execFileSync('git', ['config', 'core.fsmonitor', await fsmonitorOf(arena.workTree)], options);
    execFileSync('git', ['status'], options);

    expect(await readdir(path.dirname(arena.canary))).toContain('canary');
  });
});

/** The value of core.fsmonitor in the tree's own .gitconfig. */
async function fsmonitorOf(directory: string): Promise<string> {
  return execFileSync('git', ['config', '--file', path.join(directory, '.gitconfig'), 'core.fsmonitor'])
    .toString()
    .trim();
}

describe('submodules', () => {
  const TAKEN = /ext::|file:\/\/|local path|as its host|on demand|does not parse/;

  test.each(names(submodules('')).filter(name => !TAKEN.test(name)))('given %s, then it is refused', async name => {
    expectRefused(await checkoutOfTree(named(submodules(arena.canary), name)));
  });

  test.each(names(submodules('')).filter(name => TAKEN.test(name)))(
    'given %s, then the submodule is an empty directory, and nobody was asked for it',
    async name => {
      const outcome = await checkoutOfTree(named(submodules(arena.canary), name));

      expectTaken(outcome);
      expect(outcome.files).toMatchObject({ '.gitmodules': 'file 664' });
      expect(Object.keys(outcome.files).filter(path => path.startsWith('module/'))).toEqual([]);
    },
  );
});

describe('attributes', () => {
  const REFUSED = /3 MiB|101 MiB/;

  test.each(names(attributes('')).filter(name => REFUSED.test(name)))('given %s, then it is refused', async name => {
    expectRefused(await checkoutOfTree(named(attributes(arena.canary), name)));
  });

  test.each(names(attributes('')).filter(name => !REFUSED.test(name)))(
    'given %s, then no program of it is run',
    async name => {
      const outcome = await checkoutOfTree(named(attributes(arena.canary), name));

      expectTaken(outcome);
      expect((await stat(path.join(arena.workTree, 'file.txt'))).size).toBeLessThan(100);
    },
  );

  test.each([
    ['a filter driver', '$Id$\n'],
    ['an encoding that does not exist', '$Id$\n'],
  ])('given %s, then the file is as in the repository', async (name, content) => {
    await checkoutOfTree(named(attributes(arena.canary), name));

    expect(await readFile(path.join(arena.workTree, 'file.txt'), 'utf8')).toBe(content);
  });
});

describe('names', () => {
  test.each(Object.entries(ODD_NAMES))('given a name with %s, then there is a file of that name', async (_, name) => {
    const outcome = await checkoutOfTree([[name, file()]]);

    expectTaken(outcome);
    expect(await readdir(arena.workTree, { encoding: 'buffer' })).toEqual([Buffer.from(name)]);
  });

  test.each([
    ['a name of 256 bytes', [['x'.repeat(256), file()]]],
    ['a name of 1 MiB', [['x'.repeat(1024 * 1024), file()]]],
    ['a path of more than 4,000 bytes', [['y'.repeat(200), nested(20)]]],
  ] satisfies [string, Tree][])('given %s, then it is refused, and the message is short', async (_, tree) => {
    const outcome = await checkoutOfTree(tree);

    expectRefused(outcome);
    expect(outcome.error?.message.length).toBeLessThan(400);
  });

  test('given a refused file whose name would forge lines, then the message has it escaped', async () => {
    const name = 'x\n\x1b[2JSUCCESS\u202e';
    const { error } = await checkoutOf(async directory =>
      createHostileRepository(directory, [[name, { mode: '120000', content: 'x'.repeat(5000) }]]),
    );

    expect(error?.message).toContain('"x\\n\\u{1b}[2JSUCCESS\\u{202e}"');
  });

  test.each(Object.entries(COLLISIONS))(
    'given two names that differ in %s only, then they are two files',
    async (_, [one, other]) => {
      const outcome = await checkoutOfTree([
        [one, file('1')],
        [other, file('2')],
      ]);

      expectTaken(outcome);
      expect(await readFile(path.join(arena.workTree, one), 'utf8')).toBe('1');
      expect(await readFile(path.join(arena.workTree, other), 'utf8')).toBe('2');
    },
  );
});

function nested(levels: number): ReturnType<typeof folder> {
  return levels === 0 ? folder([['x', file()]]) : folder([['y'.repeat(200), nested(levels - 1)]]);
}

describe('the number of files', () => {
  test.each([
    ['ten thousand million files made of eleven objects', (directory: string) => treeBomb(directory)],
    ['as many empty directories', (directory: string) => treeBomb(directory, { files: false })],
    ['one directory with 250,000 files', (directory: string) => wideTree(directory, 250_000)],
  ])('given %s, then it is refused before anything is written', async (_, make) => {
    const outcome = await checkoutOf(make);

    expectRefused(outcome, 'RepositoryTooLarge');
    expect(outcome.error?.message).toMatch(/more than 200000 files and directories .*TAKO_CHECKOUT_MAX_ENTRIES/);
  });
});
