import { AGENT_CONTAINER, IDS, PATHS } from '../../agent/contract.ts';
import { LABELS } from '../../api/meta.ts';
import type { Pod } from '../../kube/objects.ts';

/** The name that the lock service looks for: a Pod is over for it when this container is, whatever a mesh has put beside. */
export const MAINTENANCE_CONTAINER = AGENT_CONTAINER;

/** By these a Pod of this kind is found. Not `managed-by: tako`: the operator has nothing to do with it. */
export const MAINTENANCE_LABELS = {
  [LABELS.name]: 'tako-cache-maintenance',
  [LABELS.managedBy]: 'tako-cli',
} as const;

/** No command works longer than this, and no Pod lives longer, seconds. */
const DEADLINE_SECONDS = 2 * 3_600;

export interface MaintenancePodInput {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  /** Of the volume. */
  readonly claim: string;
  /** Whether it only reads. */
  readonly readOnly: boolean;
}

/**
 * The Pod that works on the volume of a cache for a command. It meets Pod Security `restricted`, has the user and groups of agents, whose files it
 * works on, and no token. It does nothing until somebody attaches, and ends when that one hangs up: `stdinOnce` is the tie.
 */
export function maintenancePod({ namespace, name, image, claim, readOnly }: MaintenancePodInput): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { ...MAINTENANCE_LABELS } },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 5,
      activeDeadlineSeconds: DEADLINE_SECONDS,
      securityContext: {
        runAsNonRoot: true,
        fsGroup: IDS.shared,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: MAINTENANCE_CONTAINER,
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['node', '--disable-sigusr1', '/app/cache-maintenance.mjs'],
          stdin: true,
          stdinOnce: true,
          workingDir: '/tmp',
          securityContext: {
            allowPrivilegeEscalation: false,
            runAsNonRoot: true,
            runAsUser: IDS.agent,
            runAsGroup: IDS.agent,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          resources: {
            requests: { cpu: '10m', memory: '64Mi', 'ephemeral-storage': '1Mi' },
            limits: { memory: '256Mi', 'ephemeral-storage': '256Mi' },
          },
          volumeMounts: [
            { name: 'cache', mountPath: PATHS.cache, readOnly },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        { name: 'cache', persistentVolumeClaim: { claimName: claim } },
        { name: 'tmp', emptyDir: { sizeLimit: '128Mi' } },
      ],
    },
  };
}

/** How far a Pod is, in the words that help. */
export type PodProgress =
  | { readonly state: 'running' }
  | { readonly state: 'starting'; readonly why: string }
  | { readonly state: 'failed'; readonly why: string };

/** Reasons of a waiting container that no waiting mends. The kubelet tries again after the first ErrImagePull, so that one is not here. */
const HOPELESS = new Set([
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
]);

export function podProgress({ status, metadata }: Pick<Pod, 'status' | 'metadata'>): PodProgress {
  if (metadata.deletionTimestamp !== undefined) return { state: 'failed', why: 'somebody deletes it' };
  const container = status?.containerStatuses?.find(({ name }) => name === MAINTENANCE_CONTAINER);
  const { running, waiting, terminated } = container?.state ?? {};
  if (terminated !== undefined) {
    const said = [terminated.reason, terminated.message].filter(Boolean).join(': ');
    return { state: 'failed', why: `it ended with exit code ${terminated.exitCode}${said === '' ? '' : ` (${said})`}` };
  }
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') {
    return { state: 'failed', why: [status.reason, status.message].filter(Boolean).join(': ') || 'it has ended' };
  }
  if (running !== undefined) return { state: 'running' };
  if (waiting?.reason !== undefined && waiting.reason !== 'ContainerCreating') {
    const why = [waiting.reason, waiting.message].filter(Boolean).join(': ');
    return HOPELESS.has(waiting.reason) ? { state: 'failed', why } : { state: 'starting', why };
  }
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') return { state: 'starting', why: scheduled.message ?? 'no node takes it' };
  return { state: 'starting', why: 'its container is being created' };
}
