import { AGENT_CONTAINER, type AgentResult, PROTOCOL_VERSION } from '../../../agent/contract.ts';
import { ANNOTATIONS, API_VERSION, LABELS, TRACKING_FINALIZER } from '../../../api/meta.ts';
import type { TakoRepositorySpec, TakoRepositoryStatus } from '../../../api/takorepository.ts';
import { podName } from '../../../fanout/names.ts';
import type { RunObject } from '../../../fanout/objects.ts';
import { buildEventRun, buildWorkflowRun, type RunOptions } from '../../../fanout/testing/builders.ts';
import { groupSteps } from '../../../workflow/containers.ts';
import { parseTakoFile } from '../../../workflow/parse.ts';
import type { TakoFile } from '../../../workflow/types.ts';
import type { EventObservation } from '../event-observation.ts';
import type { LiveRepository, LiveRun, ObservedPod } from '../observed.ts';
import { DEFAULT_RUN_OPTIONS, type RunOptions as Settings } from '../options.ts';
import type { PreparedWorkflow } from '../prepare.ts';
import type { WorkflowObservation } from '../workflow-observation.ts';

/** When the runs of these tests were created. */
export const CREATED = Date.parse('2026-01-01T00:00:00Z');

/** Milliseconds after the creation of the run, as RFC 3339. */
export function at(ms: number): string {
  return `${new Date(CREATED + ms).toISOString().slice(0, 19)}Z`;
}

export const COMMIT = 'a'.repeat(40);

export const settings: Settings = {
  ...DEFAULT_RUN_OPTIONS,
  agentImage: 'registry.example.com/tako:1',
  gatewayUrl: 'https://tako-gateway.tako-system.svc:8443',
};

function live(run: RunObject): LiveRun {
  return {
    apiVersion: API_VERSION,
    kind: 'TakoRun',
    ...run,
    metadata: { generation: 1, resourceVersion: '1', ...run.metadata },
  } as unknown as LiveRun;
}

/** A workflow run as the API server gives it. */
export function workflowRun(options: RunOptions = {}): LiveRun {
  return live(buildWorkflowRun(options));
}

/** An event run as the API server gives it. */
export function eventRun(options: RunOptions = {}): LiveRun {
  return live(buildEventRun(options));
}

/** The event run of a fan-out step of `parent`. */
export function fanOutOf(parent: LiveRun, step: string, options: RunOptions = {}): LiveRun {
  const reference = { namespace: parent.metadata.namespace!, name: parent.metadata.name, uid: parent.metadata.uid };
  return eventRun({
    name: `${parent.metadata.name}-${step}`,
    ...options,
    parent: { run: reference, root: reference, step },
  });
}

type Statuses = NonNullable<NonNullable<ObservedPod['status']>['containerStatuses']>;
export type ContainerState = NonNullable<Statuses[number]['state']>;

export interface PodOptions {
  readonly run?: LiveRun;
  readonly attempt?: number;
  readonly uid?: string;
  /** By container; the image is `<name>:1`. */
  readonly containers?: Readonly<Record<string, ContainerState>>;
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly unschedulable?: string;
  /** Reason of a DisruptionTarget condition. */
  readonly disruption?: string;
  readonly bound?: boolean;
  /** Milliseconds after the creation of the run. */
  readonly createdAfter?: number;
  readonly deletedAfter?: number;
  readonly finalizers?: string[];
  readonly claimed?: boolean;
  readonly cached?: boolean;
  /** Whether all steps are scripts. */
  readonly onlyScripts?: boolean;
}

/** A Pod of a run as the reflector projects it: just created unless the test says more. */
export function observedPod(options: PodOptions = {}): ObservedPod {
  const { run = workflowRun(), attempt = 1, uid = 'pod-uid', containers = {}, createdAfter = 0 } = options;
  const { metadata } = run;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(metadata, attempt),
      namespace: metadata.namespace!,
      uid,
      resourceVersion: '1',
      creationTimestamp: at(createdAfter),
      ...(options.deletedAfter === undefined ? {} : { deletionTimestamp: at(options.deletedAfter) }),
      labels: { [LABELS.runUid]: metadata.uid, [LABELS.attempt]: String(attempt) },
      annotations: {
        [ANNOTATIONS.revision]: COMMIT,
        ...(options.onlyScripts === true ? { [ANNOTATIONS.onlyScripts]: 'true' } : {}),
      },
      ownerReferences: [
        { apiVersion: API_VERSION, kind: 'TakoRun', name: metadata.name, uid: metadata.uid, controller: true },
      ],
      finalizers: options.finalizers ?? [TRACKING_FINALIZER],
    },
    claimed: options.claimed ?? false,
    cached: options.cached ?? false,
    status: {
      phase: options.phase ?? 'Pending',
      ...(options.reason === undefined ? {} : { reason: options.reason }),
      ...(options.message === undefined ? {} : { message: options.message }),
      conditions: conditionsOf(options),
      containerStatuses: Object.entries(containers).map(([name, state]) => ({
        name,
        image: `${name}:1`,
        imageID: '',
        ready: false,
        restartCount: 0,
        state,
      })),
    },
  };
}

function conditionsOf({ unschedulable, bound, disruption }: PodOptions): { type: string; status: string }[] {
  const scheduled = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: unschedulable };
  return [
    ...(unschedulable === undefined ? [] : [scheduled]),
    ...(bound === true ? [{ type: 'PodScheduled', status: 'True' }] : []),
    ...(disruption === undefined
      ? []
      : [{ type: 'DisruptionTarget', status: 'True', reason: disruption, message: `because of ${disruption}` }]),
  ];
}

export const running: ContainerState = { running: { startedAt: at(1_000) } };
export const creating: ContainerState = { waiting: { reason: 'ContainerCreating' } };

export function waiting(reason: string, message?: string): ContainerState {
  return { waiting: { reason, ...(message === undefined ? {} : { message }) } };
}

export function terminated(reason: string, exitCode = 1, message?: string, finishedAfter = 10_000): ContainerState {
  return {
    terminated: {
      reason,
      exitCode,
      finishedAt: at(finishedAfter),
      ...(message === undefined ? {} : { message }),
    },
  };
}

export function agentResult(changes: Partial<AgentResult> = {}): AgentResult {
  return { protocol: PROTOCOL_VERSION, state: 'succeeded', steps: [{ id: 'build', phase: 'Succeeded' }], ...changes };
}

/** A Pod whose agent has ended with this result. */
export function finishedPod(result: Partial<AgentResult> | string = {}, options: PodOptions = {}): ObservedPod {
  const message = typeof result === 'string' ? result : JSON.stringify(agentResult(result));
  return observedPod({
    phase: 'Running',
    ...options,
    containers: { [AGENT_CONTAINER]: terminated('Completed', 0, message), ...options.containers },
  });
}

export interface RepositoryOptions {
  readonly name?: string;
  readonly spec?: Partial<TakoRepositorySpec>;
  readonly status?: TakoRepositoryStatus | undefined;
}

/** A TakoRepository that is ready. */
export function repository(options: RepositoryOptions = {}): LiveRepository {
  const { name = 'core-lib' } = options;
  return {
    apiVersion: API_VERSION,
    kind: 'TakoRepository',
    metadata: {
      name,
      namespace: 'team',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: at(0),
      generation: 1,
    },
    spec: { url: `https://git.example.com/acme/${name}.git`, path: 'tako.yml', interval: '5m', ...options.spec },
    status:
      'status' in options
        ? options.status
        : { slug: `acme/${name}`, revision: COMMIT, artifacts: ['core'], workflows: [] },
  } as LiveRepository;
}

/** A workflow file that must parse. */
export function takoFile(text: string): TakoFile {
  const parsed = parseTakoFile(Buffer.from(text), { path: 'tako.yml' });
  if (!parsed.ok) throw new Error(parsed.errors.map(error => error.message).join('; '));
  return parsed.file;
}

/** A workflow `release` with these steps (YAML, at no indentation), ready to run. */
export function prepared(steps = '- ./build.sh', changes: Partial<PreparedWorkflow> = {}): PreparedWorkflow {
  const indented = steps.replaceAll(/^/gm, '      ');
  const workflow = takoFile(`version: 0.1.0\nworkflows:\n  release:\n    steps:\n${indented}\n`).workflows.release!;
  return {
    kind: 'ready',
    slug: 'acme/core-lib',
    commit: COMMIT,
    configDigest: 'd'.repeat(64),
    workflow,
    containers: groupSteps(workflow, { image: settings.stepImage }),
    inputs: {},
    ...changes,
  };
}

/** A run that could start, unless the test says otherwise, a second after its creation. */
export function workflowObservation(changes: Partial<WorkflowObservation> = {}): WorkflowObservation {
  return {
    run: workflowRun(),
    now: CREATED + 1_000,
    options: settings,
    pods: [],
    fanOuts: [],
    lineage: 'live',
    below: () => [],
    repository: repository(),
    gatewayCa: 'PEM',
    ...changes,
  };
}

/** An event run that was just created. */
export function eventObservation(changes: Partial<EventObservation> = {}): EventObservation {
  return {
    run: eventRun(),
    now: CREATED + 1_000,
    options: settings,
    children: [],
    shared: [],
    settled: true,
    lineage: 'live',
    below: () => [],
    above: () => [],
    ...changes,
  };
}
