import { AGENT_CONTAINER, type AgentResult, PROTOCOL_VERSION } from '../../../src/agent/contract.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import { createNode } from '../nodes.ts';

type Status = NonNullable<Pod['status']>;
export type ContainerState = NonNullable<NonNullable<Status['containerStatuses']>[number]['state']>;

/** What a kubelet would do with the Pods of a namespace: nothing runs here, and nothing needs to for what the operator decides. */
export interface Kubelet {
  /** Makes its Node, which the first `bind` does as well: for a test whose Pod has no time for that. */
  start(): Promise<void>;
  /**
   * Puts the Pod on a Node of the namespace's own, so that its deletion waits for the kubelet as it does in a cluster. The Node is there: the
   * garbage collector of Pods takes those of Nodes that are not, a minute after it has first seen one of that name.
   */
  bind(pod: Live<Pod>): Promise<void>;
  /** Reports the states of containers; the others run. */
  report(pod: Live<Pod>, states: Readonly<Record<string, ContainerState>>, status?: Partial<Status>): Promise<void>;
  /** All containers run. */
  run(pod: Live<Pod>): Promise<void>;
  /** The agent ends with this result, the steps after it. */
  finish(pod: Live<Pod>, result?: Partial<AgentResult> | string): Promise<void>;
  /** A step has failed, and the step container waits for people for so long. */
  hold(pod: Live<Pod>, seconds: number): Promise<void>;
  /** Takes a Pod away whose deletion was asked for, as a kubelet does when its containers have ended. */
  remove(pod: Live<Pod>): Promise<void>;
}

export const running: ContainerState = { running: { startedAt: new Date(0).toISOString() } };

export function waiting(reason: string, message = ''): ContainerState {
  return { waiting: { reason, message } };
}

export function terminated(reason: string, exitCode: number, message = ''): ContainerState {
  const now = new Date().toISOString();
  return { terminated: { reason, exitCode, message, startedAt: now, finishedAt: now } };
}

export function createKubelet(client: KubeClient, home: string): Kubelet {
  const node = `bound-${home}`;
  let made: Promise<void> | undefined;
  const report: Kubelet['report'] = async (pod, states, status = {}) => {
    const { name, namespace } = pod.metadata;
    const containerStatuses = pod.spec.containers.map(container => ({
      name: container.name,
      image: container.image ?? '',
      imageID: '',
      ready: false,
      restartCount: 0,
      state: states[container.name] ?? running,
    }));
    const phase = containerStatuses.every(({ state }) => state.running !== undefined) ? 'Running' : 'Pending';
    const patch = { status: { phase, containerStatuses, ...status } };
    await client.mergePatch(pods, { name, namespace }, patch, { subresource: 'status' });
  };
  const start: Kubelet['start'] = () => {
    made ??= createNode(client, node);
    return made;
  };
  const bind: Kubelet['bind'] = async pod => {
    const { name, namespace } = pod.metadata;
    await start();
    await client.raw(`/api/v1/namespaces/${namespace}/pods/${name}/binding`, {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target: { kind: 'Node', name: node } },
    });
  };
  return {
    start,
    report,
    run: pod => report(pod, {}),
    bind,
    async finish(pod, result = {}) {
      const whole = { protocol: PROTOCOL_VERSION, state: 'succeeded', steps: [], ...(result as object) };
      const message = typeof result === 'string' ? result : JSON.stringify(whole);
      const failed = typeof result === 'string' || result.state === 'failed';
      const states = Object.fromEntries(
        pod.spec.containers.map(({ name }) => [name, terminated('Completed', 0)] as [string, ContainerState]),
      );
      states[AGENT_CONTAINER] = terminated(failed ? 'Error' : 'Completed', failed ? 1 : 0, message);
      await report(pod, states, { phase: failed ? 'Failed' : 'Succeeded' });
    },
    async hold(pod, seconds) {
      const result: AgentResult = {
        protocol: PROTOCOL_VERSION,
        state: 'failed',
        errorType: 'workflow_failed',
        reason: 'StepFailed',
        message: 'step step-1: the script ended with exit code 3',
        steps: [{ id: 'step-1', phase: 'Failed', exitCode: 3 }],
        held: { container: 'step-0', seconds },
      };
      await bind(pod);
      const states = { [AGENT_CONTAINER]: terminated('Error', 1, JSON.stringify(result)) };
      await report(pod, states, { phase: 'Running' });
    },
    async remove(pod) {
      const { name, namespace, uid } = pod.metadata;
      await client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid } });
    },
  };
}
