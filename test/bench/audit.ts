interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly stageTimestamp: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly name?: string };
}

/** A stretch of time, RFC 3339 with milliseconds in UTC. */
export interface Window {
  readonly since: string;
  readonly until: string;
}

const WRITES = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** Counts a user's writes in an API server's audit log within some windows; the Lease of the leader election does not count. */
export function countWrites(
  auditLog: string,
  { user, windows, electionLease }: { user: string; windows: readonly Window[]; electionLease: string },
): { all: number; leases: number } {
  let all = 0;
  let leases = 0;
  for (const line of auditLog.split('\n')) {
    if (line === '') continue;
    const event = JSON.parse(line) as AuditEvent;
    if (event.stage !== 'ResponseComplete' || event.user.username !== user || !WRITES.has(event.verb)) continue;
    const at = Date.parse(event.stageTimestamp);
    if (!windows.some(({ since, until }) => Date.parse(since) <= at && at <= Date.parse(until))) continue;
    const { resource, name } = event.objectRef ?? {};
    if (resource === 'leases' && name === electionLease) continue;
    if (resource === 'leases') leases += 1;
    all += 1;
  }
  return { all, leases };
}
