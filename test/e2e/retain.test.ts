import { describe, expect } from 'vitest';
import { LABELS, MANAGED_BY } from '../../src/api/meta.ts';
import { persistentVolumeClaims } from '../../src/kube/objects.ts';
import { outcome } from './fixture/run-handle.ts';
import { test } from './fixture/tako.ts';

/** The words of a command of kubectl as the status tells it, without a terminal, to run `script`. */
function withoutTerminal(command: string, script: string): string[] {
  const [kubectl, ...words] = command.split(' ');
  expect([kubectl, words.slice(-3)]).toEqual(['kubectl', ['step-0', '--', 'sh']]);
  return [...words.filter(word => word !== '-it'), '-c', script];
}

const CLAIM = {
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'local-path',
    resources: { requests: { storage: '16Mi' } },
  },
};

describe('the cleanup', () => {
  test('given a run that is deleted with --cascade=orphan, then the operator has the rights to remove what it leaves', async ({
    tako,
  }) => {
    const run = await tako.steps([
      { run: 'head -c 9000 /dev/zero | tr "\\0" x', produces: { outputs: { text: 'from_stdout' } } },
    ]);
    const { resultRef } = (await run.ended()).status ?? {};
    expect(resultRef).toBeDefined();
    // A claim as the Pod of a run has it, whose Pod is no more.
    await tako.world.client.create(persistentVolumeClaims, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: 'left',
        namespace: tako.namespace,
        labels: { [LABELS.managedBy]: MANAGED_BY, [LABELS.pod]: 'a-pod-that-is-no-more' },
      },
      ...CLAIM,
    });
    await tako.kubectl('delete', 'takorun', run.name, '--cascade=orphan');
    await tako.wait(
      'all that it left to be gone',
      async () => {
        const kinds = 'pods,persistentvolumeclaims,configmaps';
        const left = await tako.kubectl('get', kinds, '-l', `${LABELS.managedBy}=${MANAGED_BY}`, '-o', 'name');
        return left === '' ? true : undefined;
      },
      60_000,
    );
  });
});

describe.concurrent('a retained workspace', () => {
  test('given a step that fails, when its workspace is to stay, then kubectl exec reads it, the run has ended, and the Pod ends on time', async ({
    tako,
  }) => {
    await tako.secret('release', { token: 'hunter2hunter2' });
    const run = await tako.steps(
      [
        {
          id: 'build',
          run: 'echo half done >report; mkdir sub; echo x >sub/file; sleep 1000 & exit 3',
          env: { TOKEN: 'TOKEN' },
        },
      ],
      {
        workflow: { secrets: ['TOKEN'] },
        repository: { spec: { secrets: [{ name: 'TOKEN', secretKeyRef: { name: 'release', key: 'token' } }] } },
        run: { workspace: { retain: { policy: 'OnFailure', duration: '60s' } } },
      },
    );
    const ended = await run.ended();
    expect(outcome(ended)).toMatchObject({ phase: 'Failed', errorType: 'workflow_failed', reason: 'StepFailed' });
    const { retainedWorkspace } = ended.status ?? {};
    if (retainedWorkspace === undefined) throw new Error('the workspace is not retained');
    expect((await run.event('WorkspaceRetained')).note).toContain(retainedWorkspace.command);

    const look = (script: string) => tako.world.cluster.kubectl(withoutTerminal(retainedWorkspace.command, script));
    expect(await look('pwd; cat report sub/file; id -u')).toBe('/workspace\nhalf done\nx\n1000\n');
    // What docs/security.md says of secrets. And nothing of the step runs any more.
    expect(await look('echo "$TAKO_SECRET_TOKEN"; ps -o args | grep -c "[s]leep 1000" || true')).toBe(
      'hunter2hunter2\n0\n',
    );

    const pod = await run.pod('end by itself', ({ status }) => status?.phase === 'Failed', 180_000);
    const until = Date.parse(retainedWorkspace.until);
    const times = pod.status?.containerStatuses?.map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ''));
    // To the second, as the kubelet tells it; the operator ends it 30 s later at the latest.
    expect(Math.max(...(times ?? []))).toBeGreaterThanOrEqual(until - 2_000);
    expect(Math.max(...(times ?? []))).toBeLessThan(until + 30_000);
    expect(pod.metadata.deletionTimestamp).toBeUndefined();
    expect(run.now().status?.completionTime).toBe(ended.status?.completionTime);
  });

  test('given a volume claim and a run that is canceled afterwards, then its Pod goes at once, and the claim with it', async ({
    tako,
  }) => {
    const run = await tako.steps(['echo kept >file; exit 1'], {
      run: { workspace: { volumeClaimTemplate: CLAIM, retain: { policy: 'OnFailure', duration: '10m' } } },
    });
    const { retainedWorkspace } = (await run.ended()).status ?? {};
    const shown = withoutTerminal(retainedWorkspace?.command ?? '', 'cat /workspace/file');
    expect(await tako.world.cluster.kubectl(shown)).toBe('kept\n');
    await run.cancel();
    await run.noPod(60_000);
    expect(run.now().status?.phase).toBe('Failed');
    await tako.wait(
      'the claim to be gone',
      async () => (await tako.kubectl('get', 'persistentvolumeclaims', '-o', 'name')) === '' || undefined,
      60_000,
    );
  });

  test('given more than a namespace may keep, then the containers of the next one end, its log stays, and nothing else changes', async ({
    tako,
  }) => {
    await tako.repository('core', { workflows: { main: { steps: ['echo to be read later; exit 1'] } } });
    const workspace = { retain: { policy: 'OnFailure' as const, duration: '10m' } };
    const workflow = { repositoryRef: { name: 'core' }, name: 'main' };
    const runs = await Promise.all(['one', 'two', 'three'].map(name => tako.run({ workflow, workspace }, name)));
    const ended = await Promise.all(runs.map(run => run.ended()));
    expect(ended.map(run => outcome(run).reason)).toEqual(['StepFailed', 'StepFailed', 'StepFailed']);
    const refused = runs.filter((_, index) => ended[index]?.status?.retainedWorkspace === undefined);
    expect(refused).toHaveLength(1);
    const [next] = refused;
    await next?.event('WorkspaceNotRetained');
    const pod = await next?.pod('end', ({ status }) => status?.phase === 'Failed', 60_000);
    expect(pod?.metadata.deletionTimestamp).toBeUndefined();
    expect(await next?.log()).toBe('to be read later\n');
    for (const run of runs.filter(other => other !== next))
      await run.pod('stay', ({ status }) => status?.phase === 'Running');
  });

  test('given a run that is tried again, then only the last attempt keeps its workspace, and the first does not hold it up', async ({
    tako,
  }) => {
    const run = await tako.steps(['echo attempt; exit 1'], {
      run: {
        retry: { limit: 1, onWorkflowFailure: true, backoff: { initial: '1s' } },
        workspace: { retain: { policy: 'OnFailure', duration: '10m' } },
      },
    });
    const { status } = await run.ended();
    expect(status?.attempts).toHaveLength(2);
    expect(status?.retainedWorkspace?.podUID).toBe(status?.attempts?.[1]?.podUID);
    const [first, second] = status?.attempts ?? [];
    await run.pod('stay', pod => pod.metadata.uid === second?.podUID && pod.status?.phase === 'Running');
    await run.pod('end', pod => pod.metadata.uid === first?.podUID && pod.status?.phase === 'Failed');
  });
});
