import { expect, onTestFinished, test } from 'vitest';
import { secrets } from '../../../src/kube/objects.ts';
import { createNamespace, testClient } from '../fixture.ts';
import { startTestOperator } from '../test-operator.ts';

test('given an operator, then it is alive and ready, tells its metrics, and keeps its certificate where another replica finds it', async () => {
  const client = testClient();
  onTestFinished(() => client.close());
  const namespace = await createNamespace(client);
  const first = await startTestOperator({ namespace });
  const second = await startTestOperator({ namespace });
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${first.ports.http}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  expect(await ask('/healthz')).toEqual({ status: 200, text: 'ok\n' });
  await expect.poll(() => ask('/readyz')).toEqual({ status: 200, text: 'ok\n' });
  const metrics = await ask('/metrics');
  expect(metrics.text).toMatch(/^rest_client_request_duration_seconds_count\{method="GET",code="200"\} \d+$/m);
  expect(metrics.text).toMatch(/^tako_reflector_items_per_list\{resource="takoruns"\} 0$/m);
  expect((await ask('/other')).status).toBe(404);

  const { data } = await client.get(secrets, { namespace, name: 'tako-gateway-tls' });
  expect(Object.keys(data ?? {})).toContain('ca.crt');
  await Promise.all([first.stop(), second.stop()]);
  await expect(ask('/healthz')).rejects.toThrow();
  expect(first.log.filter(({ level }) => level === 'error')).toEqual([]);
});
