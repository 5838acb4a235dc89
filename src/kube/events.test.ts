import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer } from '../../test/fixtures/api-server/server.ts';
import { startApiServer } from '../../test/fixtures/api-server/server.ts';
import type { FakeClock } from '../../test/fixtures/fake-clock.ts';
import { createFakeClock } from '../../test/fixtures/fake-clock.ts';
import { until } from '../../test/fixtures/until.ts';
import type { KubeClient } from './client.ts';
import { createKubeClient } from './client.ts';
import type { EventInput, EventRecorder, EventRecorderOptions } from './events.ts';
import { createEventRecorder } from './events.ts';
import { noMetrics } from './metrics.ts';
import type { KubeEvent } from './objects.ts';

let api: ApiServer;
let client: KubeClient;
let clock: FakeClock;
let outcomes: string[];
let logs: string[];

beforeEach(async () => {
  api = await startApiServer();
  client = createKubeClient(api.config, { qps: 1e6, burst: 1e6 });
  clock = createFakeClock();
  outcomes = [];
  logs = [];
});

afterEach(async () => {
  await client.close();
  await api.close();
});

function newRecorder(options: Partial<EventRecorderOptions> = {}): EventRecorder {
  const none = () => {};
  return createEventRecorder({
    client,
    clock,
    reportingController: 'example.com/controller',
    reportingInstance: 'pod-1',
    metrics: { ...noMetrics, eventRecorded: ({ outcome }) => outcomes.push(outcome) },
    logger: {
      debug: (_, message) => logs.push(`debug ${message}`),
      info: none,
      warn: (_, message) => logs.push(`warn ${message}`),
      error: (_, message) => logs.push(`error ${message}`),
    },
    ...options,
  });
}

function started(note = 'it runs'): EventInput {
  return {
    regarding: {
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: {
        name: 'a',
        namespace: 'n',
        uid: 'u',
        resourceVersion: '7',
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
    },
    type: 'Normal',
    reason: 'Started',
    action: 'Start',
    note,
  };
}

function stored(): { note: string | undefined; count: number | undefined }[] {
  return (api.storage.list('events.k8s.io/events') as KubeEvent[]).map(({ note, series }) => ({
    note,
    count: series?.count,
  }));
}

async function whenSent(count: number): Promise<void> {
  await until(`${count} events sent`, () => outcomes.filter(outcome => outcome === 'sent').length === count);
}

describe('createEventRecorder', () => {
  it('given an event, then it is created once in the background', async () => {
    newRecorder().event(started());
    expect(api.requests).toHaveLength(0);
    await whenSent(1);
    expect(stored()).toEqual([{ note: 'it runs', count: undefined }]);
    expect(api.requests[0]!.path).toBe('/apis/events.k8s.io/v1/namespaces/n/events');
  });

  it('given repetitions, then the first is written at once and the others together after a minute', async () => {
    const recorder = newRecorder();
    recorder.event(started());
    await whenSent(1);
    recorder.event(started());
    await whenSent(2);
    expect(stored()).toEqual([{ note: 'it runs', count: 2 }]);
    for (let i = 0; i < 50; i++) recorder.event(started());
    await clock.advance(59_999);
    expect(api.requests).toHaveLength(2);
    await clock.advance(1);
    await whenSent(3);
    expect(stored()).toEqual([{ note: 'it runs', count: 52 }]);
    expect(outcomes.filter(outcome => outcome === 'merged')).toHaveLength(51);
  });

  it('given repetitions before the first was sent, then one request says it all', async () => {
    const recorder = newRecorder();
    const blocker = started('first in the queue');
    recorder.event(blocker);
    for (let i = 0; i < 5; i++) recorder.event(started());
    await whenSent(2);
    await recorder.stop();
    expect(stored()).toContainEqual({ note: 'it runs', count: 5 });
    expect(api.requests).toHaveLength(2);
  });

  it('given other words, then it is another event', async () => {
    const recorder = newRecorder();
    recorder.event(started('one'));
    recorder.event(started('two'));
    await whenSent(2);
    expect(
      stored()
        .map(({ note }) => note)
        .sort(),
    ).toEqual(['one', 'two']);
  });

  it('given a repetition after a long time, then it is a new event', async () => {
    const recorder = newRecorder();
    recorder.event(started());
    await whenSent(1);
    await clock.advance(360_000);
    recorder.event(started());
    await whenSent(2);
    expect(stored()).toHaveLength(2);
  });

  it('given an event that has expired on the server, then its next repetition is lost and the one after is new', async () => {
    const recorder = newRecorder();
    recorder.event(started());
    await whenSent(1);
    const [event] = api.storage.list('events.k8s.io/events');
    api.storage.delete('events.k8s.io/events', `n/${event!.metadata.name}`);
    recorder.event(started());
    await until('its loss', () => outcomes.includes('dropped'));
    recorder.event(started());
    await whenSent(2);
    expect(stored()).toEqual([{ note: 'it runs', count: undefined }]);
    expect(logs).toEqual(['debug an event was not written']);
  });

  it('given more different events than it remembers, then the oldest is new when it comes again', async () => {
    const recorder = newRecorder({ memory: 2 });
    for (const note of ['a', 'b', 'c', 'a']) recorder.event(started(note));
    await whenSent(4);
    expect(stored()).toHaveLength(4);
  });

  it('given an API server that refuses, then the event is dropped with a warning, and the next is sent', async () => {
    const faults = [{ kind: 'status' as const, code: 422 }];
    api.faults = () => faults.shift();
    const recorder = newRecorder();
    recorder.event(started('bad'));
    recorder.event(started('good'));
    await whenSent(1);
    expect(stored().map(({ note }) => note)).toEqual(['good']);
    expect(logs).toEqual(['warn an event was not written']);
  });

  it('given an answer that was lost, then the second attempt finds the event, and nothing is warned of', async () => {
    const faults = [{ kind: 'lostAnswer' as const }];
    api.faults = () => faults.shift();
    const recorder = newRecorder();
    recorder.event(started());
    await recorder.stop();
    expect([stored().length, logs]).toEqual([1, []]);
  });

  it('given more events than may wait, then they are dropped and the caller notices nothing', async () => {
    api.faults = () => ({ kind: 'hang' });
    const recorder = newRecorder({ queueLimit: 3 });
    for (let i = 0; i < 10; i++) recorder.event(started(`${i}`));
    expect(outcomes.filter(outcome => outcome === 'dropped')).toHaveLength(6);
    const stopping = recorder.stop({ graceMs: 100 });
    await clock.advance(100);
    await stopping;
  });

  it('given an object that is no object, then it is logged and nothing is thrown', () => {
    newRecorder().event({ ...started(), regarding: undefined as never });
    expect(logs).toEqual(['error an event could not be recorded']);
  });
});

describe('stopping', () => {
  it('given repetitions that wait for their minute, then they are written before the end, and later events are ignored', async () => {
    const recorder = newRecorder();
    for (let i = 0; i < 3; i++) {
      recorder.event(started());
      await until('an idle queue', () => outcomes.length >= i + 1);
    }
    recorder.event(started());
    await recorder.stop();
    recorder.event(started('too late'));
    expect(stored()).toEqual([{ note: 'it runs', count: 4 }]);
    expect(clock.pending).toBe(0);
  });

  it('given an API server that hangs, then it ends after its grace time', async () => {
    api.faults = () => ({ kind: 'hang' });
    const recorder = newRecorder();
    recorder.event(started('one'));
    recorder.event(started('two'));
    await until('the first request', () => api.requests.length === 1);
    const stopping = recorder.stop({ graceMs: 5_000 });
    await clock.advance(5_000);
    await stopping;
    expect(api.requests).toHaveLength(1);
  });
});
