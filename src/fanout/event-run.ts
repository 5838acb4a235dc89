import { API_VERSION, LABELS } from '../api/meta.ts';
import type { RunEvent, TakoRunSpec } from '../api/takorun.ts';
import { toTimestamp } from '../api/timestamp.ts';
import { formatDuration } from '../workflow/duration.ts';
import { descendantMetadata, inherited } from './children.ts';
import { ancestorsBelow, depthOf, rootOf } from './lineage.ts';
import { fanOutRunName } from './names.ts';
import { type RunManifest, type RunObject, runIdentity } from './objects.ts';

/** What a fan-out step asks for. */
export interface EventRunOptions {
  /** Id of the step. */
  readonly step: string;
  /** Which of the step's fan-outs it is, from 0. */
  readonly generation?: number | undefined;
  /** The attempt of the run that sends the event, from 1. */
  readonly attempt?: number | undefined;
  /** owner/repo of the run that has the step. */
  readonly slug: string;
  readonly event: RunEvent;
  readonly waitForChildren: boolean;
  /** Limit of this fan-out, counted from its start. */
  readonly timeoutMs?: number | undefined;
  readonly concurrencyLimit?: number | undefined;
  readonly idempotent?: boolean | undefined;
  /** When the run that has the step ends at the latest, milliseconds since the epoch. */
  readonly deadlineMs?: number | undefined;
}

/** What a fan-out step has from its run when it does not say more itself. */
const INHERITED = [
  'concurrencyLimit',
  'dedupe',
  'childTimeout',
  'queueTimeout',
  'childrenTTL',
] as const satisfies readonly (keyof TakoRunSpec)[];

/**
 * The event run of a fan-out step of a workflow run: owned by it, in its namespace, one level below it. The same step of the same run
 * always has the same name, and with the same options the same `fanOutFingerprint`, whenever it is asked for.
 */
export function eventRun(run: RunObject, options: EventRunOptions): RunManifest {
  const {
    step,
    generation,
    attempt = 1,
    slug,
    event,
    waitForChildren,
    timeoutMs,
    concurrencyLimit,
    idempotent,
    deadlineMs,
  } = options;
  const identity = runIdentity(run);
  const { namespace } = identity;
  const metadata = descendantMetadata(run, { namespace, name: fanOutRunName(identity, step, generation) });
  return {
    apiVersion: API_VERSION,
    kind: 'TakoRun',
    metadata: { ...metadata, labels: { ...metadata.labels, [LABELS.attempt]: String(attempt) } },
    spec: {
      event,
      waitForChildren,
      ...inherited(run.spec, INHERITED),
      ...(timeoutMs !== undefined && { timeout: formatDuration(timeoutMs) }),
      ...(concurrencyLimit !== undefined && { concurrencyLimit }),
      ...(idempotent === true && { idempotent }),
      parent: {
        run: identity,
        root: rootOf(run),
        depth: depthOf(run) + 1,
        ...(deadlineMs !== undefined && { deadline: toTimestamp(deadlineMs) }),
        ancestors: ancestorsBelow(run, slug),
        step,
      },
    },
  };
}
