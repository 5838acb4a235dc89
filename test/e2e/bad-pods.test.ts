import { describe, expect, vi } from 'vitest';
import { IMAGE_WITHOUT_SHELL, loadImageWithoutShell } from './fixture/image-without-shell.ts';
import { agentRuns } from './fixture/pods.ts';
import { type LiveRun, outcome } from './fixture/run-handle.ts';
import { test } from './fixture/tako.ts';

vi.setConfig({ maxConcurrency: 20 });

/** What the node says is known at once; what may get better is waited for (TAKO_START_TIMEOUT). */
describe.concurrent('a Pod that cannot start', () => {
  test('given an image that cannot be pulled, then the run says so while it waits, and fails in the end', async ({
    tako,
  }) => {
    const run = await tako.steps(['true'], {
      workflow: { image: 'registry.invalid/acme/nothing:1.0' },
      run: { retry: { limit: 0 } },
    });

    expect((await run.event('ImagePullBackOff')).note).toContain('registry.invalid/acme/nothing:1.0');
    expect(outcome(run.now())).toMatchObject({ phase: 'Pending', reason: 'ImagePullBackOff' });

    expect(outcome(await run.ended())).toMatchObject({
      phase: 'Failed',
      errorType: 'execution_failed',
      reason: 'ImagePullBackOff',
      message: expect.stringMatching(/step-0 cannot be pulled: check its name and spec\.runTemplate\.imagePullSecrets/),
    });
    await run.noPod();
  });

  test('given an image without a shell, then the run fails and says what an image must have', async ({ tako }) => {
    await loadImageWithoutShell(tako.world.cluster);
    const run = await tako.steps(['true'], { workflow: { image: IMAGE_WITHOUT_SHELL } });

    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({
      phase: 'Failed',
      errorType: 'execution_failed',
      message: expect.stringContaining(`image ${IMAGE_WITHOUT_SHELL} must have /bin/sh`),
    });
    expect((await run.event(outcome(ended).reason!)).note).toContain('must have /bin/sh');
    await run.noPod();
  });

  test('given a name that is no image, then the run fails at once', async ({ tako }) => {
    const run = await tako.steps(['true'], { workflow: { image: 'acme//Builder:1.0' } });

    expect(outcome(await run.ended())).toMatchObject({
      phase: 'Failed',
      errorType: 'execution_failed',
      reason: 'InvalidImageName',
      message: expect.stringContaining('correct image in tako.yml'),
    });
    await run.event('InvalidImageName');
    await run.noPod();
  });

  test.for([
    ['a Secret', 'absent', 'token'],
    ['a key of a Secret', 'credentials', 'absent'],
  ] as const)(
    'given %s that does not exist, then the run says which, and fails in the end',
    async ([, name, key], { tako }) => {
      await tako.secret('credentials', { token: 'x' });
      const run = await tako.steps([{ run: 'true', env: { TOKEN: 'TOKEN' } }], {
        workflow: { secrets: ['TOKEN'] },
        repository: { spec: { secrets: [{ name: 'TOKEN', secretKeyRef: { name, key } }] } },
      });

      const ended = await run.ended();

      expect(outcome(ended)).toMatchObject({
        phase: 'Failed',
        errorType: 'execution_failed',
        reason: 'CreateContainerConfigError',
        message: expect.stringContaining('absent'),
      });
      expect((await run.event('CreateContainerConfigError')).note).toContain('spec.secrets');
      await run.noPod();
    },
  );

  test('given a node that nobody has, then the run says that no node takes the Pod', async ({ tako }) => {
    const run = await tako.steps(['true'], {
      repository: { spec: { runTemplate: { nodeSelector: { 'example.com/moon': 'full' } } } },
    });

    expect(outcome(await run.ended())).toMatchObject({
      phase: 'Failed',
      errorType: 'execution_failed',
      reason: 'Unschedulable',
      message: expect.stringContaining('no node takes the Pod'),
    });
    await run.noPod();
  });

  test('given a service account that does not exist, then the run says that the Pod is refused', async ({ tako }) => {
    const run = await tako.steps(['true'], {
      repository: { spec: { runTemplate: { serviceAccountName: 'absent' } } },
    });

    expect(outcome(await run.ended())).toMatchObject({
      phase: 'Failed',
      errorType: 'execution_failed',
      reason: 'PodForbidden',
      message: expect.stringContaining('absent'),
    });
    await run.event('PodForbidden');
    expect(run.podUids()).toEqual([]);
  });

  test('given a quota that is used up, then the run waits in the queue until there is room', async ({ tako }) => {
    await tako.kubectl('create', 'quota', 'none', '--hard=pods=0');
    const run = await tako.steps(['true']);

    await run.phase('Queued');
    expect((await run.event('QuotaExceeded')).note).toContain('quota');
    await tako.kubectl('delete', 'quota', 'none');

    expect(outcome(await run.ended())).toMatchObject({ phase: 'Succeeded' });
  });
});

describe.concurrent('a step', () => {
  test('given it needs more memory than it may have, then the run says that it was killed for it', async ({ tako }) => {
    const run = await tako.steps([{ id: 'hungry', run: 'tail -c 200000000 /dev/zero' }], {
      workflow: { resources: { mem_limit: '24Mi' } },
    });

    expect(outcome(await run.ended())).toMatchObject({
      phase: 'Failed',
      reason: 'OOMKilled',
      message: expect.stringMatching(/step hungry: .*memory limit: raise resources.mem_limit in tako.yml/),
    });
    await run.event('OOMKilled');
    await run.podsReleased();
  });

  test('given it takes longer than the run may, then it is ended and the run timed out', async ({ tako }) => {
    const run = await tako.steps(
      [{ id: 'slow', run: "trap 'echo told; exit 9' TERM; while :; do sleep 0.1; done" }, 'true'],
      {
        run: { timeout: `${LIMIT_SECONDS}s` },
      },
    );

    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'TimedOut', errorType: 'timeout' });
    expect(ended.status?.timeoutExceeded).toBe(true);
    expect(ended.status?.steps?.map(({ phase }) => phase)).toEqual(['TimedOut', 'Skipped']);
    expect(await run.log()).toContain('told');
    expect(seconds(ended)).toBeLessThan(LIMIT_SECONDS + GRACE_SECONDS - 1);
    await run.event(outcome(ended).reason!);
    await run.podsReleased();
  });

  test('given it does not end when it is told to, then it is killed after its grace period', async ({ tako }) => {
    const run = await tako.steps(["trap '' TERM; while :; do sleep 1; done"], {
      run: { timeout: `${LIMIT_SECONDS}s` },
    });

    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'TimedOut', errorType: 'timeout' });
    expect(seconds(ended)).toBeGreaterThanOrEqual(LIMIT_SECONDS + GRACE_SECONDS - 1);
    await run.podsReleased();
  });

  test('given the run is canceled, then the step is ended and its Pod goes', async ({ tako }) => {
    const run = await tako.steps(['sleep 600']);
    await run.pod('run its agent', agentRuns);
    await run.phase('Running');

    await run.cancel();

    const ended = await run.ended();
    expect(outcome(ended)).toMatchObject({ phase: 'Canceled', errorType: 'canceled', reason: 'Canceled' });
    await run.event('Canceled');
    await run.noPod();
  });

  test('given the run is deleted, then nothing of it is left', async ({ tako }) => {
    const run = await tako.steps(['sleep 600']);
    await run.pod('run its agent', agentRuns);

    await run.delete();

    await run.gone();
    await run.noPod();
    expect(run.podUids()).toHaveLength(1);
  });

  test('given somebody deletes its Pod, then another one runs the steps again, and the run succeeds', async ({
    tako,
  }) => {
    const run = await tako.steps(['test "$TAKO_ATTEMPT" = 2 || sleep 600']);
    const pod = await run.pod('run its agent', agentRuns);

    await tako.kubectl('delete', 'pod', pod.metadata.name, '--wait=false');

    const ended = await run.ended();
    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    expect(ended.status?.attempts).toMatchObject([
      { number: 1, podUID: pod.metadata.uid, reason: 'PodDeleted' },
      { number: 2, reason: 'Succeeded' },
    ]);
    expect((await run.event('RetryBackoff')).note).toContain('attempt 1 of 4');
    expect(run.podUids()).toHaveLength(2);
  });

  test('given its Pod is deleted by force while it runs, then the run fails and nothing is left', async ({ tako }) => {
    const run = await tako.steps(['sleep 600'], { run: { retry: { limit: 0 } } });
    const pod = await run.pod('run its agent', agentRuns);

    await tako.kubectl('delete', 'pod', pod.metadata.name, '--force', '--grace-period=0', '--wait=false');

    expect(outcome(await run.ended())).toMatchObject({ phase: 'Failed', errorType: 'execution_failed' });
    await run.noPod();
    expect(run.podUids()).toHaveLength(1);
  });

  test('given it kills the shell that runs it, then the run fails and says that the container ended', async ({
    tako,
  }) => {
    const run = await tako.steps([{ id: 'suicide', run: 'kill -KILL -1; kill -TERM 1; sleep 600' }]);

    expect(outcome(await run.ended())).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('step suicide'),
    });
    await run.podsReleased();
  });
});

/** Of a run whose step takes too long: enough for its Pod to start among all others. */
const LIMIT_SECONDS = 40;
/** What a step that is told to end has left. */
const GRACE_SECONDS = 10;

/** From the creation of a run, when its time limit begins to count, to its end. A second less or more: the API tells whole ones. */
function seconds({ metadata, status }: LiveRun): number {
  return (Date.parse(status?.completionTime ?? '') - Date.parse(metadata.creationTimestamp ?? '')) / 1_000;
}
