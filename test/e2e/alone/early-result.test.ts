import { expect } from 'vitest';
import { pidsOf } from '../../cluster/snapshot.ts';
import { readState } from '../../cluster/state.ts';
import { agentHasEnded } from '../fixture/pods.ts';
import { outcome } from '../fixture/run-handle.ts';
import { test } from '../fixture/tako.ts';

test("given a kubelet that is late, then a run that succeeds has ended before the kubelet's report is in its Pod", async ({
  tako,
}) => {
  const barrier = await tako.barrier(2);
  const run = await tako.steps([
    {
      id: 'meet',
      network: 'default',
      run: `wget -q -O - ${barrier.url}`,
      produces: { outputs: { said: 'from_stdout' } },
    },
  ]);
  await tako.wait('the step to be there', () => barrier.visitors[0]);
  const { stateDirectory } = tako.world.cluster;
  const [kubelet] = pidsOf(stateDirectory, 'kubelet');

  process.kill(kubelet!, 'SIGSTOP');
  try {
    barrier.open();
    const ended = await run.ended();
    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.outputs).toEqual({ 'meet.said': 'go' });
    expect(run.pods().map(agentHasEnded)).toEqual([false]);
  } finally {
    // What waits for it outside of the cluster's namespaces stops with it, and does not go on with it.
    for (const pid of [readState(stateDirectory)!.components.kubelet!.pid, kubelet!]) process.kill(pid, 'SIGCONT');
  }

  await run.pod('have ended', agentHasEnded);
  await run.podsReleased();
  expect(run.podUids()).toHaveLength(1);
});
