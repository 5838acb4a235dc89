import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createQueue } from './queue.ts';
import { NO_LIMITS, ticket } from './testing/naive.ts';
import type { QueueLimits, Ticket } from './types.ts';

function harness(limits: Partial<QueueLimits> = {}) {
  const granted: string[] = [];
  const queue = createQueue({ limits: { ...NO_LIMITS, ...limits }, onGrant: key => void granted.push(key) });
  const ask = (key: string, changes: Partial<Ticket> = {}) => queue.request(ticket(key, changes));
  return { queue, granted, ask };
}

/** A child of a fan-out. */
const child = (changes: Partial<Ticket> = {}): Partial<Ticket> => ({
  root: 'root',
  above: ['fan-out', 'root'],
  depth: 1,
  fanOutLimit: 1,
  ...changes,
});

describe('a queue of runs', () => {
  it('given a free place, then a run has it, keeps it when it asks again, and is not told what it was answered', () => {
    const { queue, ask, granted } = harness();
    expect([ask('a', child()), ask('a', child())]).toEqual([undefined, undefined]);
    expect([queue.runningOf('fan-out'), granted]).toEqual([1, []]);
  });

  it('given no place, when a holder ends, then the oldest gets it and is told', () => {
    const { queue, ask, granted } = harness();
    ask('a', child());
    const held = { reason: 'ConcurrencyLimit', limit: 1 };
    expect(ask('c', child({ createdMs: 3 }))).toEqual(held);
    expect(ask('b', child({ createdMs: 2 }))).toEqual(held);
    queue.release('a');
    expect(granted).toEqual(['b']);
    expect(ask('b', child({ createdMs: 2 }))).toBeUndefined();
    expect(ask('c', child({ createdMs: 3 }))).toEqual(held);
  });

  it('given one that has a place and gives up before it starts, then the next has it', () => {
    const { queue, ask, granted } = harness();
    for (const key of ['a', 'b', 'c']) ask(key, child());
    queue.release('a');
    queue.release('b');
    expect(granted).toEqual(['b', 'c']);
  });

  it('given one in the queue that gives up, then nobody is told for nothing', () => {
    const { queue, ask, granted } = harness();
    for (const key of ['a', 'b', 'c']) ask(key, child());
    queue.release('b');
    queue.release('nobody');
    expect(granted).toEqual([]);
    queue.release('a');
    expect(granted).toEqual(['c']);
  });

  it('given runs with Pods after a restart, then they count before anybody asks, even beyond the limit', () => {
    const { queue, ask, granted } = harness();
    queue.hold(ticket('a', child()));
    queue.hold(ticket('b', child()));
    expect(ask('c', child())).toBeDefined();
    expect(ask('a', child())).toBeUndefined();
    queue.release('a');
    expect(granted).toEqual([]);
    queue.release('b');
    expect(granted).toEqual(['c']);
  });

  it.each<[string, Partial<QueueLimits>, Partial<Ticket>, Partial<Ticket>]>([
    ['RepositoryLimit', {}, { repository: 'app', repositoryLimit: 1 }, { repository: 'other', repositoryLimit: 1 }],
    ['NamespaceLimit', { namespace: 1 }, {}, { namespace: 'other' }],
    ['ConcurrencyLimit', {}, child(), child({ above: ['another', 'root'] })],
  ])('given %s, then it says so, and does not touch those beside it', (reason, limits, here, beside) => {
    const { ask } = harness(limits);
    ask('a', here);
    expect(ask('b', here)).toEqual({ reason, limit: 1 });
    expect(ask('c', beside)).toBeUndefined();
  });

  it('given the limit of the operator, then no namespace goes beyond it', () => {
    const { queue, ask, granted } = harness({ operator: 2 });
    ask('a');
    ask('b', { namespace: 'other' });
    expect(ask('c', { namespace: 'third' })).toEqual({ reason: 'OperatorLimit', limit: 2 });
    expect(Object.fromEntries(queue.running())).toEqual({ team: 1, other: 1 });
    queue.release('b');
    expect(granted).toEqual(['c']);
  });

  it('given a repository whose limit is raised or lifted, then those that wait for it start', () => {
    const { queue, ask, granted } = harness();
    const app = { repository: 'app', repositoryLimit: 1 };
    for (const key of ['a', 'b', 'c', 'd']) ask(key, app);
    queue.limitRepository('team', 'app', 2);
    expect(granted).toEqual(['b']);
    expect(ask('e', { ...app, repositoryLimit: 3 })).toBeDefined();
    expect(granted).toEqual(['b', 'c']);
    queue.limitRepository('team', 'app', Number.POSITIVE_INFINITY);
    queue.limitRepository('team', 'unknown', 1);
    expect(granted).toEqual(['b', 'c', 'd', 'e']);
  });

  it('given a tree of thousands and a small one, then they take turns', () => {
    const { queue, ask, granted } = harness({ operator: 1 });
    const big = child({ root: 'big', above: ['big'], fanOutLimit: 10_000 });
    for (let index = 0; index < 5_000; index += 1) ask(`big-${String(index).padStart(4, '0')}`, big);
    for (const key of ['small-0', 'small-1']) ask(key, child({ root: 'small', above: ['small'], fanOutLimit: 2 }));
    queue.release('big-0000');
    for (let turns = 0; turns < 4; turns += 1) queue.release(granted.at(-1)!);
    expect(granted).toEqual(['big-0001', 'small-0', 'big-0002', 'small-1', 'big-0003']);
  });

  it('given a run above that is suspended, then nothing below it starts, and all else does', () => {
    const { queue, ask, granted } = harness();
    queue.suspend('root', true);
    expect(ask('a', child())).toEqual({ reason: 'Suspended' });
    expect(ask('b', child({ root: 'r2', above: ['f2', 'r2'] }))).toBeUndefined();
    expect(queue.position('a')).toBe(1);
    queue.suspend('root', false);
    queue.suspend('root', false);
    expect(granted).toEqual(['a']);
  });

  it('given a tree that is suspended while it waits, then its turn passes to others, and comes again', () => {
    const { queue, ask, granted } = harness({ operator: 1 });
    ask('running');
    ask('a', child());
    ask('b');
    queue.suspend('fan-out', true);
    queue.release('running');
    expect(granted).toEqual(['b']);
    queue.release('b');
    expect(granted).toEqual(['b']);
    queue.suspend('fan-out', false);
    expect(granted).toEqual(['b', 'a']);
  });

  it('given runs that keep their Pod while they wait, then a part of the namespace may, and at least one', () => {
    const { queue, ask } = harness({ waitingShare: 0.25, waitingMin: 1 });
    expect(ask('a', { keepsPod: true })).toBeUndefined();
    expect(ask('b', { keepsPod: true })).toEqual({ reason: 'WaitingPodsLimit', limit: 1 });
    for (let index = 0; index < 6; index += 1) ask(`other-${index}`);
    expect(queue.held('b')).toBeDefined();
    ask('other-7');
    expect(queue.held('b')).toBeUndefined();
  });

  it('given a run that turns out to keep its Pod, then it keeps its place where that is allowed, and waits where not', () => {
    const { queue, ask } = harness();
    for (const key of ['a', 'b']) expect(ask(key)).toBeUndefined();
    expect(ask('a', { keepsPod: true })).toBeUndefined();
    expect(ask('b', { keepsPod: true })).toMatchObject({ reason: 'WaitingPodsLimit' });
    expect(queue.ticket('b')?.keepsPod).toBe(true);
    expect(ask('b')).toBeUndefined();
  });

  it('given a quota without room that one of two under way meets, when the other has got its Pod, then that one runs', () => {
    const { queue, ask } = harness();
    ask('a');
    ask('b');
    queue.exceeded('a', 'no room');
    expect(queue.held('b')).toBeDefined();
    queue.confirm('b');
    expect([queue.held('a')?.reason, queue.held('b')]).toEqual(['QuotaExceeded', undefined]);
    queue.exceeded('nobody', 'no room');
    queue.probe('nowhere');
  });

  it('given a run whose next Pod meets the quota, then it waits, though its last one was in place', () => {
    const { queue, ask } = harness();
    queue.hold(ticket('a'));
    queue.exceeded('a', 'no room');
    expect(ask('a')).toMatchObject({ reason: 'QuotaExceeded' });
    expect(queue.running().get('team')).toBeUndefined();
  });

  it('given a quota that nobody waits for any more, then it is forgotten', () => {
    const { queue, ask } = harness();
    ask('a');
    queue.exceeded('a', 'no room');
    queue.release('a');
    expect([ask('b'), ask('c')]).toEqual([undefined, undefined]);
  });

  it('given runs that wait, then each knows its position, with the turns of other trees', () => {
    const { queue, ask } = harness({ operator: 1 });
    ask('running');
    const big = { root: 'big', above: ['big'], fanOutLimit: 9 };
    for (const key of ['a1', 'a2', 'a3']) ask(key, big);
    ask('b');
    expect(['a1', 'a2', 'a3', 'b', 'running'].map(key => queue.position(key))).toEqual([1, 3, 4, 2, undefined]);
  });

  it('given runs that wait for different things, then they are counted by namespace and reason', () => {
    const { queue, ask } = harness({ namespace: 1 });
    ask('a', { sinceMs: 1 });
    ask('b', { sinceMs: 5 });
    ask('c', { sinceMs: 3 });
    ask('d', { namespace: 'other', repository: 'app', repositoryLimit: 1 });
    ask('e', { namespace: 'other', repository: 'app', repositoryLimit: 1, sinceMs: 9 });
    expect(queue.counts()).toEqual([
      { namespace: 'team', reason: 'NamespaceLimit', count: 2, oldestMs: 3 },
      { namespace: 'other', reason: 'RepositoryLimit', count: 1, oldestMs: 9 },
    ]);
    expect(queue.position('e')).toBe(1);
  });

  it('given 20,000 runs of 200 trees in a queue, then all of them start in time that does not grow with its length', () => {
    const work = (count: number): number => {
      const { queue, ask, granted } = harness({ operator: 50, namespace: 40 });
      const start = performance.now();
      for (let index = 0; index < count; index += 1) {
        const tree = `tree-${index % 200}`;
        const changes = { repository: `app-${index % 1_000}`, repositoryLimit: 3, namespace: `ns-${index % 4}` };
        if (
          ask(`run-${index}`, { root: tree, above: [tree], fanOutLimit: 5, createdMs: index, ...changes }) === undefined
        )
          granted.push(`run-${index}`);
      }
      for (let next = 0; next < granted.length; next += 1) queue.release(granted[next]!);
      expect(granted).toHaveLength(count);
      return (performance.now() - start) / count;
    };
    work(2_000);
    const small = work(2_000);
    const large = work(20_000);
    // A search through the queue for each run would make it ten times as long.
    expect(large).toBeLessThan(Math.max(small * 5, 0.05));
  });
});

/** A node of a random tree: what it starts, and whether it waits for that with its Pod in its hands. */
interface Node {
  readonly keepsPod: boolean;
  readonly repository: number;
  readonly limit: number;
  readonly children: readonly Node[];
}
const { node: anyNode } = fc.letrec<{ node: Node }>(tie => ({
  node: fc.record({
    keepsPod: fc.boolean(),
    repository: fc.nat({ max: 2 }),
    limit: fc.integer({ min: 1, max: 3 }),
    children: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constant<Node[]>([]),
      fc.array(tie('node'), { maxLength: 3 }),
    ),
  }),
}));

describe('trees that wait for their children', () => {
  it('property: whatever the limits, every run of every tree starts and ends', () => {
    fc.assert(
      fc.property(
        fc.array(anyNode, { minLength: 1, maxLength: 5 }),
        fc.record({
          operator: fc.integer({ min: 1, max: 3 }),
          namespace: fc.integer({ min: 1, max: 3 }),
          waitingShare: fc.constantFrom(0, 0.25),
          waitingMin: fc.integer({ min: 1, max: 2 }),
        }),
        (roots, limits) => {
          const ready: string[] = [];
          const queue = createQueue({ limits, onGrant: key => void ready.push(key) });
          const ended = new Set<string>();
          const nodes = new Map<string, { node: Node; parent: string | undefined; ticket: Ticket }>();
          const add = (node: Node, key: string, parent?: string) => {
            const above =
              parent === undefined ? [] : [`fan-out-${parent}`, parent, ...(nodes.get(parent)?.ticket.above ?? [])];
            const asked = ticket(key, {
              root: above.at(-1) ?? key,
              above,
              depth: above.length / 2,
              createdMs: nodes.size,
              keepsPod: node.keepsPod && node.children.length > 0,
              fanOutLimit: parent === undefined ? Number.POSITIVE_INFINITY : nodes.get(parent)!.node.limit,
              repository: `app-${node.repository}`,
              repositoryLimit: 1,
              namespace: `ns-${node.repository}`,
            });
            nodes.set(key, { node, parent, ticket: asked });
            if (queue.request(asked) === undefined) ready.push(key);
          };
          const end = (key: string) => {
            ended.add(key);
            queue.pause(key, false);
            queue.release(key);
            const parent = nodes.get(key)?.parent;
            if (parent === undefined) return;
            const { node } = nodes.get(parent)!;
            if (node.children.every((_, index) => ended.has(`${parent}.${index}`))) end(parent);
          };
          for (const [index, node] of roots.entries()) add(node, `${index}`);
          for (let key = ready.shift(); key !== undefined; key = ready.shift()) {
            const { node } = nodes.get(key)!;
            if (node.children.length === 0) {
              end(key);
              continue;
            }
            // In last position the Pod goes, else it stays and only its place is given back.
            if (node.keepsPod) queue.pause(key, true);
            else queue.release(key);
            for (const [index, below] of node.children.entries()) add(below, `${key}.${index}`, key);
          }
          expect([...nodes.keys()].filter(key => !ended.has(key))).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
