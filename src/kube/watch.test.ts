import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer } from '../../test/fixtures/api-server/server.ts';
import { startApiServer } from '../../test/fixtures/api-server/server.ts';
import { until } from '../../test/fixtures/until.ts';
import type { KubeClient } from './client.ts';
import { createKubeClient } from './client.ts';
import { configMaps } from './objects.ts';
import type { WatchEvent, WatchOptions } from './watch.ts';

let api: ApiServer;
let client: KubeClient;

beforeEach(async () => {
  api = await startApiServer();
  client = createKubeClient(api.config);
});

afterEach(async () => {
  await client.close();
  await api.close();
});

function put(name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}): void {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'a', labels }, data };
  api.storage.put('/configmaps', `a/${name}`, object);
}

/** Watches from the beginning; `seen` fills as events come. */
function startWatching(options: Partial<WatchOptions> = {}): { seen: string[]; ended: Promise<void> } {
  const seen: string[] = [];
  const describeEvent = (event: WatchEvent): string =>
    event.type === 'BOOKMARK' ? `BOOKMARK ${event.resourceVersion}` : `${event.type} ${event.object.metadata.name}`;
  const ended = (async () => {
    for await (const event of client.watch(configMaps, { resourceVersion: '1', ...options }))
      seen.push(describeEvent(event));
  })();
  // The test looks at it later.
  ended.catch(() => {});
  return { seen, ended };
}

describe('watch', () => {
  it('given changes, then each comes as an event, and bookmarks as versions', async () => {
    const { seen, ended } = startWatching();
    await until('the watch', () => api.openWatches === 1);
    put('x');
    put('x');
    api.storage.delete('/configmaps', 'a/x');
    api.sendBookmarks();
    await until('four events', () => seen.length === 4);
    expect(seen).toEqual(['ADDED x', 'MODIFIED x', 'DELETED x', 'BOOKMARK 4']);
    api.endWatches();
    await ended;
  });

  it('given its options, then they are in the query, and bookmarks are asked for', async () => {
    const { ended } = startWatching({
      namespace: 'a',
      labelSelector: 'k=v',
      fieldSelector: 'metadata.name=x',
      timeoutSeconds: 77,
    });
    await until('the watch', () => api.openWatches === 1);
    expect(api.requests[0]!.path).toBe('/api/v1/namespaces/a/configmaps');
    expect(Object.fromEntries(api.requests[0]!.query)).toEqual({
      watch: '1',
      resourceVersion: '1',
      labelSelector: 'k=v',
      fieldSelector: 'metadata.name=x',
      timeoutSeconds: '77',
      allowWatchBookmarks: 'true',
    });
    api.endWatches();
    await ended;
  });

  it('given an object of 3 MB with characters of several bytes, then it comes whole', async () => {
    const watching = client.watch(configMaps, { resourceVersion: '1' });
    const next = watching.next();
    await until('the watch', () => api.openWatches === 1);
    const text = 'ä€😀'.repeat(330_000);
    put('big', { text });
    expect((await next).value).toMatchObject({ type: 'ADDED', object: { data: { text } } });
    await watching.return();
  });

  it('given a version that is gone, then the error is gone', async () => {
    put('x');
    api.storage.compact();
    await expect(startWatching().ended).rejects.toMatchObject({ class: 'gone', code: 410 });
  });

  it('given a connection that breaks, then the error is transient', async () => {
    const { ended } = startWatching();
    await until('the watch', () => api.openWatches === 1);
    api.dropWatches();
    await expect(ended).rejects.toMatchObject({ class: 'transient', code: 0 });
  });

  it('given a connection that breaks in the middle of a line, then what was whole has come and the rest is no event', async () => {
    const { seen, ended } = startWatching();
    await until('the watch', () => api.openWatches === 1);
    put('x');
    api.sendToWatches('{"type":"ADDED","object":{"met');
    await until('the event', () => seen.length === 1);
    api.endWatches();
    await ended;
    expect(seen).toEqual(['ADDED x']);
  });

  it('given a connection on which nothing comes, then it counts as hung after the idle time', async () => {
    const { ended } = startWatching({ idleTimeoutMs: 100 });
    await expect(ended).rejects.toMatchObject({ class: 'transient', reason: 'UND_ERR_BODY_TIMEOUT' });
  });

  it('given a server that does not even answer, then it counts as hung too', async () => {
    api.faults = () => ({ kind: 'hang' });
    await expect(startWatching({ idleTimeoutMs: 100 }).ended).rejects.toMatchObject({ class: 'transient' });
  });

  it('given an answer that is an error, then it is thrown with its class', async () => {
    api.faults = () => ({ kind: 'status', code: 429, retryAfter: 3 });
    await expect(startWatching().ended).rejects.toMatchObject({ class: 'transient', code: 429, retryAfterSeconds: 3 });
    expect(api.requests).toHaveLength(1);
  });

  it.each([
    ['no JSON', '{"type":\n'],
    ['no event', '[1]\n'],
    ['null', 'null\n'],
    ['an unknown type', '{"type":"NEWS","object":{}}\n'],
  ])('given a line that is %s, then the error says to list again', async (_, line) => {
    const { ended } = startWatching();
    await until('the watch', () => api.openWatches === 1);
    api.sendToWatches(line);
    await expect(ended).rejects.toMatchObject({ class: 'gone', reason: 'GarbledWatch' });
  });

  it('given an error inside the watch, then it is thrown as the error it is', async () => {
    const { ended } = startWatching();
    await until('the watch', () => api.openWatches === 1);
    const status = { kind: 'Status', code: 500, reason: 'InternalError', message: 'etcd is away' };
    api.sendToWatches(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    await expect(ended).rejects.toMatchObject({ class: 'transient', message: 'etcd is away' });
  });

  it('given a signal, when it is aborted, then the watch throws the reason and its connection is closed', async () => {
    const abort = new AbortController();
    const { ended } = startWatching({ signal: abort.signal });
    await until('the watch', () => api.openWatches === 1);
    abort.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    await until('the end of the connection', () => api.openWatches === 0);
  });

  it('given a reader that stops reading, then the connection is closed', async () => {
    put('x');
    for await (const event of client.watch(configMaps, { resourceVersion: '1' })) {
      expect(event.type).toBe('ADDED');
      break;
    }
    await until('the end of the connection', () => api.openWatches === 0);
  });

  it('given open watches, when the client is closed, then they end with an error', async () => {
    const { ended } = startWatching();
    await until('the watch', () => api.openWatches === 1);
    await client.close();
    await expect(ended).rejects.toMatchObject({ class: 'transient' });
  });
});
