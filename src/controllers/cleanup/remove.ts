import { TRACKING_FINALIZER } from '../../api/meta.ts';
import { takoRuns } from '../../api/resources.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isApiError, undefinedWhen } from '../../kube/errors.ts';
import {
  type ConfigMap,
  configMaps,
  type KubeObject,
  type Live,
  leases,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
  type ResourceType,
} from '../../kube/objects.ts';
import { releasePod } from '../run/apply.ts';
import { projectPod } from '../run/observed.ts';
import { parseQuantity } from '../run/quantity.ts';
import {
  type Known,
  type Suspect,
  suspectClaim,
  suspectLock,
  suspectPod,
  suspectResult,
  suspectVolumeClaim,
  suspectWorkspace,
} from './suspects.ts';

type Client = Pick<KubeClient, 'get' | 'delete' | 'jsonPatch'>;

/** No owner is known any more: what the plan has found out. */
const NOBODY: Known = { hasRun: () => false, hasPod: () => false };

/**
 * Removes an orphan: that very object, in that very version, and only while it still is what the search took it for. Gives the bytes that this
 * frees, as far as objects tell; undefined when there was nothing to remove any more.
 */
export async function removeOrphan(
  suspect: Suspect,
  now: number,
  client: Client,
  signal: AbortSignal,
): Promise<number | undefined> {
  switch (suspect.kind) {
    case 'pods': {
      const pod = await find(pods, suspect, client, signal);
      if (pod === undefined || !isStill(suspect, suspectPod(pod, NOBODY, TRACKING_FINALIZER))) return undefined;
      return await removePod(pod, client, signal);
    }
    case 'workspaces': {
      if (suspect.cause.kind !== 'overdue') return undefined;
      const pod = await find(pods, suspect, client, signal);
      const run = await findNamed(takoRuns, suspect.namespace, suspect.cause.runName, client, signal);
      if (pod === undefined || suspectWorkspace(projectPod(pod), run, now) === undefined) return undefined;
      return await removePod(pod, client, signal);
    }
    case 'persistentvolumeclaims': {
      const claim = await find(persistentVolumeClaims, suspect, client, signal);
      if (claim === undefined || !isStill(suspect, suspectVolumeClaim(claim, NOBODY))) return undefined;
      return (await remove(persistentVolumeClaims, claim, client, signal)) ? capacityOf(claim) : undefined;
    }
    case 'configmaps': {
      const configMap = await find(configMaps, suspect, client, signal);
      if (configMap === undefined || !isStill(suspect, suspectResult(configMap, NOBODY))) return undefined;
      return (await remove(configMaps, configMap, client, signal)) ? sizeOf(configMap) : undefined;
    }
    case 'leases': {
      const lease = await find(leases, suspect, client, signal);
      if (lease === undefined) return undefined;
      const again = suspect.cause.kind === 'unused' ? suspectLock(lease, now) : suspectClaim(lease, NOBODY, now);
      if (!isStill(suspect, again)) return undefined;
      return (await remove(leases, lease, client, signal)) ? 0 : undefined;
    }
  }
}

/** Whether an object still has the owner, or the lack of one, for which it was found. */
function isStill({ cause }: Suspect, again: Suspect | undefined): boolean {
  return JSON.stringify(again?.cause) === JSON.stringify(cause);
}

/** Deletes a Pod and takes Tako's finalizer off it, which nobody else would do. */
async function removePod(pod: Live<Pod>, client: Client, signal: AbortSignal): Promise<number | undefined> {
  const { name, namespace = '', uid, finalizers = [] } = pod.metadata;
  if (pod.metadata.deletionTimestamp === undefined && !(await remove(pods, pod, client, signal))) return undefined;
  const nobodyElse = { has: () => false, add: () => {} };
  await releasePod(client, { namespace, name, uid, finalizers }, nobodyElse, signal);
  return 0;
}

async function find<T extends KubeObject>(
  type: ResourceType<T>,
  { namespace, name, uid }: Suspect,
  client: Client,
  signal: AbortSignal,
): Promise<Live<T> | undefined> {
  const found = await findNamed(type, namespace, name, client, signal);
  return found?.metadata.uid === uid ? found : undefined;
}

async function findNamed<T extends KubeObject>(
  type: ResourceType<T>,
  namespace: string,
  name: string,
  client: Client,
  signal: AbortSignal,
): Promise<Live<T> | undefined> {
  return await undefinedWhen(client.get(type, { namespace, name }, { signal }), 'notFound');
}

/** False: it is gone, or has changed since it was read. */
async function remove(type: ResourceType, { metadata }: Live, client: Client, signal: AbortSignal): Promise<boolean> {
  const { name, namespace, uid, resourceVersion } = metadata;
  try {
    await client.delete(type, { namespace, name }, { preconditions: { uid, resourceVersion }, signal });
    return true;
  } catch (error) {
    if (isApiError(error, 'notFound', 'conflict')) return false;
    throw error;
  }
}

/** What the volume has, or was asked for, bytes. */
function capacityOf({ spec, status }: PersistentVolumeClaim): number {
  return parseQuantity(String(status?.capacity?.storage ?? spec.resources?.requests?.storage ?? '0')) ?? 0;
}

function sizeOf({ data = {}, binaryData = {} }: ConfigMap): number {
  return [...Object.values(data), ...Object.values(binaryData)].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
