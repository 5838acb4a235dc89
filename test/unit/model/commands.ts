import fc from 'fast-check';
import { takoRuns } from '../../../src/api/resources.ts';
import { pods } from '../../../src/kube/objects.ts';
import type { Fault } from './process.ts';
import { type ModelWorld, type PodEnd, rootSpec } from './world.ts';

/** Something that happens. What it is about is chosen among what there is at that moment. */
export type Happening = fc.AsyncCommand<object, ModelWorld>;

function happening(text: string, run: (world: ModelWorld) => unknown): Happening {
  return {
    check: () => true,
    async run(_, world) {
      if (world.operator.isDead) world.restart();
      await run(world);
      const { violations } = world.watched;
      if (violations.length > 0) throw new Error(violations.join('\n'));
    },
    toString: () => text,
  };
}

function pick<T>(list: readonly T[], index: number): T | undefined {
  return list[index % Math.max(1, list.length)];
}

const index = fc.nat(1_000);

const apply = fc
  .tuple(fc.constantFrom('workflow', 'event', 'event that does not wait'), fc.integer({ min: 1, max: 3 }))
  .map(([kind, limit]) => happening(`apply ${kind}, limit ${limit}`, world => world.apply(rootSpec(kind, limit))));

const deliver = fc
  .tuple(fc.constantFrom('takoruns', 'pods'), fc.integer({ min: 1, max: 5 }))
  .map(([type, count]) => happening(`deliver ${count} ${type}`, world => void world.operator.deliver(type, count)));

const reconcile = fc
  .tuple(index, fc.integer({ min: 1, max: 4 }))
  .map(([first, width]) =>
    happening(`reconcile ${width} from ${first}`, world => world.operator.reconcile(first, width)),
  );

/** What an undisturbed operator does. */
const catchUp = fc.integer({ min: 1, max: 6 }).map(rounds =>
  happening(`catch up ${rounds}`, async ({ operator }) => {
    for (let round = 0; round < rounds; round++) {
      operator.catchUp();
      await operator.reconcile(0, 4);
    }
  }),
);

const kubelet = fc
  .tuple(
    index,
    fc.oneof(
      { weight: 6, arbitrary: fc.constant<PodEnd>('succeeds') },
      { weight: 3, arbitrary: fc.constantFrom<PodEnd>('fails', 'is evicted', 'crashes') },
    ),
  )
  .map(([which, how]) =>
    happening(`Pod ${which} goes on, ${how} in the end`, world => {
      const pod = pick(world.openPods(), which);
      if (pod !== undefined) world.goOn(pod, how);
    }),
  );

/** How late a change may come to the operator, milliseconds. */
const LONGEST_LAG_MS = 10_000;

const time = fc
  .oneof(
    { weight: 5, arbitrary: fc.tuple(fc.integer({ min: 1, max: 10_000 }), fc.constant(0)) },
    { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 10_000, max: 4_000_000 }), fc.constant(0)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant(0), fc.integer({ min: -60_000, max: 600_000 })) },
  )
  .map(([ms, jump]) =>
    happening(`${ms} ms pass, the clock jumps ${jump} ms`, world => {
      // No watch is that far behind.
      if (ms > LONGEST_LAG_MS) world.operator.catchUp();
      world.advance(ms, jump);
    }),
  );

const fault = fc
  .tuple(
    fc.integer({ min: 1, max: 12 }),
    fc.constantFrom<Fault>('refused', 'lost', 'conflict', 'killed before', 'killed after'),
  )
  .map(([nth, kind]) => happening(`call ${nth}: ${kind}`, world => world.operator.fail(nth, kind)));

const restart = fc.constant(0).map(() => happening('the operator restarts', world => world.restart()));

const user = fc
  .tuple(index, fc.constantFrom('cancel', 'suspend', 'resume', 'delete', 'delete a Pod'))
  .map(([which, what]) =>
    happening(`a user: ${what} ${which}`, ({ cluster, runs }) => {
      if (what === 'delete a Pod') {
        const pod = pick(cluster.all(pods), which);
        return pod && cluster.delete(pods, pod.metadata);
      }
      const run = pick(runs(), which);
      if (run === undefined) return;
      if (what === 'delete') return cluster.delete(takoRuns, run.metadata);
      const change = what === 'cancel' ? { cancel: true } : { suspend: what === 'suspend' };
      cluster.change(takoRuns, run.metadata, old => ({ ...old, spec: { ...old.spec, ...change } }));
    }),
  );

const garbage = fc
  .constant(0)
  .map(() => happening('garbage is collected', ({ cluster }) => void cluster.collectGarbage()));

/** Histories of up to this many happenings. */
export function histories(maxCommands: number) {
  const all = [
    apply,
    deliver,
    reconcile,
    reconcile,
    catchUp,
    catchUp,
    kubelet,
    kubelet,
    kubelet,
    time,
    fault,
    restart,
    user,
    garbage,
  ];
  return fc.commands(all, { maxCommands, size: 'max' });
}
