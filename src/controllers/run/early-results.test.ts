import { describe, expect, it } from 'vitest';
import { createStore } from '../../kube/store.ts';
import { createEarlyResults } from './early-results.ts';
import type { ObservedPod } from './observed.ts';
import { podState } from './pod-state.ts';
import { agentResult, creating, finishedPod, observedPod, running, terminated } from './testing/builders.ts';

const message = JSON.stringify(agentResult());

function world({ started = true } = {}) {
  const pods = createStore<ObservedPod>();
  const counted: boolean[] = [];
  const metrics = { told: ({ taken }: { taken: boolean }) => void counted.push(taken) };
  const results = createEarlyResults({ pods, now: () => 5_000, metrics });
  const woken: string[] = [];
  const stop = started ? results.source.start(key => void woken.push(key)) : () => {};
  const tell = (pod: ObservedPod, text = message) => {
    const { namespace = '', name, uid } = pod.metadata;
    return results.tell({ namespace, name, uid }, text);
  };
  return { pods, results, woken, stop, tell, counted };
}

describe('results that agents tell as they end', () => {
  it.each([
    ['starts, as far as is known', creating],
    ['runs', running],
  ])('given a Pod that %s, then its result is there for its run, which is woken', (_, agent) => {
    const { pods, results, woken, tell, counted } = world();
    const pod = observedPod({ containers: { agent } });
    pods.set(pod);
    expect(tell(pod)).toBe(true);
    expect(results.find(pod.metadata.uid)).toEqual({ message, toldMs: 5_000 });
    expect(counted).toEqual([true]);
    expect(woken).toEqual([`team/${pod.metadata.ownerReferences?.[0]?.name}`]);
  });

  it.each([
    ['that is not known', {}, undefined],
    ['that ended before', {}, finishedPod()],
    ['that was evicted', {}, observedPod({ phase: 'Failed', reason: 'Evicted' })],
    ['whose name another one has by now', { uid: 'another' }, observedPod()],
    ['of no run', {}, { ...observedPod(), metadata: { ...observedPod().metadata, ownerReferences: [] } }],
  ])('given a Pod %s, then nothing is taken', (_, changes, stored) => {
    const { pods, results, woken, tell, counted } = world();
    const pod = observedPod();
    if (stored !== undefined) pods.set(stored);
    expect(tell({ ...pod, metadata: { ...pod.metadata, ...changes } })).toBe(false);
    expect(results.find(pod.metadata.uid)).toBeUndefined();
    expect(woken).toEqual([]);
    expect(counted).toEqual([false]);
  });

  it.each([
    ['a failure, for which the kubelet may know the cause', JSON.stringify(agentResult({ state: 'failed' }))],
    ['a success that waits for a fan-out', JSON.stringify(agentResult({ waitFor: ['emit'] }))],
    ['no result', '{"state":"succeeded"}'],
    ['no JSON', 'done'],
  ])('given %s, then nothing is taken', (_, text) => {
    const { pods, results, tell } = world();
    const pod = observedPod({ containers: { agent: running } });
    pods.set(pod);
    expect(tell(pod, text)).toBe(false);
    expect(results.find(pod.metadata.uid)).toBeUndefined();
  });

  it('given a Pod that ends, or goes away, then its result is forgotten: the store tells the end now', () => {
    const { pods, results, tell } = world();
    const [one, two] = [observedPod({ containers: { agent: running } }), observedPod({ attempt: 2, uid: 'pod-2' })];
    for (const pod of [one, two]) {
      pods.set(pod);
      tell(pod);
    }
    pods.set({
      ...one,
      metadata: { ...one.metadata, resourceVersion: '2' },
      status: observedPod({ containers: { agent: terminated('Completed', 0, message) } }).status!,
    });
    expect(results.find(one.metadata.uid)).toBeUndefined();
    expect(results.find(two.metadata.uid)).toBeDefined();
    pods.delete(`team/${two.metadata.name}`);
    expect(results.find(two.metadata.uid)).toBeUndefined();
  });

  it('given a replica that does not lead, or no longer, then nothing is taken: nobody would ask for it', () => {
    const standby = world({ started: false });
    const pod = observedPod({ containers: { agent: running } });
    standby.pods.set(pod);
    expect(standby.tell(pod)).toBe(false);

    const deposed = world();
    deposed.pods.set(pod);
    deposed.tell(pod);
    deposed.stop();
    expect(deposed.results.find(pod.metadata.uid)).toBeUndefined();
    expect(deposed.tell(pod)).toBe(false);
  });
});

describe('the state of a Pod whose result came early', () => {
  const early = { message, toldMs: 5_000 };

  it('given an agent that runs, then the Pod is finished with that result', () => {
    const pod = { ...observedPod({ containers: { agent: running, 'step-0': running } }), early };
    expect(podState(pod)).toMatchObject({ kind: 'finished', message, exitCode: 0, finishedMs: 5_000, settled: false });
  });

  it("given the kubelet's word, then that counts", () => {
    const other = JSON.stringify(agentResult({ steps: [] }));
    expect(podState({ ...finishedPod(other), early })).toMatchObject({ kind: 'finished', message: other });
    expect(podState({ ...observedPod({ phase: 'Failed', reason: 'Evicted' }), early })).toMatchObject({ kind: 'lost' });
  });
});
