import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunObject } from './objects.ts';
import { buildEventRun, buildWorkflowRun } from './testing/builders.ts';
import { type WaitersOf, waitCycle, wayText } from './wait-cycle.ts';

/** Who waits for whom: `[[waiting, awaited]]`. */
function graph(edges: readonly (readonly [string, string])[]) {
  const run = (name: string): RunObject =>
    name.startsWith('event')
      ? buildEventRun({ name })
      : buildWorkflowRun({ name, status: { repository: `acme/${name}` } });
  const waitersOf: WaitersOf = ({ metadata }) =>
    edges.filter(([, awaited]) => awaited === metadata.name).map(([waiting]) => run(waiting));
  return (waiting: string, awaited: string) => waitCycle(run(waiting), [run(awaited)], waitersOf);
}
const names = (way: readonly RunObject[] | undefined) => way?.map(({ metadata }) => metadata.name);

describe('waiting in a circle', () => {
  it('given runs that do not wait for each other, then there is no way', () => {
    const cycle = graph([
      ['root', 'b'],
      ['root', 'c'],
    ]);
    expect(cycle('b', 'c')).toBeUndefined();
  });

  it('given a run that waits for the one that would wait for it, then the way between them is told', () => {
    const cycle = graph([
      ['root', 'c'],
      ['c', 'event-c'],
      ['event-c', 'd'],
      ['b', 'event-b'],
      ['event-b', 'd'],
      ['d', 'event-d'],
    ]);
    expect(names(cycle('event-d', 'c'))).toEqual(['c', 'event-c', 'd', 'event-d']);
    expect(wayText(cycle('event-d', 'c')!)).toBe('acme/c release -> acme/d release');
  });

  it('given itself, then it is the way', () => {
    expect(names(graph([])('a', 'a'))).toEqual(['a']);
  });

  it('given runs of events alone, then the text names them', () => {
    const cycle = graph([['event-a', 'event-b']]);
    expect(wayText(cycle('event-b', 'event-a')!)).toBe('TakoRun event-a -> TakoRun event-b');
  });

  it('property: a way is found exactly when there is one, and each of its runs waits for the next', () => {
    const name = fc.integer({ min: 0, max: 7 }).map(String);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name), { maxLength: 20 }), name, name, (edges, from, to) => {
        const reached = new Set([from]);
        for (let size = -1; size !== reached.size; ) {
          size = reached.size;
          for (const [waiting, awaited] of edges) if (reached.has(awaited)) reached.add(waiting);
        }
        const way = names(graph(edges)(from, to));
        expect(way !== undefined).toBe(reached.has(to));
        if (way === undefined) return;
        expect([way[0], way.at(-1)]).toEqual([to, from]);
        for (const [index, one] of way.slice(0, -1).entries()) expect(edges).toContainEqual([one, way[index + 1]]);
      }),
    );
  });
});
