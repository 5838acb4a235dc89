import { AGENT_CONTAINER, type Assignment, type CacheSettings, type CheckoutFacts, IDS } from '../../agent/contract.ts';
import { ANNOTATIONS, API_VERSION, LABELS, MANAGED_BY, TRACKING_FINALIZER } from '../../api/meta.ts';
import type { TakoRepository, TakoRun } from '../../api/resources.ts';
import { keepsPodWaiting } from '../../fanout/last-position.ts';
import { podName } from '../../fanout/names.ts';
import type { Live, Pod } from '../../kube/objects.ts';
import type { StepContainerPlan } from '../../workflow/containers.ts';
import type { Workflow } from '../../workflow/types.ts';
import type { RunOptions } from './options.ts';
import { agentContainer, stepContainer } from './pod-containers.ts';
import { podVolumes } from './pod-volumes.ts';

type PodSpec = Pod['spec'];

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
  readonly facts?: CheckoutFacts | undefined;
  readonly runId: string;
  /** From 1. */
  readonly attempt: number;
  /** When the run ends at the latest, RFC 3339. */
  readonly deadline: string;
  /** From now to the deadline, seconds. */
  readonly remainingSeconds: number;
  /** How long a failed workspace stays for people; 0: not at all. */
  readonly retainSeconds: number;
  readonly gatewayCa: string;
  /** Present: the Pod gets the cache of its namespace. */
  readonly cache?: CacheSettings | undefined;
  readonly options: RunOptions;
}

/** Time that Kubernetes gives the Pod beyond the run's own deadline, seconds: a backstop for an agent that does not end it. */
const DEADLINE_BACKSTOP_SECONDS = 60;

/**
 * The Pod of one attempt: the agent and one container per distinct environment of the steps, all started together, since an init
 * container would cost a second of kubelet relist. It meets Pod Security `restricted`. The tracking finalizer keeps it until its
 * outcome is in the run's status.
 */
export function buildPod(input: PodInput): Pod {
  const { run, options } = input;
  const { name, uid, namespace } = run.metadata;
  const template = input.repository.spec.runTemplate ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(run.metadata, input.attempt),
      namespace: namespace!,
      labels: {
        ...withoutOurs(template.labels),
        [LABELS.name]: 'tako-run',
        [LABELS.managedBy]: MANAGED_BY,
        [LABELS.component]: 'run',
        [LABELS.runUid]: uid,
        [LABELS.rootUid]: run.spec.parent?.root.uid ?? uid,
        [LABELS.attempt]: String(input.attempt),
        [LABELS.network]: networkOf(input.workflow),
      },
      annotations: {
        ...withoutOurs(template.annotations),
        [ANNOTATIONS.revision]: input.commit,
        [ANNOTATIONS.configDigest]: input.configDigest,
        ...(keepsPodWaiting(input.workflow.steps) ? { [ANNOTATIONS.keepsPod]: 'true' } : {}),
        ...(input.workflow.steps.every(({ kind }) => kind === 'run') ? { [ANNOTATIONS.onlyScripts]: 'true' } : {}),
        'kubectl.kubernetes.io/default-container': input.containers[0]?.name ?? AGENT_CONTAINER,
      },
      finalizers: [TRACKING_FINALIZER],
      ownerReferences: [
        { apiVersion: API_VERSION, kind: 'TakoRun', name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: {
      restartPolicy: 'Never',
      serviceAccountName: template.serviceAccountName ?? 'default',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: Math.ceil(options.gracePeriodMs / 1_000) + 5,
      activeDeadlineSeconds:
        Math.max(1, Math.ceil(input.remainingSeconds)) + DEADLINE_BACKSTOP_SECONDS + input.retainSeconds,
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
        agentContainer(input),
        ...input.containers.map((container, index) => stepContainer(input, container, index === 0)),
      ],
      volumes: podVolumes(input),
    },
  };
}

/** Prefixes of labels and annotations that a repository may not set: ours, and what would loosen a container's confinement. */
const KEPT = [
  'tako.dev/',
  'app.kubernetes.io/',
  'kubectl.kubernetes.io/default-container',
  'container.apparmor.security.beta.kubernetes.io/',
];

function withoutOurs(own: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(own).filter(([key]) => !KEPT.some(prefix => key.startsWith(prefix))));
}

function networkOf(workflow: Workflow): string {
  return workflow.steps.some(step => step.network === 'default') ? 'default' : 'none';
}

function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
}
