import { describe, expect, test } from 'vitest';
import { folderOf, type Import, importsOf, importsOfSource, loadedBy } from './imports.ts';

/** An import between two folders of src, why it is there, and where it is limited to some files, which. */
interface Arrow {
  readonly to: string;
  readonly why: string;
  /** The only files on this side that may have it. Default: all of the folder. */
  readonly from?: readonly string[];
  /** The only files on the other side that may be imported. Default: all of the folder. */
  readonly only?: readonly string[];
  /** Types alone may be imported: nothing is loaded. */
  readonly typesOnly?: true;
}

/**
 * Which folder of src knows which other. Arrows go one way, from what runs to what decides to what is: operator, then controllers and gateway,
 * then fanout and workflow, then api. `kube` stands beside and knows nothing of Tako. What is not here is not allowed.
 */
const ARROWS: Readonly<Record<string, readonly Arrow[]>> = {
  cli: [
    {
      to: 'controllers',
      why: 'the claim of a cache, quantities, and when a Pod is over',
      only: ['controllers/cache/claim.ts', 'controllers/cache/pod-gone.ts', 'controllers/run/quantity.ts'],
    },
    { to: 'locks', why: 'locks of cache entries, which it takes itself' },
    { to: 'cache', why: 'checks and removes entries, in a Pod of its own' },
    { to: 'git', why: 'addresses of repositories', only: ['git/url.ts', 'git/errors.ts'] },
    { to: 'agent', why: 'paths and users of a Pod with the cache', only: ['agent/contract.ts'] },
    {
      to: 'workflow',
      why: 'names that were mistyped, durations',
      only: ['workflow/nearest.ts', 'workflow/duration.ts'],
    },
    { to: 'api', why: 'labels and annotations; the reference of the commands' },
    { to: 'kube', why: 'client, clock, errors' },
  ],
  operator: [
    { to: 'controllers', why: 'puts the controllers together' },
    { to: 'gateway', why: 'puts the gateway together' },
    { to: 'evaluator', why: 'starts the thread that controllers evaluate filters in', from: ['operator/operator.ts'] },
    { to: 'fanout', why: 'keeps the index of subscribers, and the deadline of runs for the gateway' },
    {
      to: 'workflow',
      why: 'durations in settings, and names that were mistyped',
      only: ['workflow/duration.ts', 'workflow/nearest.ts'],
    },
    { to: 'git', why: 'what is a pattern of hosts', from: ['operator/config.ts'], only: ['git/url.ts'] },
    { to: 'locks', why: 'the keeper of the locks that the gateway gives out, and its metrics' },
    { to: 'queue', why: 'metrics of the queue', only: ['queue/queue.ts'], typesOnly: true },
    { to: 'api', why: 'which kinds to watch; the reference of both' },
    { to: 'kube', why: 'client, stores, manager' },
  ],
  controllers: [
    { to: 'fanout', why: 'what to do is decided there' },
    { to: 'queue', why: 'who starts next is decided there' },
    { to: 'workflow', why: 'reads tako.yml' },
    { to: 'api', why: 'the kinds that they reconcile' },
    { to: 'kube', why: 'client, stores, queue' },
    { to: 'git', why: 'the operator reads repositories' },
    {
      to: 'agent',
      why: 'the contract with the agent, and the command of the containers that it drives: the Pod is made here',
      only: ['agent/contract.ts', 'agent/protocol/loop.ts'],
    },
    { to: 'evaluator', why: 'it is injected', typesOnly: true },
    { to: 'locks', why: 'the cleanup removes locks that protect nothing', only: ['locks/state.ts'] },
  ],
  gateway: [
    { to: 'fanout', why: 'makes the event run of a fan-out step' },
    { to: 'workflow', why: 'types of JSON and bounds of requests' },
    { to: 'api', why: 'the kind that it creates' },
    { to: 'kube', why: 'errors, clock, the Secret of its certificate' },
    { to: 'locks', why: 'gives locks to agents' },
    {
      to: 'git',
      why: 'the canonical URL of a repository, which names its lock, and what is a commit',
      only: ['git/ref.ts', 'git/url.ts'],
    },
    { to: 'agent', why: 'the contract with the agent', only: ['agent/contract.ts'] },
  ],
  agent: [
    { to: 'workflow', why: 'templates, inputs, tako.yml of the pinned commit' },
    { to: 'git', why: 'the checkout' },
    {
      to: 'cache',
      why: 'the checkout by way of a cache; loaded where there is one',
    },
    { to: 'locks', why: 'what the gateway says of locks', typesOnly: true },
    {
      to: 'evaluator',
      why: 'the conditions of steps; loaded with the first one',
      from: ['agent/condition.ts'],
      only: ['evaluator/evaluator.ts'],
    },
    {
      to: 'fanout',
      why: 'whether a fan-out lets its Pod go: operator and agent must agree',
      only: ['fanout/last-position.ts'],
    },
    { to: 'api', why: 'words of the status', typesOnly: true },
  ],
  fanout: [
    { to: 'workflow', why: 'version ranges, templates, durations' },
    { to: 'api', why: 'events and runs' },
  ],
  locks: [
    { to: 'kube', why: 'the Lease, the client that writes it, the clock' },
    { to: 'api', why: 'names of labels and annotations', only: ['api/meta.ts'] },
  ],
  cache: [
    { to: 'git', why: 'a checkout by way of the cache shares its parts with a plain one' },
    {
      to: 'locks',
      why: 'the words of its locks, and how much their record holds; the locks themselves are injected',
      only: ['locks/limits.ts', 'locks/types.ts'],
    },
  ],
  queue: [{ to: 'kube', why: 'a heap', only: ['kube/heap.ts'] }],
  evaluator: [{ to: 'workflow', why: 'the CEL that it gives a thread and a time limit' }],
  api: [
    {
      to: 'kube',
      why: 'a kind is declared as a resource for the client, which is a table of names and types',
      from: ['api/resources.ts'],
      only: ['kube/objects.ts'],
    },
  ],
  workflow: [],
  git: [],
  kube: [],
};

/** Modules and packages that reach out of the process. */
const IO =
  /^(node:)?(fs|fs\/promises|net|tls|http|https|http2|dgram|dns|child_process|worker_threads|cluster|inspector)(\/|$)|^(undici|@kubernetes\/client-node|fastify|pino|prom-client)(\/|$)/;

/** Files of the pure folders that are programs of their own: nothing imports them. */
const PROGRAMS = ['src/api/generate.ts'];

const imports = importsOfSource();

describe('the layers of src', () => {
  test('every folder has its place: give a new one its arrows', () => {
    const folders = new Set(imports.map(({ from }) => folderOf(from)));
    expect([...folders].sort()).toEqual(Object.keys(ARROWS).sort());
  });

  test('given the arrows, then none leads back', () => {
    const below = (folder: string, way: readonly string[] = []): void => {
      expect(way, `${[...way, folder].join(' -> ')} is a circle`).not.toContain(folder);
      for (const { to, typesOnly, only } of ARROWS[folder] ?? []) {
        if (typesOnly === undefined && only === undefined) below(to, [...way, folder]);
      }
    };
    for (const folder of Object.keys(ARROWS)) below(folder);
  });

  test.each(Object.keys(ARROWS))('given src/%s, then it imports only what its arrows allow', folder => {
    const wrong = imports.filter(one => folderOf(one.from) === folder).flatMap(one => problemOf(one, folder));
    expect(wrong).toEqual([]);
  });

  test.each(
    Object.entries(ARROWS).flatMap(([folder, arrows]) => arrows.map(arrow => [folder, arrow.to, arrow] as const)),
  )(
    'given the arrow from %s to %s, then something needs it, and each file that it names',
    (folder, to, { from = [], only = [] }) => {
      const used = imports.filter(one => folderOf(one.from) === folder && folderOf(one.to) === to);
      expect(used.length).toBeGreaterThan(0);
      expect(used.map(one => one.from)).toEqual(expect.arrayContaining(from.map(file => `src/${file}`)));
      expect(used.map(one => one.to)).toEqual(expect.arrayContaining(only.map(file => `src/${file}`)));
    },
  );
});

describe('what decides does no I/O', () => {
  test.each(['workflow', 'fanout', 'queue', 'api'])(
    'given src/%s, then nothing of it loads a module that reaches out',
    folder => {
      const files = [...new Set(imports.map(({ from }) => from))].filter(
        file => folderOf(file) === folder && !PROGRAMS.includes(file),
      );
      const ways = [...loadedBy(files, imports)]
        .filter(([module]) => IO.test(module))
        .map(([, way]) => way.join(' -> '));
      expect(ways).toEqual([]);
    },
  );

  test('given a program among the pure files, then nothing imports it', () => {
    expect(imports.filter(({ to }) => PROGRAMS.includes(to))).toEqual([]);
  });
});

describe('what the agent loads', () => {
  test('given its memory bound, then nothing of the operator, no schema of the kinds and no CEL is loaded at its start', () => {
    const first = imports.filter(({ from, to }) => from !== 'src/agent/condition.ts' || folderOf(to) !== 'evaluator');
    const loaded = [...loadedBy(['src/agent/main.ts'], first)];
    const heavy = /^src\/(kube|controllers|gateway|operator|api)\/|^(@bufbuild\/cel|@kubernetes|undici|fastify|pino)/;
    expect(loaded.filter(([module]) => heavy.test(module)).map(([, way]) => way.join(' -> '))).toEqual([]);
  });
});

describe('the reading of imports', () => {
  test('given every way to import, then it is found', () => {
    const text = [
      "import 'side-effect';",
      "import one, { two } from './a/one.ts';",
      'import {\n  three,\n} from "../three.ts";',
      "import type { Four } from 'node:fs';",
      "export { five } from './five.ts';",
      "export * from './six.ts';",
      "  const late = await import('./seven.ts');",
    ].join('\n');
    expect(importsOf('src/x/file.ts', text).map(({ to, isType }) => (isType ? `type ${to}` : to))).toEqual([
      'side-effect',
      'src/x/a/one.ts',
      'src/three.ts',
      'type node:fs',
      'src/x/five.ts',
      'src/x/six.ts',
      'src/x/seven.ts',
    ]);
  });

  test('given the source, then as many are found as there are lines that import from somewhere', () => {
    expect(imports.length).toBeGreaterThan(500);
  });
});

/** What is wrong with an import; empty when nothing is. */
function problemOf({ from, to, isType }: Import, folder: string): string[] {
  const target = folderOf(to);
  if (target === undefined || target === folder) return [];
  const said = `${from} -> ${to}`;
  const arrow = ARROWS[folder]?.find(one => one.to === target);
  if (arrow === undefined) return [`${said}: ${folder} may not know ${target}`];
  const within = (files: readonly string[] | undefined, file: string) =>
    files === undefined || files.includes(file.replace(/^src\//, ''));
  if (!within(arrow.from, from)) return [`${said}: only ${arrow.from?.join(', ')} may`];
  if (!within(arrow.only, to)) return [`${said}: only ${arrow.only?.join(', ')} may be imported`];
  return arrow.typesOnly === true && !isType ? [`${said}: only its types may be imported`] : [];
}
