import {
  AGENT_CONTAINER,
  ASSIGNMENT_VARIABLE,
  type Assignment,
  IDS,
  MAX_DEFINITION_BYTES,
  PATHS,
  PROTOCOL_VERSION,
  secretVariable,
} from '../../agent/contract.ts';
import { stepCommand } from '../../agent/protocol/loop.ts';
import type { Pod } from '../../kube/objects.ts';
import type { StepContainerPlan } from '../../workflow/containers.ts';
import type { Resources, Workflow } from '../../workflow/types.ts';
import type { PodInput } from './pod.ts';
import {
  allowedVolume,
  CACHE_VOLUME,
  ioVolume,
  needsTemporaryVolume,
  secretKeyRef,
  secretsOf,
  temporaryVolume,
} from './pod-volumes.ts';
import { withinLimits } from './quantity.ts';
import { workspaceBytes, workspaceSource } from './workspace.ts';

type Container = Pod['spec']['containers'][number];

/**
 * --disable-sigusr1 keeps the inspector shut. A young generation of 2 MiB from the start, neither growing from less nor to more, saves the
 * agent a few collections while it starts, and keeps it small however much its steps log.
 */
const AGENT_COMMAND = [
  'node',
  '--disable-sigusr1',
  '--min-semi-space-size=2',
  '--max-semi-space-size=2',
  '/app/agent.cjs',
];

const RESTRICTED = { allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: { drop: ['ALL'] } };

/**
 * Bytes of all termination messages of a Pod; the kubelet gives each container the same share (MaxPodTerminationMessageLogLength in
 * pkg/kubelet/container/runtime.go) and no container more than 4,096, and cuts what is longer.
 */
const MESSAGES_BYTES = 12 * 1_024;
const MESSAGE_BYTES = 4_096;
/** Containers that a mesh may inject or `kubectl debug` may add: they take their share too. */
const FOREIGN_CONTAINERS = 2;

/** How long the agent's message may be in a Pod with this many step containers, bytes. */
export function resultBytes(stepContainers: number): number {
  return Math.min(MESSAGE_BYTES, Math.floor(MESSAGES_BYTES / (stepContainers + 1 + FOREIGN_CONTAINERS)));
}

export function agentContainer(input: PodInput): Container {
  const { repository, containers } = input;
  return {
    name: AGENT_CONTAINER,
    image: input.options.agentImage,
    imagePullPolicy: 'IfNotPresent',
    command: AGENT_COMMAND,
    env: [{ name: ASSIGNMENT_VARIABLE, value: escapeExpansion(JSON.stringify(assignmentOf(input))) }],
    workingDir: PATHS.state,
    securityContext: { ...RESTRICTED, runAsUser: IDS.agent, runAsGroup: IDS.agent, readOnlyRootFilesystem: true },
    resources: {
      requests: { cpu: '10m', memory: '64Mi', 'ephemeral-storage': '1Mi' },
      limits: { memory: '256Mi', 'ephemeral-storage': '10Gi' },
    },
    terminationMessagePath: PATHS.terminationLog,
    terminationMessagePolicy: 'File',
    volumeMounts: [
      { name: 'workspace', mountPath: PATHS.workspace },
      { name: 'state', mountPath: PATHS.state },
      { name: 'token', mountPath: PATHS.token.slice(0, PATHS.token.lastIndexOf('/')), readOnly: true },
      ...containers.map(({ name }) => ({ name: ioVolume(name), mountPath: `${PATHS.io}/${name}` })),
      ...(repository.spec.secretRef === undefined
        ? []
        : [{ name: 'git-credentials', mountPath: PATHS.gitCredentials, readOnly: true }]),
      ...(secretsOf(input).length === 0 ? [] : [{ name: 'secrets', mountPath: PATHS.secrets, readOnly: true }]),
      ...(input.cache === undefined ? [] : [{ name: CACHE_VOLUME, mountPath: PATHS.cache }]),
    ],
  };
}

function assignmentOf(input: PodInput): Assignment {
  const { run, repository, containers, options } = input;
  const { url, path, secretRef } = repository.spec;
  return {
    protocol: PROTOCOL_VERSION,
    run: {
      namespace: run.metadata.namespace!,
      name: run.metadata.name,
      uid: run.metadata.uid,
      runId: input.runId,
      attempt: input.attempt,
    },
    repository: {
      url,
      slug: input.slug,
      path,
      commit: input.commit,
      configDigest: input.configDigest,
      credentials: secretRef !== undefined,
      ...(input.facts === undefined ? {} : { facts: input.facts }),
    },
    ...(input.cache === undefined ? {} : { cache: input.cache }),
    workflow: input.workflow.name,
    ...definitionOf(input.workflow),
    inputs: input.inputs,
    ...(input.trigger === undefined ? {} : { trigger: input.trigger }),
    containers: containers.map(({ name, steps, failureScripts }) => ({
      name,
      steps: [...new Set([...steps, ...failureScripts])].sort((one, other) => one - other),
    })),
    secrets: secretsOf(input),
    deadline: input.deadline,
    startTimeoutMs: options.startTimeoutMs,
    gitTimeoutMs: options.gitTimeoutMs,
    checkout: checkoutLimits(input),
    gateway: { url: options.gatewayUrl, ca: input.gatewayCa },
    ...(input.retainSeconds === 0 ? {} : { retainSeconds: input.retainSeconds }),
    resultBytes: resultBytes(containers.length),
  };
}

/** A commit that its workspace cannot hold is refused in words, not by a full disk. */
function checkoutLimits({ run, repository, options }: PodInput): NonNullable<Assignment['checkout']> {
  const bytes = workspaceBytes(workspaceSource(run.spec, repository.spec));
  return { entries: options.checkoutEntries, ...(bytes === undefined ? {} : { bytes: Math.floor(bytes) }) };
}

function definitionOf(workflow: Workflow): Pick<Assignment, 'definition'> {
  return Buffer.byteLength(JSON.stringify(workflow)) > MAX_DEFINITION_BYTES ? {} : { definition: workflow };
}

/** @param first whether it is the container that asks for the resources of the steps */
export function stepContainer(input: PodInput, plan: StepContainerPlan, first: boolean): Container {
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
      ...(needsTemporaryVolume(plan) ? [{ name: temporaryVolume(plan.name), mountPath: '/tmp' }] : []),
      ...plan.volumes.map(({ source, destination, readOnly }) => ({
        name: allowedVolume(input.repository, source),
        mountPath: destination,
        readOnly,
      })),
    ],
  };
}

/** The largest requests stand in one container, the others ask for a minimum: they hardly ever work at the same time. */
function stepResources(input: PodInput, own: Resources, first: boolean): NonNullable<Container['resources']> {
  const template = input.repository.spec.runTemplate?.resources;
  const limits: Record<string, string> = { ...input.options.stepLimits, ...template?.limits };
  if (own.cpuLimit !== undefined) limits.cpu = own.cpuLimit;
  if (own.memLimit !== undefined) limits.memory = own.memLimit;
  if (own.diskLimit !== undefined) limits['ephemeral-storage'] = own.diskLimit;
  const asked = first ? { ...input.options.stepRequests, ...template?.requests } : { cpu: '1m', memory: '8Mi' };
  return { limits, requests: withinLimits({ 'ephemeral-storage': '1Mi', ...asked }, limits) };
}

/**
 * Kubernetes replaces `$(NAME)` in commands and variables, and `$$` by `$`
 * (https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/); doubling keeps the text as it is.
 */
function escapeExpansion(text: string): string {
  return text.replaceAll('$', '$$$$');
}
