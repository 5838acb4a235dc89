import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isBefore } from './line.ts';
import { createQueue } from './queue.ts';
import { createNaiveQueue, type NaiveQueue, ticket } from './testing/naive.ts';
import type { QueueLimits, Ticket } from './types.ts';

const NONE = Number.POSITIVE_INFINITY;
const anyLimit = fc.constantFrom(1, 2, 3, NONE);
const anyLimits: fc.Arbitrary<QueueLimits> = fc.record({
  operator: fc.constantFrom(1, 2, 4, NONE),
  namespace: anyLimit,
  waitingShare: fc.constantFrom(0, 0.25, 0.5),
  waitingMin: fc.constantFrom(1, 2),
});

/** A run of one of four trees of three levels; repositories are in one namespace each. */
interface Arrival {
  readonly tree: number;
  readonly depth: number;
  readonly branch: number;
  readonly repository: number;
  readonly keepsPod: boolean;
}

type Step =
  | { readonly kind: 'arrive'; readonly arrival: Arrival }
  | { readonly kind: 'release' | 'ask'; readonly pick: number }
  | { readonly kind: 'pause'; readonly pick: number; readonly paused: boolean }
  | { readonly kind: 'suspend'; readonly uid: string; readonly suspended: boolean }
  | { readonly kind: 'limit'; readonly repository: number; readonly limit: number };

const anyArrival = fc.record({
  tree: fc.nat({ max: 3 }),
  depth: fc.nat({ max: 2 }),
  branch: fc.nat({ max: 1 }),
  repository: fc.nat({ max: 5 }),
  keepsPod: fc.boolean(),
});
const kind = <K extends Step['kind']>(name: K) => fc.constant(name);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: kind('arrive'), arrival: anyArrival }) },
  { weight: 6, arbitrary: fc.record({ kind: kind('release'), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('ask'), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('pause'), pick: fc.nat(), paused: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kind('suspend'),
      uid: fc.constantFrom('tree-0', 'tree-1', 'tree-1-0'),
      suspended: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('limit'), repository: fc.nat({ max: 5 }), limit: anyLimit }) },
);
const anyScript = fc.array(anyStep, { maxLength: 150, size: 'max' });

interface Play {
  readonly limits: QueueLimits;
  /** By depth. */
  readonly fanOutLimits: readonly number[];
  readonly repositoryLimits: readonly number[];
  readonly script: readonly Step[];
  readonly onGrant?: (granted: Ticket, admissible: readonly Ticket[]) => void;
  readonly onSettled?: (model: NaiveQueue) => void;
}

/** Plays a script on the queue and on the naive one; each grant must be one that the naive one allows at that moment. */
function play({ limits, fanOutLimits, repositoryLimits, script, onGrant, onSettled }: Play): void {
  const limitOf = [...repositoryLimits];
  const model = createNaiveQueue(limits);
  const grant = (key: string) => {
    const admissible = model.admissible();
    const run = admissible.find(one => one.key === key);
    expect(run, `${key} gets a place that no limit leaves`).toBeDefined();
    onGrant?.(run!, admissible);
    model.grant(key);
  };
  let granted: string[] = [];
  const queue = createQueue({ limits, onGrant: key => void granted.push(key) });
  /** Whoever asks is not told: where it stands among those that got their place with it is not known. */
  const check = (asked?: string) => {
    const isNext = (key: string) => model.admissible().some(one => one.key === key);
    let left = asked === undefined ? granted : [asked, ...granted];
    granted = [];
    while (left.length > 0) {
      const key = left[0] === asked && !isNext(left[0]!) ? (left[1] ?? left[0]!) : left[0]!;
      grant(key);
      left = left.filter(one => one !== key);
    }
  };
  const nameOf = (repository: number) => `repository-${repository}`;
  const ask = (asked: Ticket) => {
    model.request(asked);
    const answer = queue.request(asked);
    check(answer === undefined && model.waiting.some(({ key }) => key === asked.key) ? asked.key : undefined);
  };
  for (const [created, step] of script.entries()) {
    const known = [...model.active, ...model.waiting];
    const picked = 'pick' in step ? known[step.pick % Math.max(1, known.length)] : undefined;
    switch (step.kind) {
      case 'arrive': {
        const { tree, depth, branch, repository, keepsPod } = step.arrival;
        const above = [`tree-${tree}-${branch}-x`, `tree-${tree}-${branch}`, `tree-${tree}`].slice(3 - depth);
        model.limitRepository(nameOf(repository), limitOf[repository]!);
        ask(
          ticket(`run-${String(created).padStart(3, '0')}`, {
            root: depth === 0 ? `tree-${tree}-itself` : `tree-${tree}`,
            above,
            depth,
            keepsPod,
            createdMs: Math.floor(created / 3),
            fanOutLimit: depth === 0 ? NONE : fanOutLimits[depth]!,
            repository: nameOf(repository),
            repositoryLimit: limitOf[repository]!,
            namespace: `ns-${repository % 2}`,
          }),
        );
        break;
      }
      case 'ask':
        if (picked !== undefined) {
          const repositoryLimit = limitOf[Number(picked.repository.slice('repository-'.length))]!;
          ask({ ...picked, repositoryLimit });
        }
        break;
      case 'release':
        if (picked === undefined) break;
        model.release(picked.key);
        queue.release(picked.key);
        break;
      case 'pause':
        if (picked === undefined) break;
        model.pause(picked.key, step.paused);
        queue.pause(picked.key, step.paused);
        break;
      case 'suspend':
        model.suspend(step.uid, step.suspended);
        queue.suspend(step.uid, step.suspended);
        break;
      case 'limit':
        limitOf[step.repository] = step.limit;
        model.limitRepository(nameOf(step.repository), step.limit);
        queue.limitRepository(`ns-${step.repository % 2}`, nameOf(step.repository), step.limit);
        break;
    }
    check();
    expect(
      model.admissible().map(({ key }) => key),
      'waits, though no limit is in its way',
    ).toEqual([]);
    expect(model.waiting.filter(({ key }) => queue.held(key) === undefined)).toEqual([]);
    expect(model.active.filter(({ key }) => queue.held(key) !== undefined)).toEqual([]);
    onSettled?.(model);
  }
}

const anyWorld = {
  limits: anyLimits,
  fanOutLimits: fc.tuple(anyLimit, anyLimit, anyLimit),
  script: anyScript,
};
const NO_REPOSITORY_LIMITS = Array.from({ length: 6 }, () => NONE);

describe('the queue beside the naive one', () => {
  test('property: no place beyond a limit, and nothing waits that could run', () => {
    fc.assert(
      fc.property(
        fc.record({ ...anyWorld, repositoryLimits: fc.array(anyLimit, { minLength: 6, maxLength: 6 }) }),
        world => play(world),
      ),
      { numRuns: 300 },
    );
  });

  test('property: runs of one fan-out and one repository start in the order of their age', () => {
    const laneOf = ({ root, above, repository, keepsPod }: Ticket) => [root, above[0], repository, keepsPod].join();
    fc.assert(
      fc.property(
        fc.record({ ...anyWorld, repositoryLimits: fc.array(anyLimit, { minLength: 6, maxLength: 6 }) }),
        world =>
          play({
            ...world,
            onGrant(granted, admissible) {
              const overtaken = admissible.filter(one => laneOf(one) === laneOf(granted) && isBefore(one, granted));
              expect(overtaken).toEqual([]);
            },
          }),
      ),
      { numRuns: 300 },
    );
  });

  test('property: where neither repositories nor suspensions come between, the oldest of a tree starts first', () => {
    fc.assert(
      fc.property(fc.record(anyWorld), ({ script, ...world }) =>
        play({
          ...world,
          repositoryLimits: NO_REPOSITORY_LIMITS,
          script: script.filter(step => step.kind !== 'suspend' && step.kind !== 'limit').map(withoutWaiting),
          onGrant(granted, admissible) {
            expect(admissible.filter(one => one.root === granted.root && isBefore(one, granted))).toEqual([]);
          },
        }),
      ),
      { numRuns: 300 },
    );
  });

  test('property: a tree that could run is passed by each other tree once at most', () => {
    fc.assert(
      fc.property(
        fc.record({ ...anyWorld, repositoryLimits: fc.array(anyLimit, { minLength: 6, maxLength: 6 }) }),
        world => {
          /** By the tree that was passed: those that passed it since it could run, or ran last. */
          const passed = new Map<string, string[]>();
          play({
            ...world,
            onGrant(granted, admissible) {
              const able = new Set(admissible.map(({ root }) => root));
              for (const root of passed.keys()) if (!able.has(root)) passed.delete(root);
              passed.delete(granted.root);
              for (const root of able) {
                if (root === granted.root) continue;
                const before = passed.get(root) ?? [];
                expect(before, `${granted.root} passes ${root} again`).not.toContain(granted.root);
                passed.set(root, [...before, granted.root]);
              }
            },
            onSettled({ waiting }) {
              for (const root of passed.keys()) if (!waiting.some(one => one.root === root)) passed.delete(root);
            },
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});

function withoutWaiting(step: Step): Step {
  return step.kind === 'arrive' ? { ...step, arrival: { ...step.arrival, keepsPod: false } } : step;
}
