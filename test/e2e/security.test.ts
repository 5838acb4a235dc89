import { describe, expect, vi } from 'vitest';
import { TOKEN_AUDIENCE } from '../../src/api/meta.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadClusterConfig } from '../../src/kube/config.ts';
import { pods } from '../../src/kube/objects.ts';
import { outcome } from './fixture/run-handle.ts';
import { test } from './fixture/tako.ts';

vi.setConfig({ maxConcurrency: 20 });

const GATEWAY = 'https://tako-gateway.tako-system.svc:8443';

describe.concurrent('what a step can reach', () => {
  test('given a step that looks around, then it finds nothing of the agent and of other containers', async ({
    tako,
  }) => {
    await tako.secret('credentials', { token: 'tok-6d1f0a9be2', username: 'git', password: 'pw-5b7d91c3fa' });
    const run = await tako.steps(
      [
        { id: 'other', env: { TOKEN: 'API_TOKEN' }, run: 'echo "$TOKEN" | wc -c' },
        {
          id: 'look',
          run: `found() { echo "FOUND $*"; }
id
for path in /tako/token /tako/state /tako/secrets /tako/git-credentials /var/run/secrets /run/secrets /workspace/.git; do
  [ -e "$path" ] && found "$path"
done
ls -A /tako /tako/io
env | grep -e tok- -e TAKO_SECRET && found a secret in the environment
grep -l -a tok-6d1f0a9be2 /proc/[0-9]*/environ 2>/dev/null && found a secret of another container
grep -l -a agent.cjs /proc/[0-9]*/cmdline 2>/dev/null && found the agent
for command in 'touch /tako/io/new' 'mkdir /tako/io/new' 'rm -r /tako/io/channel' 'mv /tako/io/channel /tako/io/other' 'touch /tako/new'; do
  $command 2>/dev/null && found "$command"
done
(exec 3>/tako/io/channel/control) 2>/dev/null && found the control channel
(exec 3<>/tako/io/channel/result) 2>/dev/null && found the result channel
chown 0 /workspace 2>/dev/null && found root
touch ours && [ "$(stat -c %u ours)" = 1000 ] && echo end`,
          produces: { outputs: { seen: 'from_stdout' } },
        },
      ],
      {
        workflow: { secrets: ['API_TOKEN'] },
        repository: {
          spec: {
            secretRef: { name: 'credentials' },
            secrets: [{ name: 'API_TOKEN', secretKeyRef: { name: 'credentials', key: 'token' } }],
          },
        },
      },
    );

    const ended = await run.ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Succeeded' });
    const seen = ended.status?.outputs?.['look.seen'];
    expect(seen).not.toContain('FOUND');
    expect(seen).toMatch(/^uid=1000\S* gid=1000\S* groups=.*\b2000\b/);
    expect(seen).toMatch(/end$/);
  });

  test('given a step in an image with every tool, then the gateway answers it with nothing', async ({ tako }) => {
    const run = await tako.steps([
      {
        id: 'ask',
        network: 'default',
        image: tako.image,
        env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
        run: `cat >ask.mjs <<'END'
const ask = async (path, init) => console.log(path, (await fetch('${GATEWAY}' + path, init)).status);
const headers = { 'tako-protocol': '1', 'content-type': 'application/json' };
await ask('/v1/result', { method: 'PUT', headers, body: '{"steps":[]}' });
await ask('/v1/fan-outs/ask', { headers });
await ask('/v1/result', { method: 'PUT', headers: { ...headers, authorization: 'Bearer x.y.z' }, body: '{"steps":[]}' });
END
node ask.mjs`,
        produces: { outputs: { answers: 'from_stdout' } },
      },
    ]);

    expect((await run.ended()).status?.outputs?.['ask.answers']).toBe(
      '/v1/result 401\n/v1/fan-outs/ask 401\n/v1/result 401',
    );
  });

  test("given the agent's token, then it is good for the gateway of its own run only, and not for the API server", async ({
    tako,
  }) => {
    const barrier = await tako.barrier(2);
    const run = await tako.steps([`wget -q -O /dev/null ${barrier.url}`]);
    await tako.wait('the step to be there', () => barrier.visitors[0], 60_000);
    const [pod] = run.pods();
    const token = await tako.kubectl('exec', pod!.metadata.name, '-c', 'agent', '--', 'cat', '/tako/token/token');
    barrier.open();

    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8'));
    expect(claims.aud).toEqual([TOKEN_AUDIENCE]);
    expect(claims['kubernetes.io'].pod.uid).toBe(pod?.metadata.uid);
    const config = loadClusterConfig({ kubeconfig: tako.world.cluster.kubeconfigPath });
    const client = createKubeClient({
      ...config,
      tls: async () => ({ ca: (await config.tls()).ca }),
      authenticate: async () => ({ authorization: `Bearer ${token}` }),
    });
    await expect(client.list(pods, { namespace: tako.namespace })).rejects.toThrow(/Unauthorized/);
    await client.close();
    await run.ended();
  });
});

describe.concurrent('the Pod of a run', () => {
  test('given any, then it has no token of a service account but for the gateway, and no rights', async ({ tako }) => {
    const run = await tako.steps([
      'true',
      { run: 'true', image: tako.image },
      { run: 'true', security_profile: 'strict' },
    ]);
    await run.ended();

    const [pod] = run.pods();
    expect(pod?.spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
    expect(pod?.spec.hostNetwork ?? pod?.spec.hostPID ?? pod?.spec.shareProcessNamespace ?? false).toBe(false);
    for (const container of pod!.spec.containers) {
      expect(container.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
      });
      const mounts = container.volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
      expect(mounts.includes('/tako/token')).toBe(container.name === 'agent');
      expect(mounts.some(path => path.startsWith('/var/run/secrets'))).toBe(false);
    }
    expect(new Set(pod?.spec.containers.map(({ securityContext }) => securityContext?.runAsUser))).toEqual(
      new Set([65_532, 1_000]),
    );
  });

  test('given the namespace, then it refuses a Pod that is not restricted', async ({ tako }) => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'root', namespace: tako.namespace },
      spec: { containers: [{ name: 'main', image: 'busybox:1.36' }] },
    };
    await expect(tako.world.client.create(pods, pod)).rejects.toThrow(/violates PodSecurity "restricted/);
  });

  test.for([
    ['the disk of the node', { hostPath: { path: '/' } }],
    ['a token for the API server', { projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
  ] as const)('given a repository that asks for %s, then no Pod is made', async ([, volume], { tako }) => {
    const run = await tako.steps([{ run: 'ls /data', volumes: [{ source: 'data', destination: '/data' }] }], {
      repository: { spec: { runTemplate: { volumes: [{ name: 'data', volume }] } } },
    });

    expect(outcome(await run.ended())).toMatchObject({
      phase: 'Failed',
      errorType: 'execution_failed',
      reason: 'NotAllowed',
      message: expect.stringContaining('volume "data" of the TakoRepository must be exactly one of configMap'),
    });
    expect(run.podUids()).toEqual([]);
  });

  test('given a strict step, then it can write its workspace and /tmp, and nothing else', async ({ tako }) => {
    const run = await tako.steps([
      {
        security_profile: 'strict',
        run: 'echo x >file; echo x >/tmp/file; ! touch /etc/file 2>/dev/null; ! touch /file 2>/dev/null',
      },
    ]);

    expect(outcome(await run.ended())).toMatchObject({ phase: 'Succeeded' });
  });
});
