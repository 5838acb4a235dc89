import {
  AGENT_CONTAINER,
  ASSIGNMENT_VARIABLE,
  type Assignment,
  IDS,
  PATHS,
  PROTOCOL_VERSION,
  secretVariable,
} from '../../agent/contract.ts';
import { stepCommand } from '../../agent/protocol/loop.ts';
import { ANNOTATIONS, API_VERSION, LABELS, MANAGED_BY, TOKEN_AUDIENCE, TRACKING_FINALIZER } from '../../api/meta.ts';
import type { TakoRepository, TakoRun } from '../../api/resources.ts';
import { podName } from '../../fanout/names.ts';
import type { Live, Pod } from '../../kube/objects.ts';
import type { StepContainerPlan } from '../../workflow/containers.ts';
import type { Resources, Workflow } from '../../workflow/types.ts';
import type { RunOptions } from './options.ts';

type PodSpec = Pod['spec'];
type Container = PodSpec['containers'][number];
type Volume = NonNullable<PodSpec['volumes']>[number];
type VolumeMount = NonNullable<Container['volumeMounts']>[number];

/** Everything that a run's Pod is made from. */
export interface PodInput {
  readonly run: Live<TakoRun>;
  readonly repository: TakoRepository;
  readonly slug: string;
  readonly workflow: Workflow;
  readonly containers: readonly StepContainerPlan[];
  readonly inputs: Readonly<Record<string, string | number | boolean>>;
  readonly trigger?: Assignment['trigger'] | undefined;
  readonly commit: string;
  readonly configDigest: string;
  readonly runId: string;
  /** From 1. */
  readonly attempt: number;
  /** When the run ends at the latest, RFC 3339. */
  readonly deadline: string;
  /** From now to the deadline, seconds. */
  readonly remainingSeconds: number;
  readonly gatewayCa: string;
  readonly options: RunOptions;
}

/**
 * The Pod of one attempt: the agent and one container per distinct environment of the steps, all started together, since an init
 * container would cost a second of kubelet relist. It meets Pod Security `restricted`. The tracking finalizer keeps it until its
 * outcome is in the run's status.
 */
export function buildPod(input: PodInput): Pod {
  const { run, options } = input;
  const template = input.repository.spec.runTemplate ?? {};
  const secrets = [...new Set(input.containers.flatMap(container => container.secrets))].sort();
  const resultBytes = Math.min(4_096, Math.floor((12 * 1_024) / (input.containers.length + 1)));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(run.metadata, input.attempt),
      namespace: run.metadata.namespace!,
      labels: {
        ...template.labels,
        [LABELS.name]: 'tako-run',
        [LABELS.managedBy]: MANAGED_BY,
        [LABELS.component]: 'run',
        [LABELS.runUid]: run.metadata.uid,
        [LABELS.rootUid]: run.spec.parent?.root.uid ?? run.metadata.uid,
        [LABELS.attempt]: String(input.attempt),
        [LABELS.network]: networkOf(input.workflow),
      },
      annotations: {
        ...template.annotations,
        [ANNOTATIONS.revision]: input.commit,
        [ANNOTATIONS.configDigest]: input.configDigest,
        'kubectl.kubernetes.io/default-container': input.containers[0]?.name ?? AGENT_CONTAINER,
      },
      finalizers: [TRACKING_FINALIZER],
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: 'TakoRun',
          name: run.metadata.name,
          uid: run.metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      restartPolicy: 'Never',
      serviceAccountName: template.serviceAccountName ?? 'default',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: Math.ceil(options.gracePeriodMs / 1_000) + 5,
      activeDeadlineSeconds: Math.max(1, Math.ceil(input.remainingSeconds)) + 60,
      securityContext: {
        runAsNonRoot: true,
        fsGroup: IDS.shared,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...defined({
        nodeSelector: template.nodeSelector,
        affinity: template.affinity as PodSpec['affinity'],
        tolerations: template.tolerations as PodSpec['tolerations'],
        priorityClassName: template.priorityClassName,
        runtimeClassName: template.runtimeClassName,
        imagePullSecrets: template.imagePullSecrets,
      }),
      containers: [
        agentContainer(input, secrets, resultBytes),
        ...input.containers.map((container, index) => stepContainer(input, container, index === 0)),
      ],
      volumes: volumes(input, secrets),
    },
  };
}

function agentContainer(input: PodInput, secrets: readonly string[], resultBytes: number): Container {
  const repository = input.repository;
  const assignment: Assignment = {
    protocol: PROTOCOL_VERSION,
    run: {
      namespace: input.run.metadata.namespace!,
      name: input.run.metadata.name,
      uid: input.run.metadata.uid,
      runId: input.runId,
    },
    repository: {
      url: repository.spec.url,
      slug: input.slug,
      path: repository.spec.path,
      commit: input.commit,
      configDigest: input.configDigest,
      credentials: repository.spec.secretRef !== undefined,
    },
    workflow: input.workflow.name,
    inputs: input.inputs,
    ...(input.trigger === undefined ? {} : { trigger: input.trigger }),
    containers: input.containers.map(container => ({ name: container.name, steps: container.steps })),
    secrets,
    deadline: input.deadline,
    startTimeoutMs: input.options.startTimeoutMs,
    gitTimeoutMs: input.options.gitTimeoutMs,
    gateway: { url: input.options.gatewayUrl, ca: input.gatewayCa },
    resultBytes,
  };
  return {
    name: AGENT_CONTAINER,
    image: input.options.agentImage,
    imagePullPolicy: 'IfNotPresent',
    command: AGENT_COMMAND,
    env: [{ name: ASSIGNMENT_VARIABLE, value: escapeExpansion(JSON.stringify(assignment)) }],
    workingDir: PATHS.state,
    securityContext: { ...RESTRICTED, runAsUser: IDS.agent, runAsGroup: IDS.agent, readOnlyRootFilesystem: true },
    resources: {
      requests: { cpu: '10m', memory: '64Mi' },
      limits: { memory: '256Mi', 'ephemeral-storage': '10Gi' },
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    volumeMounts: [
      { name: 'workspace', mountPath: PATHS.workspace },
      { name: 'state', mountPath: PATHS.state },
      { name: 'token', mountPath: PATHS.token.slice(0, PATHS.token.lastIndexOf('/')), readOnly: true },
      ...input.containers.map(container => ({
        name: ioVolume(container.name),
        mountPath: `${PATHS.io}/${container.name}`,
      })),
      ...(repository.spec.secretRef === undefined
        ? []
        : [{ name: 'git-credentials', mountPath: PATHS.gitCredentials, readOnly: true }]),
      ...(secrets.length === 0 ? [] : [{ name: 'secrets', mountPath: PATHS.secrets, readOnly: true }]),
    ],
  };
}

/** Small pages and one helper thread keep the agent's memory down; --disable-sigusr1 keeps the inspector shut. */
const AGENT_COMMAND = ['node', '--disable-sigusr1', '--max-semi-space-size=1', '/app/agent.mjs'];

const RESTRICTED = { allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: { drop: ['ALL'] } };

function stepContainer(input: PodInput, plan: StepContainerPlan, first: boolean): Container {
  return {
    name: plan.name,
    image: plan.image,
    command: stepCommand(PATHS.io).map(escapeExpansion),
    workingDir: PATHS.workspace,
    env: [
      { name: 'HOME', value: '/tmp' },
      ...plan.secrets.map(name => ({
        name: secretVariable(name),
        valueFrom: { secretKeyRef: secretKeyRef(input.repository, name) },
      })),
    ],
    securityContext: {
      ...RESTRICTED,
      runAsUser: IDS.step,
      runAsGroup: IDS.step,
      ...(plan.securityProfile === 'strict' ? { readOnlyRootFilesystem: true } : {}),
    },
    resources: stepResources(input, plan.resources, first),
    volumeMounts: [
      { name: 'workspace', mountPath: PATHS.workspace },
      { name: ioVolume(plan.name), mountPath: PATHS.io, readOnly: true },
      ...plan.volumes.map(
        (mount): VolumeMount => ({
          name: allowedVolume(mount.source),
          mountPath: mount.destination,
          readOnly: mount.readOnly,
        }),
      ),
    ],
  };
}

/** The largest requests stand in one container, the others ask for a minimum: they hardly ever work at the same time. */
function stepResources(
  input: PodInput,
  own: Resources | undefined,
  first: boolean,
): NonNullable<Container['resources']> {
  const template = input.repository.spec.runTemplate?.resources;
  const limits: Record<string, string> = { ...input.options.stepLimits, ...template?.limits };
  if (own?.cpuLimit !== undefined) limits.cpu = own.cpuLimit;
  if (own?.memLimit !== undefined) limits.memory = own.memLimit;
  if (own?.diskLimit !== undefined) limits['ephemeral-storage'] = own.diskLimit;
  const requests = first
    ? { ...input.options.stepRequests, ...template?.requests }
    : { cpu: '1m', memory: '8Mi', 'ephemeral-storage': '1Mi' };
  return { limits, requests: { 'ephemeral-storage': '1Mi', ...requests } };
}

function volumes(input: PodInput, secrets: readonly string[]): Volume[] {
  const { repository } = input;
  const list: Volume[] = [
    workspaceVolume(input),
    { name: 'state', emptyDir: { sizeLimit: '10Gi' } },
    {
      name: 'token',
      projected: {
        defaultMode: 0o440,
        sources: [{ serviceAccountToken: { audience: TOKEN_AUDIENCE, expirationSeconds: 3_600, path: 'token' } }],
      },
    },
    ...input.containers.map(
      (container): Volume => ({ name: ioVolume(container.name), emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } }),
    ),
  ];
  if (repository.spec.secretRef !== undefined) {
    list.push({ name: 'git-credentials', secret: { secretName: repository.spec.secretRef.name, defaultMode: 0o440 } });
  }
  if (secrets.length > 0) {
    list.push({
      name: 'secrets',
      projected: {
        defaultMode: 0o440,
        sources: secrets.map(name => {
          const ref = secretKeyRef(repository, name);
          return { secret: { name: ref.name, items: [{ key: ref.key, path: name }] } };
        }),
      },
    });
  }
  const mounted = new Set(input.containers.flatMap(container => container.volumes.map(mount => mount.source)));
  for (const allowed of repository.spec.runTemplate?.volumes ?? []) {
    if (mounted.has(allowed.name)) list.push({ ...allowed.volume, name: allowedVolume(allowed.name) } as Volume);
  }
  return list;
}

function workspaceVolume(input: PodInput): Volume {
  const workspace = input.run.spec.workspace ?? input.repository.spec.runTemplate?.workspace ?? {};
  if (workspace.volumeClaimTemplate !== undefined) {
    return { name: 'workspace', ephemeral: { volumeClaimTemplate: workspace.volumeClaimTemplate } } as Volume;
  }
  return { name: 'workspace', emptyDir: { sizeLimit: '10Gi', ...defined(workspace.emptyDir ?? {}) } };
}

function secretKeyRef(repository: TakoRepository, name: string): { name: string; key: string } {
  const mapping = repository.spec.secrets?.find(secret => secret.name === name);
  if (mapping === undefined)
    throw new Error(`secret ${name} is not in spec.secrets: check the plan before building a Pod`);
  return mapping.secretKeyRef;
}

function networkOf(workflow: Workflow): string {
  return workflow.steps.some(step => step.network === 'default') ? 'default' : 'none';
}

function ioVolume(container: string): string {
  return `io-${container}`;
}

function allowedVolume(name: string): string {
  return `vol-${name.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-')}`;
}

/**
 * Kubernetes replaces `$(NAME)` in commands and variables, and `$$` by `$`
 * (https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/); doubling keeps the text as it is.
 */
export function escapeExpansion(text: string): string {
  return text.replaceAll('$', '$$$$');
}

function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
}
