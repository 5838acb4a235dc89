import { ANNOTATIONS, CACHE_LOCK_LABELS } from '../../api/meta.ts';
import type { KubeClient } from '../../kube/client.ts';
import { type Lease, type Live, leases, matchLabels } from '../../kube/objects.ts';
import { lockName, readLease } from '../../locks/lease.ts';
import type { Io } from '../command.ts';
import type { Entry } from './entries.ts';

/**
 * All entries that have a Lease, in one namespace or, without one, in all. A Lease that cannot be read is left out, and `io.err` told: its next
 * user makes it anew.
 */
export async function readEntries(
  client: Pick<KubeClient, 'listAll'>,
  namespace: string | undefined,
  io: Pick<Io, 'err' | 'signal'>,
): Promise<Entry[]> {
  const labelSelector = matchLabels(CACHE_LOCK_LABELS);
  const entries: Entry[] = [];
  for await (const { items } of client.listAll(leases, { namespace, labelSelector, signal: io.signal })) {
    for (const lease of items) {
      const read = readEntry(lease);
      if ('state' in read) entries.push(read);
      else io.err(`Left out: Lease ${lease.metadata.namespace}/${lease.metadata.name}: ${read.problem}\n`);
    }
  }
  return entries;
}

function readEntry(lease: Live<Lease>): Entry | { problem: string } {
  const { name, namespace = '', annotations } = lease.metadata;
  const url = annotations?.[ANNOTATIONS.repository];
  if (url === undefined) return { problem: `it has no annotation ${ANNOTATIONS.repository}` };
  if (lockName(url) !== name) return { problem: `it is not the one of ${url}` };
  const parsed = readLease(lease, url);
  return parsed.kind === 'state' ? { namespace, lease: name, state: parsed.state } : { problem: parsed.problem };
}
