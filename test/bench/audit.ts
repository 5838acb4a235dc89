interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly stageTimestamp: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly name?: string };
}

const WRITES = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** Counts the writes of a user in an API server's audit log; the Lease of the leader election does not count. */
export function countWrites(
  auditLog: string,
  { user, since, electionLease }: { user: string; since: string; electionLease: string },
): { all: number; leases: number } {
  let all = 0;
  let leases = 0;
  for (const line of auditLog.split('\n')) {
    if (line === '') continue;
    const event = JSON.parse(line) as AuditEvent;
    if (event.stage !== 'ResponseComplete' || event.user.username !== user || !WRITES.has(event.verb)) continue;
    if (event.stageTimestamp < since) continue;
    const { resource, name } = event.objectRef ?? {};
    if (resource === 'leases' && name === electionLease) continue;
    if (resource === 'leases') leases += 1;
    all += 1;
  }
  return { all, leases };
}
