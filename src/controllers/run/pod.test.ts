import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ASSIGNMENT_VARIABLE, type Assignment, MAX_DEFINITION_BYTES } from '../../agent/contract.ts';
import { STEP_LOOP } from '../../agent/protocol/loop.ts';
import type { TakoRepositorySpec } from '../../api/takorepository.ts';
import type { Pod } from '../../kube/objects.ts';
import { buildPod, type PodInput } from './pod.ts';
import { parseQuantity } from './quantity.ts';
import { COMMIT, prepared, repository, settings, workflowRun } from './testing/builders.ts';
import { expandVariables, restrictedViolations } from './testing/pod-security.ts';

interface Options extends Partial<Omit<PodInput, 'repository' | 'workflow' | 'containers'>> {
  readonly steps?: string;
  readonly spec?: Partial<TakoRepositorySpec>;
}

function input({ steps, spec = {}, ...changes }: Options = {}): PodInput {
  const { workflow, containers } = prepared(steps);
  return {
    run: workflowRun(),
    repository: repository({ spec }),
    slug: 'acme/core-lib',
    workflow,
    containers,
    inputs: {},
    commit: COMMIT,
    configDigest: 'd'.repeat(64),
    runId: 'exec-20260101-000000-00000000',
    attempt: 1,
    deadline: '2026-01-01T01:00:00Z',
    remainingSeconds: 3_600,
    retainSeconds: 0,
    gatewayCa: 'PEM',
    options: settings,
    ...changes,
  };
}

const build = (options: Options = {}) => buildPod(input(options));
const containerOf = (pod: Pod, name: string) => pod.spec.containers.find(container => container.name === name);
const volumeOf = (pod: Pod, name: string) => pod.spec.volumes?.find(volume => volume.name === name);

/** The agent's assignment as the agent reads it. */
function assignmentOf(pod: Pod): Assignment {
  const variable = containerOf(pod, 'agent')?.env?.find(({ name }) => name === ASSIGNMENT_VARIABLE);
  return JSON.parse(expandVariables(variable?.value ?? '', name => `<${name}>`)) as Assignment;
}

describe('the Pod of a run', () => {
  it('given a workflow, then the agent gets it as the operator has read it', () => {
    const given = input({ steps: '- echo "$HOME {{ .trigger.tag }} $(date) $$"' });
    expect(assignmentOf(buildPod(given))).toMatchObject({ workflow: 'release', definition: given.workflow });
  });

  it.each([
    ['as long as it may be', 0, true],
    ['a byte longer', 1, false],
  ])('given a workflow that is %s, then whether the agent gets it: %s beyond is %s', (_, beyond, brought) => {
    const steps = (length: number) => `- ${'x'.repeat(length)}`;
    const others = Buffer.byteLength(JSON.stringify(prepared(steps(1)).workflow)) - 1;
    const assignment = assignmentOf(build({ steps: steps(MAX_DEFINITION_BYTES - others + beyond) }));
    expect(assignment.workflow).toBe('release');
    expect(assignment.definition !== undefined).toBe(brought);
  });

  it('given a run, then its Pod is owned and tracked by it, and named for the attempt', () => {
    const pod = build({ attempt: 2 });
    expect(pod.metadata).toMatchObject({
      name: expect.stringMatching(/^core-lib-release-[0-9a-f]{16}$/),
      namespace: 'team',
      finalizers: ['tako.dev/tracking'],
      ownerReferences: [{ kind: 'TakoRun', uid: 'uid-core-lib-release', controller: true }],
      labels: {
        'tako.dev/run-uid': 'uid-core-lib-release',
        'tako.dev/root-uid': 'uid-core-lib-release',
        'tako.dev/attempt': '2',
      },
    });
    expect(build().metadata.name).not.toBe(pod.metadata.name);
  });

  it('given a child, then the root of its tree is on the label', () => {
    const run = workflowRun({ parent: {} });
    expect(build({ run }).metadata.labels).toMatchObject({ 'tako.dev/root-uid': 'uid-root' });
  });

  it('given steps in two images, then there is one container for each and one for the agent, all at once', () => {
    const pod = build({ steps: '- one\n- two\n- run: three\n  image: alpine:3' });
    expect(pod.spec.containers.map(({ name, image }) => `${name} ${image}`)).toEqual([
      'agent registry.example.com/tako:1',
      'step-0 docker.io/library/busybox:1.36',
      'step-1 alpine:3',
    ]);
    expect(pod.spec.initContainers).toBeUndefined();
    expect(assignmentOf(pod).containers).toEqual([
      { name: 'step-0', steps: [0, 1] },
      { name: 'step-1', steps: [2] },
    ]);
  });

  it('given a fan-out with on_failure, then the agent knows in which container its scripts run', () => {
    const fanOut = '- uses: tako/fan-out@v1\n  with: {event_type: built}\n  on_failure:\n    - ./tell.sh';
    expect(assignmentOf(build({ steps: `- one\n${fanOut}` })).containers).toEqual([{ name: 'step-0', steps: [0, 1] }]);
  });

  it('given a workflow without scripts, then the agent is alone', () => {
    const pod = build({ steps: '- uses: tako/fan-out@v1\n  with: {event_type: built}' });
    expect(pod.spec.containers.map(({ name }) => name)).toEqual(['agent']);
    expect(pod.metadata.annotations?.['kubectl.kubernetes.io/default-container']).toBe('agent');
  });

  it.each([
    ['scripts alone', '- one\n- two', 'true'],
    ['a fan-out', '- one\n- uses: tako/fan-out@v1\n  with: {event_type: built}', undefined],
  ])('given steps with %s, then the Pod says whether they are scripts alone', (_, steps, onlyScripts) => {
    expect(build({ steps }).metadata.annotations?.['tako.dev/only-scripts']).toBe(onlyScripts);
  });

  it('given the time that is left, then Kubernetes ends the Pod a minute after it', () => {
    expect(build({ remainingSeconds: 90.2 }).spec.activeDeadlineSeconds).toBe(151);
    expect(build({ remainingSeconds: 90.2, retainSeconds: 600 }).spec.activeDeadlineSeconds).toBe(751);
    expect(build({ remainingSeconds: 0.1 }).spec.activeDeadlineSeconds).toBe(61);
  });

  it('given a step that asks for the network, then the label says so', () => {
    expect(build().metadata.labels).toMatchObject({ 'tako.dev/network': 'none' });
    expect(build({ steps: '- run: a\n  network: default' }).metadata.labels).toMatchObject({
      'tako.dev/network': 'default',
    });
  });
});

describe('what a repository may say about its Pods', () => {
  it('given a template, then it is taken', () => {
    const pod = build({
      spec: {
        runTemplate: {
          serviceAccountName: 'builder',
          nodeSelector: { disk: 'ssd' },
          tolerations: [{ key: 'ci', operator: 'Exists' }],
          priorityClassName: 'low',
          imagePullSecrets: [{ name: 'registry' }],
          labels: { team: 'core' },
          annotations: { note: 'x' },
        },
      },
    });
    expect(pod.metadata.labels).toMatchObject({ team: 'core' });
    expect(pod.metadata.annotations).toMatchObject({ note: 'x' });
    expect(pod.spec).toMatchObject({
      serviceAccountName: 'builder',
      automountServiceAccountToken: false,
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'ci', operator: 'Exists' }],
      priorityClassName: 'low',
      imagePullSecrets: [{ name: 'registry' }],
    });
  });

  it('given labels and annotations that are kept for Tako or loosen the confinement, then they are left out', () => {
    const { metadata } = build({
      spec: {
        runTemplate: {
          labels: { 'tako.dev/run-uid': 'forged', 'tako.dev/x': 'y', 'app.kubernetes.io/instance': 'z' },
          annotations: {
            'tako.dev/revision': 'forged',
            'container.apparmor.security.beta.kubernetes.io/step-0': 'unconfined',
          },
        },
      },
    });
    expect(metadata.labels).not.toHaveProperty(['tako.dev/x']);
    expect(metadata.labels).not.toHaveProperty(['app.kubernetes.io/instance']);
    expect(metadata.labels?.['tako.dev/run-uid']).toBe('uid-core-lib-release');
    expect(metadata.annotations?.['tako.dev/revision']).toBe(COMMIT);
    expect(Object.keys(metadata.annotations ?? {})).not.toContain(
      'container.apparmor.security.beta.kubernetes.io/step-0',
    );
  });

  it('given a volume that a step mounts, then it has a name of at most 63 characters, whatever it is called', () => {
    const name = 'v'.repeat(63);
    const pod = build({
      steps: `- run: a\n  volumes: [{source: ${name}, destination: /data, read_only: true}]`,
      spec: {
        runTemplate: {
          volumes: [
            { name: 'other', volume: { emptyDir: {} } },
            { name, volume: { configMap: { name: 'x' } } },
          ],
        },
      },
    });
    const mount = containerOf(pod, 'step-0')?.volumeMounts?.find(({ mountPath }) => mountPath === '/data');
    expect(mount).toEqual({ name: 'volume-1', mountPath: '/data', readOnly: true });
    expect(volumeOf(pod, 'volume-1')).toEqual({ name: 'volume-1', configMap: { name: 'x' } });
    expect(volumeOf(pod, 'volume-0')).toBeUndefined();
  });

  it('given a volume claim as the workspace, then it is a generic ephemeral volume', () => {
    const volumeClaimTemplate = {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const run = workflowRun({ spec: { workspace: { volumeClaimTemplate } } });
    const { metadata } = build({ run });
    const labels = {
      'app.kubernetes.io/managed-by': 'tako',
      'tako.dev/run-uid': run.metadata.uid,
      'tako.dev/pod': metadata.name,
    };
    const own = { labels: { team: 'core', 'tako.dev/pod': 'forged' }, annotations: { a: 'b' } };
    expect(volumeOf(build({ run }), 'workspace')).toEqual({
      name: 'workspace',
      ephemeral: { volumeClaimTemplate: { ...volumeClaimTemplate, metadata: { labels } } },
    });
    const named = workflowRun({
      spec: { workspace: { volumeClaimTemplate: { ...volumeClaimTemplate, metadata: own } } },
    });
    expect(volumeOf(build({ run: named }), 'workspace')).toMatchObject({
      ephemeral: {
        volumeClaimTemplate: { metadata: { labels: { team: 'core', ...labels }, annotations: { a: 'b' } } },
      },
    });
  });

  it("given an emptyDir, then the run's own comes before the repository's, and both have a limit", () => {
    const spec = { runTemplate: { workspace: { emptyDir: { sizeLimit: '1Gi' } } } };
    expect(volumeOf(build({ spec }), 'workspace')?.emptyDir).toEqual({ sizeLimit: '1Gi' });
    const run = workflowRun({ spec: { workspace: { emptyDir: { medium: 'Memory' } } } });
    expect(volumeOf(build({ spec, run }), 'workspace')?.emptyDir).toEqual({ sizeLimit: '10Gi', medium: 'Memory' });
  });

  it('given a workspace of some size, then the agent checks out no commit that is larger', () => {
    const spec = { runTemplate: { workspace: { emptyDir: { sizeLimit: '1Gi' } } } };
    expect(assignmentOf(build({ spec })).checkout).toEqual({ entries: 200_000, bytes: 2 ** 30 });
    const run = workflowRun({ spec: { workspace: { volumeClaimTemplate: { spec: {} } } } });
    expect(assignmentOf(build({ spec, run })).checkout).toEqual({ entries: 200_000 });
  });
});

describe('resources of the containers', () => {
  const resources = (options: Options, name = 'step-0') => containerOf(build(options), name)?.resources;

  it('given nothing, then the first step container asks for what steps need, the others for a minimum', () => {
    const steps = '- one\n- run: two\n  image: alpine:3';
    expect(resources({ steps })).toEqual({
      requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '1Mi' },
      limits: { memory: '1Gi', 'ephemeral-storage': '10Gi' },
    });
    expect(resources({ steps }, 'step-1')?.requests).toEqual({ cpu: '1m', memory: '8Mi', 'ephemeral-storage': '1Mi' });
  });

  it('given limits below what is asked for by default, then no more is asked for', () => {
    const steps = '- run: one\n  resources: {cpu_limit: 20m, mem_limit: 32Mi, disk_limit: 512Ki}';
    expect(resources({ steps })).toEqual({
      requests: { cpu: '20m', memory: '32Mi', 'ephemeral-storage': '512Ki' },
      limits: { cpu: '20m', memory: '32Mi', 'ephemeral-storage': '512Ki' },
    });
  });

  it('given limits, then each has a request, for which Kubernetes would take the limit', () => {
    for (const { resources: own } of build({ steps: '- one\n- run: two\n  image: alpine:3' }).spec.containers) {
      expect(Object.keys(own?.requests ?? {})).toEqual(expect.arrayContaining(Object.keys(own?.limits ?? {})));
    }
  });

  it("given the repository's resources, then they come before the operator's, and the step's own before those", () => {
    const spec = { runTemplate: { resources: { requests: { memory: '2Gi' }, limits: { memory: '4Gi' } } } };
    expect(resources({ spec })).toMatchObject({ requests: { memory: '2Gi' }, limits: { memory: '4Gi' } });
    const steps = '- run: one\n  resources: {mem_limit: 1Gi}';
    expect(resources({ spec, steps })).toMatchObject({ requests: { memory: '1Gi' }, limits: { memory: '1Gi' } });
  });
});

describe('secrets', () => {
  const steps = '- run: one\n  env: {GH: TOKEN}\n- two';
  const spec = {
    secretRef: { name: 'git' },
    secrets: [{ name: 'TOKEN', secretKeyRef: { name: 'ci', key: 'token' } }],
  };
  /** A workflow that declares the secret. */
  const withSecret = () => {
    const { workflow, containers } = prepared(steps);
    const plans = containers.map((container, index) => ({ ...container, secrets: index === 0 ? ['TOKEN'] : [] }));
    return buildPod({ ...input({ spec }), workflow, containers: plans.length > 1 ? plans : [plans[0]!] });
  };

  it('given a secret, then the step gets a reference, the agent a file to mask it by, and nobody else anything', () => {
    const pod = withSecret();
    expect(containerOf(pod, 'step-0')?.env).toContainEqual({
      name: 'TAKO_SECRET_TOKEN',
      valueFrom: { secretKeyRef: { name: 'ci', key: 'token' } },
    });
    expect(volumeOf(pod, 'secrets')?.projected?.sources).toEqual([
      { secret: { name: 'ci', optional: true, items: [{ key: 'token', path: 'TOKEN' }] } },
    ]);
    expect(containerOf(pod, 'agent')?.volumeMounts).toContainEqual({
      name: 'secrets',
      mountPath: '/tako/secrets',
      readOnly: true,
    });
    expect(assignmentOf(pod).secrets).toEqual(['TOKEN']);
  });

  it('given Git credentials, then only the agent has them', () => {
    const pod = withSecret();
    const mounting = pod.spec.containers.filter(({ volumeMounts }) =>
      volumeMounts?.some(({ name }) => name === 'git-credentials'),
    );
    expect(mounting.map(({ name }) => name)).toEqual(['agent']);
    expect(assignmentOf(pod).repository.credentials).toBe(true);
  });

  it.each([undefined, {}, { tag: 'v1', describe: 'v1' }])(
    'given what is known of the tags, %j, then the agent gets it',
    facts => {
      expect(assignmentOf(buildPod({ ...input(), facts })).repository.facts).toEqual(facts);
    },
  );

  it('given any Pod, then only the agent has a token, and it is for the gateway alone', () => {
    const pod = withSecret();
    const tokens = pod.spec.volumes
      ?.flatMap(volume => volume.projected?.sources ?? [])
      .filter(source => source.serviceAccountToken);
    expect(tokens).toEqual([
      { serviceAccountToken: { audience: 'tako.dev', expirationSeconds: 3_600, path: 'token' } },
    ]);
    const mounting = pod.spec.containers.filter(({ volumeMounts }) =>
      volumeMounts?.some(({ name }) => name === 'token'),
    );
    expect(mounting.map(({ name }) => name)).toEqual(['agent']);
  });

  it('given a secret that the repository does not provide, then no Pod is made', () => {
    const { workflow, containers } = prepared('- one');
    const plans = containers.map(container => ({ ...container, secrets: ['TOKEN'] }));
    expect(() => buildPod({ ...input(), workflow, containers: plans })).toThrow('secret TOKEN is not in spec.secrets');
  });
});

describe('the cache of the namespace', () => {
  const cache = { maxBytes: 1_000, maxAgeSeconds: 60, seconds: 1_800 };

  it('given a cache, then the agent has its volume and its bounds, and no other container has it', () => {
    const pod = build({ cache, steps: '- ./build.sh\n- image: other:1\n  run: ./test.sh' });
    expect(volumeOf(pod, 'cache')).toEqual({ name: 'cache', persistentVolumeClaim: { claimName: 'tako-cache' } });
    const withCache = pod.spec.containers.filter(({ volumeMounts }) =>
      volumeMounts?.some(({ name }) => name === 'cache'),
    );
    expect(pod.spec.containers).toHaveLength(3);
    expect(withCache.map(({ name }) => name)).toEqual(['agent']);
    expect(withCache[0]?.volumeMounts).toContainEqual({ name: 'cache', mountPath: '/tako/cache' });
    expect(assignmentOf(pod).cache).toEqual(cache);
  });

  it('given none, then there is nothing of it', () => {
    const pod = build();
    expect(volumeOf(pod, 'cache')).toBeUndefined();
    expect(assignmentOf(pod)).not.toHaveProperty('cache');
  });

  it('given a volume that many Pods share, then the kubelet does not change all of it for each', () => {
    expect(build({ cache }).spec.securityContext).toMatchObject({
      fsGroup: 2_000,
      fsGroupChangePolicy: 'OnRootMismatch',
    });
  });
});

describe('a strict step', () => {
  it('given no writable root, then there is a place for temporary files, unless the step brings one', () => {
    const strict = (volumes: string) => `- run: a\n  security_profile: strict${volumes}`;
    const pod = build({ steps: strict('') });
    expect(containerOf(pod, 'step-0')?.securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    expect(containerOf(pod, 'step-0')?.volumeMounts).toContainEqual({ name: 'tmp-step-0', mountPath: '/tmp' });
    expect(volumeOf(pod, 'tmp-step-0')).toBeDefined();
    const own = build({
      steps: strict('\n  volumes: [{source: t, destination: /tmp}]'),
      spec: { runTemplate: { volumes: [{ name: 't', volume: { emptyDir: {} } }] } },
    });
    expect(volumeOf(own, 'tmp-step-0')).toBeUndefined();
  });
});

describe('the length of a result', () => {
  it('given containers, then all messages fit into what the kubelet keeps, with room for injected ones', () => {
    const steps = (count: number) =>
      Array.from({ length: count }, (_, index) => `- run: a\n  image: image:${index}`).join('\n');
    expect(assignmentOf(build({ steps: steps(1) })).resultBytes).toBe(3_072);
    for (const count of [1, 2, 5, 15]) {
      const pod = build({ steps: steps(count) });
      const share = Math.floor((12 * 1_024) / (pod.spec.containers.length + 2));
      expect(assignmentOf(pod).resultBytes).toBeLessThanOrEqual(Math.min(share, 4_096));
    }
  });
});

const dollars = fc.string({ unit: fc.constantFrom('$', '(', ')', 'A', '{', '}', '"', '\\', '\n', 'é') });
const quantity = fc.constantFrom('1m', '20m', '1', '4', '8Mi', '32Mi', '1Gi', '64M', '0.5');
const anyVolume = fc.constantFrom(
  { emptyDir: {} },
  { configMap: { name: 'x' } },
  { persistentVolumeClaim: { claimName: 'c' } },
);

const anyStep = fc
  .record({
    image: fc.constantFrom('alpine:3', 'golang:1.22', undefined),
    profile: fc.constantFrom('default', 'strict'),
    memory: fc.option(fc.constantFrom('4Mi', '32Mi', '2Gi'), { nil: undefined }),
    longRunning: fc.boolean(),
    mount: fc.option(fc.constantFrom('/data', '/cache', '/tmp'), { nil: undefined }),
  })
  .map(({ image, profile, memory, longRunning, mount }) =>
    [
      '- run: "true"',
      `  security_profile: ${profile}`,
      ...(image === undefined ? [] : [`  image: ${image}`]),
      ...(memory === undefined ? [] : [`  resources: {mem_limit: ${memory}}`]),
      ...(longRunning ? ['  long_running: true'] : []),
      ...(mount === undefined ? [] : [`  volumes: [{source: shared, destination: ${mount}}]`]),
    ].join('\n'),
  );

const anyOptions: fc.Arbitrary<Options> = fc
  .record({
    steps: fc.array(anyStep, { minLength: 1, maxLength: 6 }).map(steps => steps.join('\n')),
    volume: anyVolume,
    annotations: fc.dictionary(
      fc.constantFrom('a', 'container.apparmor.security.beta.kubernetes.io/agent'),
      fc.string(),
    ),
    labels: fc.dictionary(fc.constantFrom('team', 'tako.dev/attempt', 'app.kubernetes.io/component'), fc.constant('x')),
    requests: fc.dictionary(fc.constantFrom('cpu', 'memory', 'ephemeral-storage'), quantity),
    limits: fc.dictionary(fc.constantFrom('cpu', 'memory', 'ephemeral-storage'), quantity),
    secretRef: fc.boolean(),
    inputs: fc.dictionary(fc.constantFrom('a', 'b'), dollars),
    payload: dollars,
    url: dollars,
  })
  .map(({ steps, volume, annotations, labels, requests, limits, secretRef, inputs, payload, url }) => ({
    steps,
    inputs,
    trigger: { type: 'built', source: 'acme/x:default', payload: { text: payload } },
    spec: {
      url: `https://git.example.com/${url}`,
      ...(secretRef ? { secretRef: { name: 'git' } } : {}),
      runTemplate: { annotations, labels, resources: { requests, limits }, volumes: [{ name: 'shared', volume }] },
    },
  }));

describe('any Pod of a run', () => {
  it('property: it meets Pod Security restricted, whatever workflow and template say', () => {
    fc.assert(
      fc.property(anyOptions, options => {
        expect(restrictedViolations(build(options))).toEqual([]);
      }),
    );
  });

  it('property: names of volumes are distinct labels, every mount has one, and no two mounts of a container share a path', () => {
    fc.assert(
      fc.property(anyOptions, options => {
        const { spec } = build(options);
        const names = spec.volumes?.map(({ name }) => name) ?? [];
        expect(new Set(names).size).toBe(names.length);
        for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
        for (const { volumeMounts = [] } of spec.containers) {
          for (const mount of volumeMounts) expect(names).toContain(mount.name);
          expect(new Set(volumeMounts.map(({ mountPath }) => mountPath)).size).toBe(volumeMounts.length);
        }
      }),
    );
  });

  it('property: nothing asks for more than it may have', () => {
    fc.assert(
      fc.property(anyOptions, options => {
        for (const { resources } of build(options).spec.containers) {
          for (const [name, request] of Object.entries(resources?.requests ?? {})) {
            const limit = resources?.limits?.[name];
            if (limit !== undefined) expect(parseQuantity(request)).toBeLessThanOrEqual(parseQuantity(limit)!);
          }
        }
      }),
    );
  });

  it("property: what Kubernetes' expansion leaves of the assignment and the step loop is what we meant", () => {
    fc.assert(
      fc.property(anyOptions, options => {
        const pod = build(options);
        const { inputs, trigger, repository: assigned } = assignmentOf(pod);
        expect({ inputs, trigger, url: assigned.url }).toEqual({
          inputs: options.inputs,
          trigger: options.trigger,
          url: options.spec?.url,
        });
        const step = containerOf(pod, 'step-0')?.command?.map(text => expandVariables(text, name => `<${name}>`));
        expect(step).toContain(STEP_LOOP);
      }),
    );
  });

  it('property: the same input gives the same Pod', () => {
    fc.assert(
      fc.property(anyOptions, options => {
        expect(build(options)).toEqual(build(options));
      }),
    );
  });
});

describe('the expansion of Kubernetes, as these tests imitate it', () => {
  it.each([
    ['$(A)', '<A>'],
    ['$$(A)', '$(A)'],
    ['$$$$', '$$'],
    ['$', '$'],
    ['$A', '$A'],
    ['$(A', '$(A'],
    ['a$$b$(C)d', 'a$b<C>d'],
  ])('given %s, then it is %s', (text, expected) => {
    expect(expandVariables(text, name => `<${name}>`)).toBe(expected);
  });
});
