import { describe, expect, it } from 'vitest';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import { at, CREATED, observedPod, repository, workflowRun } from '../run/testing/builders.ts';
import type { Breakers } from './breakers.ts';
import { type BreakerWorld, breakerWorld } from './testing/breakers.ts';

const KEY = 'team/core-lib';
/** Seconds after the creation of everything. */
const seconds = (count: number) => CREATED + count * 1_000;

function world(policy?: Parameters<typeof breakerWorld>[0]) {
  const made = breakerWorld(policy);
  made.repositories.set(repository());
  const told: string[] = [];
  made.breakers.source.start(key => told.push(key));
  return { ...made, told };
}

/** A run that starts, and ends, at these seconds. */
function runs(
  { runs: store }: BreakerWorld,
  name: string,
  second: number,
  status: TakoRunStatus = { phase: 'Failed', errorType: 'execution_failed' },
): void {
  const attempts = [{ number: 1, podName: `pod-${name}`, podUID: `pod-${name}` }];
  store.set(workflowRun({ name, status: { phase: 'Running', startTime: at(second * 1_000), attempts } }));
  const ended = { startTime: at(second * 1_000), completionTime: at(second * 1_000), attempts };
  const run = workflowRun({ name, status: { ...ended, message: 'it is gone', ...status } });
  store.set({ ...run, metadata: { ...run.metadata, resourceVersion: '2' } });
}

function opened() {
  const made = world();
  made.breakers.refusal(workflowRun(), seconds(0));
  for (const second of [1, 2, 3, 4, 5]) runs(made, `bad-${second}`, second);
  return made;
}

const enter = (breakers: Breakers, name: string, second: number) =>
  breakers.enter(workflowRun({ name }), seconds(second));

describe('the breakers of all workflows', () => {
  it('given five runs in a row that cannot be executed, then the next one is refused, with cause and time, and the repository is told', () => {
    const { breakers, told } = opened();
    const refusal = breakers.refusal(workflowRun(), seconds(6));
    expect(refusal).toBe(
      'workflow release of acme/core-lib is not run: the last 5 runs could not be executed, the last one: bad-5 ended (): it is gone; it is tried again from 2026-01-01T00:00:35Z on',
    );
    expect(told).toEqual([KEY]);
    expect(breakers.count(seconds(6))).toEqual({ Open: 1, HalfOpen: 0 });
  });

  it('given another workflow, another repository or another namespace, then it is none of their business', () => {
    const { breakers, repositories } = opened();
    repositories.set(repository({ name: 'app' }));
    const other = (name: string, workflow = 'release') =>
      breakers.enter(workflowRun({ spec: { workflow: { repositoryRef: { name }, name: workflow } } }), seconds(6));
    expect([other('core-lib', 'test'), other('app'), other('absent')]).toEqual([undefined, undefined, undefined]);
    expect(breakers.enter(workflowRun({ namespace: 'elsewhere' }), seconds(6))).toBeUndefined();
  });

  it('given 30 s, then three are tried at once, whoever asks twice, and others are refused until one of them has ended', () => {
    const made = opened();
    const { breakers } = made;
    expect(['a', 'b', 'c', 'a'].map(name => enter(breakers, name, 36))).toEqual(Array(4).fill(undefined));
    expect(breakers.refusal(workflowRun({ name: 'd' }), seconds(36))).toContain('being tried with 3 runs at a time');
    expect(breakers.refusal(workflowRun({ name: 'a' }), seconds(36))).toBeUndefined();
    runs(made, 'a', 36, { phase: 'Succeeded' });
    expect(enter(breakers, 'd', 37)).toBeUndefined();
    expect(enter(breakers, 'e', 37)).toContain('3 runs at a time');
    made.runs.set(workflowRun({ name: 'b' }));
    made.runs.delete('team/b');
    expect(enter(breakers, 'e', 37), 'the place of one that was deleted is free').toBeUndefined();
  });

  it('given three that succeed, then all are let through again; given one that fails, then none for 30 s', () => {
    const good = opened();
    for (const [index, name] of ['a', 'b', 'c'].entries()) {
      enter(good.breakers, name, 36);
      runs(good, name, 36 + index, { phase: 'Succeeded' });
    }
    expect(['d', 'e', 'f', 'g'].map(name => enter(good.breakers, name, 39))).toEqual(Array(4).fill(undefined));
    expect(good.told).toEqual([KEY, KEY, KEY]);

    const bad = opened();
    enter(bad.breakers, 'a', 36);
    runs(bad, 'a', 40);
    expect(enter(bad.breakers, 'b', 69)).toContain('from 2026-01-01T00:01:10Z on');
    expect(enter(bad.breakers, 'b', 70)).toBeUndefined();
  });

  it('given an operator that starts anew, then it knows from the status and from the runs what the last one knew', () => {
    const made = opened();
    const status = made.breakers.statusOf(repository(), seconds(6));
    expect(status).toMatchObject([{ workflow: 'release', state: 'Open', failures: 5 }]);
    expect(made.restarted().statusOf(repository(), seconds(6)), 'by its runs, nothing was written').toBeUndefined();
    const asked = made.restarted();
    expect(enter(asked, 'x', 6)).toContain('not run');
    expect(asked.statusOf(repository(), seconds(6))).toEqual(status);

    const recorded = repository({ status: { ...repository().status, breakers: status } });
    const alone = breakerWorld();
    alone.repositories.set(recorded);
    expect(enter(alone.breakers, 'x', 6), 'by its status, the runs are gone').toContain('it is gone');
    expect(alone.breakers.untilChange(recorded, seconds(6))).toBe(29_000);
    expect(alone.breakers.statusOf(recorded, seconds(6))).toEqual(status);
  });

  it('given an operator that starts anew while some are tried, then those are still counted', () => {
    const made = opened();
    const started = (name: string) => ({
      phase: 'Running' as const,
      startTime: at(36_000),
      attempts: [{ number: 1, podName: name, podUID: name }],
    });
    made.runs.set(workflowRun({ name: 'a', status: started('a') }));
    made.runs.set(workflowRun({ name: 'old', status: { ...started('old'), startTime: at(1_000) } }));
    const fresh = workflowRun({ name: 'b' });
    made.runs.set(fresh);
    made.pods.set(observedPod({ run: fresh, createdAfter: 36_000 }));
    const next = made.restarted();
    expect(enter(next, 'c', 37)).toBeUndefined();
    expect(enter(next, 'd', 37)).toContain('3 runs at a time');
  });

  it('given a repository that was made anew under its name, then what was before says nothing', () => {
    const made = opened();
    const again = repository();
    made.repositories.set({
      ...again,
      metadata: { ...again.metadata, resourceVersion: '2', uid: 'another', creationTimestamp: at(7_000) },
    });
    expect(enter(made.breakers, 'x', 8)).toBeUndefined();
  });

  it('given a closed breaker of a workflow that is no more, then it is not listed', () => {
    const closed = { workflow: 'gone', state: 'Closed' as const, lastTransitionTime: at(1_000) };
    const status = { ...repository().status, workflows: [{ name: 'release' }], breakers: [closed] };
    const { breakers } = world();
    expect(breakers.statusOf(repository({ status }), seconds(2))).toBeUndefined();
  });

  it('given runs of more workflows than there can be, then the memory of them is bounded, and nothing is forgotten that counts', () => {
    const made = opened();
    for (let index = 0; index < 1_000; index++) {
      const workflow = { repositoryRef: { name: 'core-lib' }, name: `w${index}` };
      made.breakers.refusal(workflowRun({ spec: { workflow } }), seconds(6));
    }
    expect(enter(made.breakers, 'x', 6)).toContain('not run');
  });

  it('given that breakers are off, then none opens', () => {
    const made = world({ failures: 0, openMs: 30_000, trials: 3 });
    for (const second of [1, 2, 3, 4, 5, 6]) runs(made, `bad-${second}`, second);
    expect(enter(made.breakers, 'x', 7)).toBeUndefined();
  });
});
