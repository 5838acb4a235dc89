import { LABELS, MANAGED_BY, TOKEN_AUDIENCE } from '../../api/meta.ts';
import type { TakoRepository } from '../../api/resources.ts';
import { podName } from '../../fanout/names.ts';
import type { Pod } from '../../kube/objects.ts';
import type { StepContainerPlan } from '../../workflow/containers.ts';
import { CACHE_CLAIM } from '../cache/claim.ts';
import type { PodInput } from './pod.ts';
import { DEFAULT_WORKSPACE_SIZE, workspaceSource } from './workspace.ts';

type Volume = NonNullable<Pod['spec']['volumes']>[number];

/** The kubelet renews a projected token when 80 % of this is over, seconds. */
const TOKEN_SECONDS = 3_600;

/** The cache of the namespace: in the agent's container, and nowhere else. */
export const CACHE_VOLUME = 'cache';

/** All volumes of a run's Pod; no two have the same name. */
export function podVolumes(input: PodInput): Volume[] {
  const { repository, containers } = input;
  const { secretRef, runTemplate } = repository.spec;
  const secrets = secretsOf(input);
  const mounted = new Set(containers.flatMap(container => container.volumes.map(mount => mount.source)));
  return [
    workspaceVolume(input),
    { name: 'state', emptyDir: { sizeLimit: '10Gi' } },
    {
      name: 'token',
      projected: {
        defaultMode: 0o440,
        sources: [
          { serviceAccountToken: { audience: TOKEN_AUDIENCE, expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        ],
      },
    },
    ...containers.map(
      ({ name }): Volume => ({ name: ioVolume(name), emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } }),
    ),
    ...containers
      .filter(needsTemporaryVolume)
      .map(({ name }): Volume => ({ name: temporaryVolume(name), emptyDir: { sizeLimit: '1Gi' } })),
    ...(secretRef === undefined
      ? []
      : [{ name: 'git-credentials', secret: { secretName: secretRef.name, defaultMode: 0o440 } }]),
    ...(secrets.length === 0 ? [] : [secretsVolume(repository, secrets)]),
    ...(input.cache === undefined ? [] : [{ name: CACHE_VOLUME, persistentVolumeClaim: { claimName: CACHE_CLAIM } }]),
    ...(runTemplate?.volumes ?? [])
      .filter(({ name }) => mounted.has(name))
      .map(({ name, volume }) => ({ ...volume, name: allowedVolume(repository, name) }) as Volume),
  ];
}

/** Names in tako.yml of all secrets that steps use, sorted. */
export function secretsOf({ containers }: Pick<PodInput, 'containers'>): string[] {
  return [...new Set(containers.flatMap(container => container.secrets))].sort();
}

export function secretKeyRef(repository: TakoRepository, name: string): { name: string; key: string } {
  const mapping = repository.spec.secrets?.find(secret => secret.name === name);
  if (mapping === undefined)
    throw new Error(`secret ${name} is not in spec.secrets: check the plan before building a Pod`);
  return mapping.secretKeyRef;
}

/** The volume between the agent and a step container. */
export function ioVolume(container: string): string {
  return `io-${container}`;
}

/** A container whose root is read-only has nowhere to put the temporary files that shells and tools make. */
export function needsTemporaryVolume({ securityProfile, volumes }: StepContainerPlan): boolean {
  return securityProfile === 'strict' && !volumes.some(({ destination }) => /^\/+tmp\/*$/.test(destination));
}

export function temporaryVolume(container: string): string {
  return `tmp-${container}`;
}

/** The volume of a Pod that a repository allows under this name; by its position, as the name may be too long with a prefix. */
export function allowedVolume(repository: TakoRepository, name: string): string {
  const position = repository.spec.runTemplate?.volumes?.findIndex(volume => volume.name === name) ?? -1;
  return `volume-${position}`;
}

function workspaceVolume(input: PodInput): Volume {
  const { run, repository } = input;
  const workspace = workspaceSource(run.spec, repository.spec);
  if (workspace.volumeClaimTemplate !== undefined) {
    return { name: 'workspace', ephemeral: { volumeClaimTemplate: labelled(workspace.volumeClaimTemplate, input) } };
  }
  const { sizeLimit = DEFAULT_WORKSPACE_SIZE, medium } = workspace.emptyDir ?? {};
  return { name: 'workspace', emptyDir: { sizeLimit, ...(medium === undefined ? {} : { medium }) } };
}

type ClaimTemplate = NonNullable<NonNullable<Volume['ephemeral']>['volumeClaimTemplate']>;

/** The claim belongs to its Pod. Labels tell whose it is should somebody take its owner away. */
function labelled(template: object, { run, attempt }: PodInput): ClaimTemplate {
  const { metadata, ...rest } = template as ClaimTemplate;
  const labels = {
    ...metadata?.labels,
    [LABELS.managedBy]: MANAGED_BY,
    [LABELS.runUid]: run.metadata.uid,
    [LABELS.pod]: podName(run.metadata, attempt),
  };
  return { ...rest, metadata: { ...metadata, labels } };
}

/**
 * Values for the agent to mask. A Secret that is missing does not keep the agent from starting: the step's container says so much better
 * (CreateContainerConfigError names it) than a volume that is not mounted.
 */
function secretsVolume(repository: TakoRepository, secrets: readonly string[]): Volume {
  return {
    name: 'secrets',
    projected: {
      defaultMode: 0o440,
      sources: secrets.map(name => {
        const { name: secret, key } = secretKeyRef(repository, name);
        return { secret: { name: secret, optional: true, items: [{ key, path: name }] } };
      }),
    },
  };
}
