import { describe, expect, onTestFinished, test } from 'vitest';
import { startWebSocketServer, type WebSocketPeer } from '../../test/fixtures/websocket-server.ts';
import { attach } from './attach.ts';
import type { ClusterConfig } from './config.ts';

const POD = { namespace: 'team', name: 'worker' };

/** An API server that accepts whoever attaches. */
async function server() {
  let accept = (_peer: WebSocketPeer): void => {};
  const attached = new Promise<WebSocketPeer>(resolve => {
    accept = resolve;
  });
  const { port, close } = await startWebSocketServer(peer => accept(peer));
  onTestFinished(close);
  return { config: configOf(port), attached };
}

function configOf(port: number): ClusterConfig {
  return {
    server: `http://127.0.0.1:${port}/prefix`,
    namespace: 'default',
    tls: async () => ({}),
    authenticate: async () => ({ authorization: 'Bearer secret' }),
  };
}

const stdout = (text: string): Buffer => Buffer.concat([Buffer.of(1), Buffer.from(text)]);

describe('attaching to a container', () => {
  test('given a Pod, then the request names it, and carries the credentials', async () => {
    const { config, attached } = await server();
    const attachment = await attach(config, POD, { container: 'agent' });
    const { request } = await attached;
    expect(request.url).toBe(
      '/prefix/api/v1/namespaces/team/pods/worker/attach?container=agent&stdin=true&stdout=true&stderr=false&tty=false',
    );
    expect(request.headers).toMatchObject({
      authorization: 'Bearer secret',
      'sec-websocket-protocol': 'v4.channel.k8s.io',
    });
    await attachment.close();
  });

  test('given lines both ways, then they come whole, wherever messages are cut, and other channels are left out', async () => {
    const { config, attached } = await server();
    const attachment = await attach(config, POD, { container: 'agent' });
    const peer = await attached;
    attachment.send('{"order":1}');
    expect(await peer.receive()).toEqual(Buffer.concat([Buffer.of(0), Buffer.from('{"order":1}\n')]));

    const lines = attachment.lines();
    for (const message of [stdout(''), Buffer.from('\u0002a warning\n'), stdout('on'), stdout('e\ntwo\nth')]) {
      peer.send(message);
    }
    peer.send(stdout(`ree${'x'.repeat(1_000)}\n`));
    expect((await lines.next()).value).toBe('one');
    expect((await lines.next()).value).toBe('two');
    expect((await lines.next()).value).toBe(`three${'x'.repeat(1_000)}`);
    await attachment.close();
  });

  test('given the command hangs up, then the other end learns it, and the lines end', async () => {
    const { config, attached } = await server();
    const attachment = await attach(config, POD, { container: 'agent' });
    const peer = await attached;
    const lines = attachment.lines();
    await attachment.close();
    await peer.closed;
    expect((await lines.next()).done).toBe(true);
  });

  test('given an abort, then it hangs up', async () => {
    const { config, attached } = await server();
    const aborting = new AbortController();
    const attachment = await attach(config, POD, { container: 'agent', signal: aborting.signal });
    const peer = await attached;
    aborting.abort(new Error('enough'));
    await peer.closed;
    await attachment.close();
    await expect(attach(config, POD, { container: 'agent', signal: aborting.signal })).rejects.toThrow('enough');
  });

  test('given the connection breaks, then the lines end', async () => {
    const { config, attached } = await server();
    const attachment = await attach(config, POD, { container: 'agent' });
    const lines = attachment.lines();
    (await attached).destroy();
    expect((await lines.next()).done).toBe(true);
    await attachment.close();
  });

  test('given nobody listens, or no WebSocket is given, then that is a transient error that names the request', async () => {
    const { port, close } = await startWebSocketServer(() => {});
    await close();
    const failed = attach(configOf(port), POD, { container: 'agent' });
    await expect(failed).rejects.toMatchObject({
      class: 'transient',
      message: expect.stringContaining('GET /api/v1/namespaces/team/pods/worker/attach'),
    });
  });
});
