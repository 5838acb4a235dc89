import { expect } from 'vitest';
import { pidsOf } from '../../cluster/snapshot.ts';
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
  await tako.wait('the step to be there', () => barrier.visitors[0], 120_000);
  const kubelets = pidsOf(tako.world.cluster.stateDirectory, 'kubelet');
  expect(kubelets).toHaveLength(1);

  for (const pid of kubelets) process.kill(pid, 'SIGSTOP');
  try {
    barrier.open();
    const ended = await run.ended();
    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.outputs).toEqual({ 'meet.said': 'go' });
    expect(run.pods().map(agentHasEnded)).toEqual([false]);
  } finally {
    for (const pid of kubelets) process.kill(pid, 'SIGCONT');
  }

  await run.pod('have ended', agentHasEnded);
  await run.podsReleased();
  expect(run.podUids()).toHaveLength(1);
});
