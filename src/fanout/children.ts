import { API_VERSION, LABELS, MANAGED_BY } from '../api/meta.ts';
import type { TakoRunSpec } from '../api/takorun.ts';
import { toTimestamp } from '../api/timestamp.ts';
import { formatDuration, parseDuration } from '../workflow/duration.ts';
import { boundedTimeout } from './deadline.ts';
import { canonicalJson, compareText } from './fingerprint.ts';
import type { ResolvedSubscriber } from './inputs.ts';
import { ancestorsBelow, childDepth, rootOf } from './lineage.ts';
import { childName } from './names.ts';
import { type RunManifest, type RunObject, runIdentity } from './objects.ts';

/** A child run that is to exist. The commit is no part of its name: a plan made again after a push finds the child that is there. */
export interface PlannedChild {
  readonly name: string;
  readonly namespace: string;
  /** Name of the TakoRepository, in that namespace. */
  readonly repository: string;
  /** owner/repo */
  readonly slug: string;
  readonly workflow: string;
  /** The commit to run. */
  readonly revision: string;
  readonly inputs: Readonly<Record<string, string>>;
}

export interface ChildrenPlan {
  /** Sorted by slug, namespace, TakoRepository, workflow and inputs. */
  readonly children: readonly PlannedChild[];
  /** How many were left out because an equal one stays. */
  readonly deduplicated: number;
}

/**
 * The UID that the names of an event's children follow from: its own, so that two events never mean the same child; with `dedupe: Tree` that
 * of the tree's root, so that all events of the tree mean the same one, and the API server sees to it that there is only one.
 */
export function childrenScope(event: Pick<RunObject, 'metadata' | 'spec'>): string {
  return event.spec.dedupe === 'Tree' ? rootOf(event).uid : runIdentity(event).uid;
}

/**
 * One child for each repository, workflow and inputs; the first in sorted order stays. TakoRepositories of one namespace with the same
 * slug are one repository here as long as they are at the same commit; those of two namespaces are two tenants' and both run.
 *
 * @param scope `childrenScope` of the event
 */
export function planChildren(scope: string, resolved: readonly ResolvedSubscriber[]): ChildrenPlan {
  const all = resolved.map(({ subscriber, inputs }) => planChild(scope, subscriber, inputs));
  const sorted = all
    .map(child => ({ child, sortKey: sortKeyOf(child) }))
    .sort((one, other) => compareKeys(one.sortKey, other.sortKey));
  const byWork = new Map<string, PlannedChild>();
  for (const { child } of sorted) {
    const key = canonicalJson([child.namespace, child.slug, child.revision, child.workflow, child.inputs]);
    if (!byWork.has(key)) byWork.set(key, child);
  }
  return { children: [...byWork.values()], deduplicated: all.length - byWork.size };
}

function planChild(
  scope: string,
  subscriber: ResolvedSubscriber['subscriber'],
  inputs: Readonly<Record<string, string>>,
): PlannedChild {
  const { namespace, repository, slug, revision } = subscriber;
  if (revision === undefined) throw new TypeError(`expected a revision for ${slug}: match leaves out those without`);
  const child = { namespace, repository, slug, workflow: subscriber.subscription.workflow, inputs };
  return { ...child, revision, name: childName(scope, child) };
}

function sortKeyOf(child: PlannedChild): readonly string[] {
  return [child.slug, child.namespace, child.repository, child.workflow, canonicalJson(child.inputs)];
}

function compareKeys(one: readonly string[], other: readonly string[]): number {
  for (const [position, part] of one.entries()) {
    const order = compareText(part, other[position] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

export interface ChildRunOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** When the parent ends at the latest, milliseconds since the epoch; its children inherit it. */
  readonly deadlineMs?: number | undefined;
}

/** What the children of an event run have from it. */
const INHERITED = [
  'dedupe',
  'childTimeout',
  'queueTimeout',
  'retry',
  'childrenTTL',
] as const satisfies readonly (keyof TakoRunSpec)[];

/**
 * The TakoRun of a planned child of an event run. It is owned by its parent, and so deleted with it, when both are in one namespace;
 * Kubernetes knows no owner in another one.
 */
export function childRun(parent: RunObject, child: PlannedChild, { now, deadlineMs }: ChildRunOptions): RunManifest {
  const { childTimeout } = parent.spec;
  const timeoutMs = boundedTimeout({ timeoutMs: durationMs(childTimeout), deadlineMs, now });
  const hasInputs = Object.keys(child.inputs).length > 0;
  return {
    apiVersion: API_VERSION,
    kind: 'TakoRun',
    metadata: descendantMetadata(parent, child),
    spec: {
      workflow: {
        repositoryRef: { name: child.repository },
        name: child.workflow,
        ref: child.revision,
        ...(hasInputs && { inputs: { ...child.inputs } }),
      },
      ...(timeoutMs !== undefined && { timeout: formatDuration(timeoutMs) }),
      ...inherited(parent.spec, INHERITED),
      parent: {
        run: runIdentity(parent),
        root: rootOf(parent),
        depth: childDepth(parent),
        ...(deadlineMs !== undefined && { deadline: toTimestamp(deadlineMs) }),
        ancestors: ancestorsBelow(parent),
      },
    },
  };
}

/** Name, labels and owner of a run that another one creates. Labels carry UIDs only: they are for finding, never for trusting. */
export function descendantMetadata(
  parent: RunObject,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): RunManifest['metadata'] {
  const owner = runIdentity(parent);
  return {
    name,
    namespace,
    labels: {
      [LABELS.runUid]: owner.uid,
      [LABELS.rootUid]: rootOf(parent).uid,
      [LABELS.managedBy]: MANAGED_BY,
    },
    ...(namespace === owner.namespace && {
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: 'TakoRun',
          name: owner.name,
          uid: owner.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    }),
  };
}

/** The given fields of a spec, as far as they have a value. */
export function inherited<Field extends keyof TakoRunSpec>(
  spec: TakoRunSpec,
  fields: readonly Field[],
): Pick<TakoRunSpec, Field> {
  const present = fields.filter(field => spec[field] !== undefined).map(field => [field, spec[field]]);
  return Object.fromEntries(present) as Pick<TakoRunSpec, Field>;
}

/** The API server has checked its form. Zero would end a child before it starts, and stands for no limit of its own. */
function durationMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = parseDuration(text);
  return parsed.ok && parsed.ms > 0 ? parsed.ms : undefined;
}
