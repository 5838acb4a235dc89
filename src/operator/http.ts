import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface ProbeServerOptions {
  readonly port: number;
  readonly registry: Registry;
  /** What keeps this replica from being ready; undefined when nothing does. */
  readonly notReady: () => string | undefined;
}

export interface ProbeServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves /metrics, /healthz (the event loop turns) and /readyz (the stores are filled and the gateway listens). */
export async function startProbeServer({ port, registry, notReady }: ProbeServerOptions): Promise<ProbeServer> {
  const server: Server = createServer(async (request, response) => {
    const send = (status: number, text: string, type = 'text/plain; charset=utf-8') =>
      response.writeHead(status, { 'content-type': type }).end(text);
    switch (request.url) {
      case '/healthz':
        return send(200, 'ok\n');
      case '/readyz': {
        const reason = notReady();
        return reason === undefined ? send(200, 'ok\n') : send(503, `${reason}\n`);
      }
      case '/metrics':
        return send(200, await registry.metrics(), registry.contentType);
      default:
        return send(404, 'this server has /metrics, /healthz and /readyz\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}
