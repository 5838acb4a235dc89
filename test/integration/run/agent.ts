import type { LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import { onTestFinished } from 'vitest';
import {
  type AgentResult,
  ASSIGNMENT_VARIABLE,
  type Assignment,
  PROTOCOL_HEADER,
  PROTOCOL_VERSION,
} from '../../../src/agent/contract.ts';
import { createGatewayClient, type GatewayClient } from '../../../src/agent/gateway-client.ts';
import { tokenFile } from '../../../src/agent/testing/tls-server.ts';
import { TOKEN_AUDIENCE } from '../../../src/api/meta.ts';
import type { Live, Pod } from '../../../src/kube/objects.ts';
import type { World } from './world.ts';

/** What the operator assigned to the agent of a Pod, read as a kubelet and the agent do. */
export function assignmentOf(pod: Pod): Assignment {
  const variable = pod.spec.containers[0]?.env?.find(env => env.name === ASSIGNMENT_VARIABLE)?.value ?? '';
  return JSON.parse(variable.replaceAll('$$', '$')) as Assignment;
}

/**
 * The gateway's client that the agent in a Pod uses, with the token that a kubelet would get for that Pod. It finds the gateway of whichever
 * operator runs at the time of a call. Closed when the test ends.
 */
export async function agentOf(world: Pick<World, 'client' | 'operator'>, pod: Live<Pod>): Promise<GatewayClient> {
  const token = await tokenOf(world, pod);
  const { gateway } = assignmentOf(pod);
  const agent = createGatewayClient({
    get url() {
      return gateway.url.replace(/:\d+$/, `:${world.operator.ports.gateway}`);
    },
    lookup: toLoopback,
    ca: gateway.ca,
    tokenFile: tokenFile(token),
  });
  onTestFinished(() => agent.close());
  return agent;
}

/** Tells the gateway how a Pod's agent ends, as curl does for it. */
export async function tellEnd(
  world: Pick<World, 'client' | 'operator'>,
  pod: Live<Pod>,
  result: Partial<AgentResult> = {},
): Promise<number> {
  const { gateway } = assignmentOf(pod);
  const dispatcher = new Agent({ connect: { ca: gateway.ca, lookup: toLoopback } });
  onTestFinished(() => dispatcher.destroy());
  const whole: AgentResult = { protocol: PROTOCOL_VERSION, state: 'succeeded', steps: [], ...result };
  const { statusCode, body } = await request(
    new URL('/v1/end', gateway.url.replace(/:\d+$/, `:${world.operator.ports.gateway}`)),
    {
      dispatcher,
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokenOf(world, pod)}`,
        [PROTOCOL_HEADER]: String(PROTOCOL_VERSION),
        'content-type': 'application/json',
      },
      body: JSON.stringify({ message: JSON.stringify(whole) }),
    },
  );
  await body.dump();
  return statusCode;
}

/** The token that a kubelet would get for a Pod. */
async function tokenOf({ client }: Pick<World, 'client'>, pod: Live<Pod>): Promise<string> {
  const { name, namespace, uid } = pod.metadata;
  const account = pod.spec.serviceAccountName ?? 'default';
  const answer = (await client.raw(`/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
    method: 'POST',
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [TOKEN_AUDIENCE], boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid } },
    },
  })) as { status: { token: string } };
  return answer.status.token;
}

const toLoopback: LookupFunction = (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]);
