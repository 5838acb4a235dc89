import { API_VERSION } from '../../api/meta.ts';
import type { SubscriptionStatus, TakoRepositorySpec } from '../../api/takorepository.ts';
import type { RunEvent, RunParent, TakoRunSpec } from '../../api/takorun.ts';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import type { RepositoryObject, RunObject } from '../objects.ts';
import type { Subscriber } from '../subscribers.ts';

/** Builders of test objects: sensible where the test says nothing, so that a test reads as one sentence. */

export function buildEvent(changes: Partial<RunEvent> = {}): RunEvent {
  return {
    type: 'library_built',
    source: 'acme/core-lib:core',
    schemaVersion: '1.2.0',
    payload: { version: '1.4.0' },
    ...changes,
  };
}

export function buildSubscription(changes: Partial<SubscriptionStatus> = {}): SubscriptionStatus {
  return { index: 0, source: 'acme/core-lib:core', events: ['library_built'], workflow: 'ci', ...changes };
}

export interface RepositoryOptions {
  readonly name?: string;
  readonly namespace?: string;
  readonly slug?: string;
  readonly revision?: string | undefined;
  readonly suspend?: boolean;
  readonly acceptEvents?: TakoRepositorySpec['acceptEvents'];
  readonly deletionTimestamp?: string;
  readonly subscriptions?: SubscriptionStatus[];
}

export function buildRepository(options: RepositoryOptions = {}): RepositoryObject {
  const { name = 'app-one', namespace = 'team', slug = `acme/${name}`, suspend, acceptEvents } = options;
  return {
    metadata: { name, namespace, uid: `uid-${namespace}-${name}`, deletionTimestamp: options.deletionTimestamp },
    spec: { suspend, acceptEvents },
    status: {
      slug,
      revision: 'revision' in options ? options.revision : 'a'.repeat(40),
      subscriptions: options.subscriptions ?? [buildSubscription()],
    },
  };
}

export function buildSubscriber(changes: Partial<Subscriber> = {}): Subscriber {
  return {
    namespace: 'team',
    repository: 'app-one',
    slug: 'acme/app-one',
    revision: 'a'.repeat(40),
    suspended: false,
    deleting: false,
    acceptEvents: undefined,
    subscription: buildSubscription(),
    ...changes,
  };
}

export interface RunOptions {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly spec?: TakoRunSpec;
  readonly parent?: Partial<RunParent>;
  readonly status?: TakoRunStatus;
}

/** An event run as the API server gives it, at the top of its tree unless a parent is given. */
export function buildEventRun(options: RunOptions = {}): RunObject {
  return buildRun('release', { event: buildEvent() }, options);
}

/** A workflow run as the API server gives it. */
export function buildWorkflowRun(options: RunOptions = {}): RunObject {
  return buildRun('core-lib-release', { workflow: { repositoryRef: { name: 'core-lib' }, name: 'release' } }, options);
}

function buildRun(defaultName: string, defaultSpec: TakoRunSpec, options: RunOptions): RunObject {
  const { name = defaultName, namespace = 'team', uid = `uid-${name}`, spec = {}, status } = options;
  const parent = options.parent && buildParent(options.parent);
  const isOwned = parent?.run.namespace === namespace;
  return {
    metadata: {
      name,
      namespace,
      uid,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(isOwned && { ownerReferences: [buildOwner(parent.run)] }),
    },
    spec: { ...defaultSpec, ...spec, ...(parent && { parent }) },
    status,
  };
}

function buildOwner({ name, uid }: RunParent['run']) {
  return { apiVersion: API_VERSION, kind: 'TakoRun', name, uid, controller: true, blockOwnerDeletion: true };
}

function buildParent(changes: Partial<RunParent> = {}): RunParent {
  const root = { namespace: 'team', name: 'root', uid: 'uid-root' };
  return { run: root, root, depth: 1, ...changes };
}
