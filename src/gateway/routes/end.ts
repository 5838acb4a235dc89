import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type AgentEnd, MAX_MESSAGE_BYTES } from '../../agent/contract.ts';
import { type GatewayApp, podOf } from '../app.ts';
import { parse } from '../bodies.ts';
import { checkRate, type KeyedRateLimiter } from '../rate-limit.ts';

/** Who wants to know what an agent says at its end. */
export interface EndListener {
  /** Takes a Pod's termination message ahead of the kubelet's report. False when it is of no use. */
  tell(pod: { readonly namespace: string; readonly name: string; readonly uid: string }, message: string): boolean;
}

export interface EndRouteDependencies {
  readonly earlyResults: EndListener;
  readonly limiter: KeyedRateLimiter;
}

const agentEndSchema: z.ZodType<AgentEnd> = z.strictObject({ message: z.string().max(MAX_MESSAGE_BYTES) });

/** A message in JSON, each character escaped. */
const BODY_LIMIT = 32 * 1024;

/** POST /v1/end. That the token is a Pod's has to do: the status of a short run does not name its Pod before it is over. */
export function registerEndRoute(app: GatewayApp, { earlyResults, limiter }: EndRouteDependencies): void {
  const onRequest = async (request: FastifyRequest) => checkRate(limiter, podOf(request).pod.uid);
  app.post('/v1/end', { bodyLimit: BODY_LIMIT, onRequest }, async request => {
    const { namespace, pod } = podOf(request);
    earlyResults.tell({ namespace, ...pod }, parse(agentEndSchema, request.body, 'body').message);
    return {};
  });
}
