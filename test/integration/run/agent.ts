import { onTestFinished } from 'vitest';
import { ASSIGNMENT_VARIABLE, type Assignment } from '../../../src/agent/contract.ts';
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
  const { name, namespace, uid } = pod.metadata;
  const account = pod.spec.serviceAccountName ?? 'default';
  const answer = (await world.client.raw(`/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
    method: 'POST',
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [TOKEN_AUDIENCE], boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid } },
    },
  })) as { status: { token: string } };
  const { gateway } = assignmentOf(pod);
  const agent = createGatewayClient({
    get url() {
      return gateway.url.replace(/:\d+$/, `:${world.operator.ports.gateway}`);
    },
    lookup: (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    ca: gateway.ca,
    tokenFile: tokenFile(answer.status.token),
  });
  onTestFinished(() => agent.close());
  return agent;
}
