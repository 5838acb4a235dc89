import type { GatewayApp } from '../app.ts';

/** GET /healthz: that the server answers. Needs no token and tells nothing else. */
export function registerHealthRoute(app: GatewayApp): void {
  app.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok'));
}
