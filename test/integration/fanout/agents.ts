import { onTestFinished } from 'vitest';
import { createCondition } from '../../../src/agent/condition.ts';
import { AGENT_CONTAINER } from '../../../src/agent/contract.ts';
import { compileMask } from '../../../src/agent/protocol/mask.ts';
import { TIMEOUT } from '../../../src/agent/step-end.ts';
import { runSteps } from '../../../src/agent/steps.ts';
import { isApiError } from '../../../src/kube/errors.ts';
import { keyOf, type Live, type Pod, pods } from '../../../src/kube/objects.ts';
import { createReflector } from '../../../src/kube/reflector.ts';
import { createStore } from '../../../src/kube/store.ts';
import { PLAY } from '../../fixtures/kwok/stages.ts';
import { agentOf, assignmentOf } from '../run/agent.ts';
import type { World } from '../run/world.ts';

/**
 * Runs the agent's own code for each Pod of the outcome `agent`, in this process: its steps engine, its client, and the token of the Pod, against
 * the operator's gateway. What it decides goes into an annotation, where KWOK takes the place of the kubelet that reads a termination log. It
 * has no step containers: its workflow may only have `tako/fan-out@v1` steps. Ends with the test.
 */
export function startAgents(world: World, namespace = world.namespace): void {
  const running = new Map<string, AbortController>();
  const failures: unknown[] = [];
  const store = createStore<Live<Pod>>();
  const reflector = createReflector({
    client: world.client,
    type: pods,
    namespace,
    labelSelector: `${PLAY.outcome}=agent`,
    store,
  });
  const over = new AbortController();
  store.subscribe(event => {
    if (event.type === 'deleted') return void running.get(event.old.metadata.uid)?.abort();
    const pod = event.object;
    const { uid, deletionTimestamp } = pod.metadata;
    const agent = pod.status?.containerStatuses?.find(({ name }) => name === AGENT_CONTAINER);
    const isNew = agent?.state?.running !== undefined && !running.has(uid);
    const stop = running.get(uid) ?? new AbortController();
    // Also one that is deleted as it starts is told to end, and says so.
    if (deletionTimestamp !== undefined) stop.abort(new Error('the Pod is being deleted'));
    if (!isNew) return;
    running.set(uid, stop);
    runAgent(world, pod, AbortSignal.any([stop.signal, over.signal])).catch(error => {
      // With the Pod goes what it did.
      if (!over.signal.aborted && !isApiError(error, 'notFound')) failures.push(error);
    });
  });
  reflector.start();
  onTestFinished(async () => {
    over.abort(new Error('the test is over'));
    await reflector.stop();
    if (failures.length > 0) throw new AggregateError(failures, 'an agent could not be run');
  });
}

async function runAgent(world: World, pod: Live<Pod>, stop: AbortSignal): Promise<void> {
  const assignment = assignmentOf(pod);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(TIMEOUT), Date.parse(assignment.deadline) - Date.now());
  const condition = createCondition();
  try {
    const result = await runSteps({
      assignment,
      workflow: assignment.definition!,
      facts: {},
      containerOf: () => {
        throw new Error(`Pod ${keyOf(pod.metadata)} is played: its workflow may only fan out`);
      },
      gateway: await agentOf(world, pod),
      mask: compileMask([]),
      evaluate: condition.evaluate,
      signal: AbortSignal.any([stop, deadline.signal]),
      graceMs: 0,
    });
    const annotations = { [PLAY.terminationLog]: JSON.stringify(result) };
    const { name, namespace } = pod.metadata;
    await world.client.mergePatch(pods, { name, namespace }, { metadata: { annotations } });
  } finally {
    clearTimeout(timer);
    await condition.close();
  }
}
