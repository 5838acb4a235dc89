import { describe, expect, it } from 'vitest';
import { createEventRecorder } from '../../../src/kube/events.ts';
import { noMetrics } from '../../../src/kube/metrics.ts';
import { configMaps, events, namespaces } from '../../../src/kube/objects.ts';
import { until } from '../../fixtures/until.ts';
import { configMap, useNamespace } from './fixture.ts';

const cluster = useNamespace();

function newRecorder() {
  const outcomes: string[] = [];
  const recorder = createEventRecorder({
    client: cluster.client,
    reportingController: 'tako.dev/test',
    reportingInstance: 'test-1',
    metrics: { ...noMetrics, eventRecorded: ({ outcome }) => outcomes.push(outcome) },
  });
  return { recorder, outcomes };
}

describe('events on the real API', () => {
  it('given an event and its repetitions, then there is one with its count, as kubectl describe finds it', async () => {
    const { client, namespace } = cluster;
    const regarding = await client.create(configMaps, configMap(namespace, 'talked-about'));
    const { recorder } = newRecorder();
    for (let i = 0; i < 3; i++) {
      recorder.event({
        regarding,
        type: 'Warning',
        reason: 'Leaking',
        action: 'Inspect',
        note: `water ${'ä'.repeat(600)}`,
      });
    }
    await recorder.stop();
    const found = await client
      .list(events, { namespace, fieldSelector: `regarding.name=talked-about` })
      .catch(() => client.list(events, { namespace }));
    expect(found.items).toHaveLength(1);
    expect(found.items[0]).toMatchObject({
      type: 'Warning',
      reason: 'Leaking',
      reportingController: 'tako.dev/test',
      regarding: { kind: 'ConfigMap', uid: regarding.metadata.uid },
      series: { count: 3 },
    });
    expect(Buffer.byteLength(found.items[0]!.note!)).toBeLessThanOrEqual(1_024);
  });

  it('given a repetition after the first was stored, then its series is patched', async () => {
    const { client, namespace } = cluster;
    const regarding = await client.create(configMaps, configMap(namespace, 'twice'));
    const { recorder, outcomes } = newRecorder();
    const event = { regarding, type: 'Normal', reason: 'Sailing', action: 'Sail', note: 'off' } as const;
    recorder.event(event);
    await until('the first', () => outcomes.includes('sent'));
    recorder.event(event);
    await recorder.stop();
    expect(outcomes).toEqual(['sent', 'merged', 'sent']);
    const { items } = await client.list(events, { namespace });
    expect(items.filter(({ reason }) => reason === 'Sailing')).toMatchObject([{ series: { count: 2 } }]);
  });

  it('given a cluster-scoped object, then its events are in default', async () => {
    const { client, namespace } = cluster;
    const regarding = await client.get(namespaces, { name: namespace });
    const { recorder } = newRecorder();
    recorder.event({ regarding, type: 'Normal', reason: 'Visited', action: 'Visit', note: 'hello' });
    await recorder.stop();
    const { items } = await client.list(events, { namespace: 'default' });
    expect(items.filter(({ regarding: about }) => about?.name === namespace)).toHaveLength(1);
  });

  it('given an object in a namespace that is gone, then the event is dropped and nothing is thrown', async () => {
    const { client, namespace } = cluster;
    const regarding = await client.create(configMaps, configMap(namespace, 'homeless'));
    regarding.metadata.namespace = 'no-such-namespace';
    const { recorder, outcomes } = newRecorder();
    recorder.event({ regarding, type: 'Normal', reason: 'Lost', action: 'Look', note: 'where' });
    await recorder.stop();
    expect(outcomes).toEqual(['dropped']);
  });
});
