import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
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

const main = path.join(import.meta.dirname, '../../../src/operator/main.ts');

/** The operator as a program. */
function start(environment: Record<string, string>) {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, KUBECONFIG: process.env.TAKO_TEST_KUBECONFIG, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

test('given the program, when it is told to end, then it ends in good order', async () => {
  const client = testClient();
  onTestFinished(() => client.close());
  const namespace = await createNamespace(client);
  const child = start({
    TAKO_AGENT_IMAGE: 'x',
    POD_NAMESPACE: namespace,
    TAKO_WATCH_NAMESPACES: namespace,
    TAKO_GATEWAY_PORT: '0',
    TAKO_HTTP_PORT: '0',
  });
  const lines: { msg: string; outcome?: string }[] = [];
  const started = Promise.withResolvers<void>();
  createInterface(child.stdout).on('line', line => {
    const told = JSON.parse(line) as (typeof lines)[number];
    lines.push(told);
    if (told.msg === 'controllers started') started.resolve();
  });
  await started.promise;
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(lines.at(-1)).toMatchObject({ msg: 'stopped', outcome: 'stopped' });
});

test('given wrong settings, then the program ends and names them', async () => {
  const child = start({ TAKO_HTTP_PORT: 'x' });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  expect(await once(child, 'close')).toEqual([78, null]);
  expect(Buffer.concat(said).toString()).toMatch(/TAKO_AGENT_IMAGE.*TAKO_HTTP_PORT/);
});
