import { ANNOTATIONS, API_VERSION, EVENT_CLAIM_COMPONENT, LABELS, MANAGED_BY } from '../../api/meta.ts';
import { takoRuns } from '../../api/resources.ts';
import { isTerminal } from '../../api/takorun-status.ts';
import { CLAIM_MS, type Claim, type ClaimVerdict, decideClaim, type FirstRun } from '../../fanout/claim.ts';
import { eventFingerprint } from '../../fanout/fingerprint.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isApiError, undefinedWhen } from '../../kube/errors.ts';
import { keyOf, type Lease, type Live, leases } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import { ignoreGone } from './apply.ts';
import type { LiveRun } from './observed.ts';

/**
 * The claim of an event is a Lease in the namespace of its run: created it is granted, and the API server grants each name once. It is owned
 * by the run and goes with it. Nobody renews it, and it is never written over: what is void is deleted, that very object, and created anew.
 */
export interface ClaimContext {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'delete'>;
  readonly runs: ReadonlyStore<LiveRun>;
}

/** Whose event it is. */
export type ClaimOutcome =
  | { readonly kind: 'mine' }
  | { readonly kind: 'duplicate'; readonly of: FirstRun; readonly run: LiveRun }
  /** The API server does not take the Lease: a policy, a quota, rights. */
  | { readonly kind: 'refused'; readonly message: string };

/** Name of the Lease; nothing of the event can be read from it. */
function claimName(fingerprint: string): string {
  return `tako-event-${fingerprint.slice(0, 32)}`;
}

/** How often others may be faster before the reconciliation starts over. */
const TRIES = 5;

/** Claims the event of a run, or finds the run that has it. Safe to repeat, and with any number of operators at once. */
export async function claimEvent(
  run: LiveRun,
  now: number,
  context: ClaimContext,
  signal: AbortSignal,
): Promise<ClaimOutcome> {
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const { lease, outcome } = await look(run, now, context, signal);
    if (outcome !== undefined) return outcome;
    if (lease !== undefined) await drop(lease, context, signal);
    const taken = await take(run, context, signal);
    if (taken !== undefined) return taken;
  }
  throw new Error(`the claim of the event of ${keyOf(run.metadata)} changes all the time, will look again`);
}

/** The run whose result this one would take. Changes nothing. */
export async function peekClaim(
  run: LiveRun,
  now: number,
  context: ClaimContext,
  signal: AbortSignal,
): Promise<FirstRun | undefined> {
  const { outcome } = await look(run, now, context, signal);
  return outcome?.kind === 'duplicate' ? outcome.of : undefined;
}

async function look(
  run: LiveRun,
  now: number,
  context: ClaimContext,
  signal: AbortSignal,
): Promise<{ lease: Live<Lease> | undefined; outcome: ClaimOutcome | undefined }> {
  const fingerprint = eventFingerprint(run.spec.event!);
  const ref = { namespace: run.metadata.namespace, name: claimName(fingerprint) };
  const lease = await undefinedWhen(context.client.get(leases, ref, { signal }), 'notFound');
  const claim = lease === undefined ? undefined : claimOf(lease);
  const holder = claim === undefined ? undefined : await findHolder(run, claim, context, signal);
  const following = findFollowed(run, context);
  const verdict = decideClaim({
    self: run.metadata,
    claim,
    holder: isEqual(holder, fingerprint) ? firstRun(holder) : undefined,
    following: isEqual(following, fingerprint) ? firstRun(following) : undefined,
    now,
  });
  return { lease, outcome: outcomeOf(verdict, [holder, following]) };
}

function outcomeOf(verdict: ClaimVerdict, runs: readonly (LiveRun | undefined)[]): ClaimOutcome | undefined {
  switch (verdict.kind) {
    case 'mine':
      return verdict;
    case 'free':
      return undefined;
    case 'duplicate': {
      const run = runs.find(one => one?.metadata.name === verdict.of.name);
      return run === undefined ? undefined : { ...verdict, run };
    }
  }
}

/** What a Lease says as the claim of an event. */
export function claimOf({ metadata, spec }: Live<Lease>): Claim {
  return {
    holder: { name: spec?.holderIdentity ?? '', uid: metadata.labels?.[LABELS.runUid] ?? '' },
    createdMs: Date.parse(metadata.creationTimestamp),
    durationMs: (spec?.leaseDurationSeconds ?? CLAIM_MS / 1_000) * 1_000,
  };
}

function claimLease(run: LiveRun): Lease {
  const { name, namespace, uid } = run.metadata;
  const event = run.spec.event!;
  const hours = CLAIM_MS / 3_600_000;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: claimName(eventFingerprint(event)),
      namespace: namespace!,
      labels: { [LABELS.managedBy]: MANAGED_BY, [LABELS.component]: EVENT_CLAIM_COMPONENT, [LABELS.runUid]: uid },
      annotations: {
        [ANNOTATIONS.claim]: `TakoRun ${name} has sent ${event.type} of ${event.source}. An equal event with spec.idempotent takes its result for ${hours} hours, unless it fails.`,
      },
      ownerReferences: [{ apiVersion: API_VERSION, kind: 'TakoRun', name, uid }],
    },
    spec: { holderIdentity: name, leaseDurationSeconds: CLAIM_MS / 1_000 },
  };
}

/** Undefined: another was faster. */
async function take(run: LiveRun, { client }: ClaimContext, signal: AbortSignal): Promise<ClaimOutcome | undefined> {
  try {
    await client.create(leases, claimLease(run), { signal });
    return { kind: 'mine' };
  } catch (error) {
    if (isApiError(error, 'alreadyExists')) return undefined;
    if (isApiError(error, 'forbidden', 'quotaExceeded', 'invalid')) return { kind: 'refused', message: error.message };
    throw error;
  }
}

/** Deletes that very claim, not one that has taken its place meanwhile. */
async function drop({ metadata }: Live<Lease>, { client }: ClaimContext, signal: AbortSignal): Promise<void> {
  const { name, namespace, uid, resourceVersion } = metadata;
  await ignoreGone(client.delete(leases, { namespace, name }, { preconditions: { uid, resourceVersion }, signal }));
}

/**
 * The run that holds a claim. While it goes on the store's word is enough. Before the claim is taken from it the API server is asked: the
 * store may not show yet a run that another operator has just seen, or one that failed and is tried again.
 */
async function findHolder(
  run: LiveRun,
  { holder }: Claim,
  { client, runs }: ClaimContext,
  signal: AbortSignal,
): Promise<LiveRun | undefined> {
  const { namespace, uid } = run.metadata;
  if (holder.uid === uid || holder.name === '') return undefined;
  const stored = runs.get(keyOf({ namespace, name: holder.name }));
  const keeps = stored?.status?.phase === 'Succeeded' || !isTerminal(stored?.status?.phase);
  if (stored?.metadata.uid === holder.uid && keeps) return stored;
  const found = await undefinedWhen(client.get(takoRuns, { namespace, name: holder.name }, { signal }), 'notFound');
  return found?.metadata.uid === holder.uid ? found : undefined;
}

/** The run whose result this one waits for already. */
function findFollowed(run: LiveRun, { runs }: ClaimContext): LiveRun | undefined {
  const name = run.status?.duplicateOf;
  return name === undefined ? undefined : runs.get(keyOf({ namespace: run.metadata.namespace, name }));
}

/** Only a run of the same event has a result to take, whatever a Lease says that somebody has written, or a name that is used again. */
function isEqual(run: LiveRun | undefined, fingerprint: string): run is LiveRun {
  const { event, idempotent, dryRun } = run?.spec ?? {};
  if (event === undefined || idempotent !== true || dryRun === true) return false;
  return eventFingerprint(event) === fingerprint;
}

function firstRun({ metadata, status }: LiveRun): FirstRun {
  return {
    name: metadata.name,
    phase: status?.phase,
    errorType: status?.errorType,
    message: status?.message,
    expanded: status?.fanOut?.expanded === true,
  };
}
