import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { type Controller, createController } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Logger } from '../../kube/logger.ts';
import type { KubeMetrics } from '../../kube/metrics.ts';
import {
  apiVersionOf,
  configMaps,
  type KubeObject,
  leases,
  persistentVolumeClaims,
  pods,
  type ResourceType,
} from '../../kube/objects.ts';
import { knownOwners, type ObserveContext, readExisting, SEARCHES } from './observe.ts';
import { type Existing, planCleanup } from './plan.ts';
import { removeOrphan } from './remove.ts';
import { CLEANUP_KINDS, type CleanupKind, type Suspect } from './suspects.ts';

/** What is worth counting of a cleanup. */
export interface CleanupMetrics {
  removed(event: { kind: CleanupKind; bytes: number }): void;
  failed(event: { kind: CleanupKind }): void;
  looked(event: { durationMs: number }): void;
}

export interface CleanupOptions extends Omit<ObserveContext, 'client'> {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CleanupMetrics;
}

/** How much a look has removed. */
export type CleanupReport = Readonly<Record<CleanupKind, { readonly count: number; readonly bytes: number }>>;

export interface Cleanup {
  /** Looks once. It rejects only when the signal is aborted: what cannot be done is told, and done at a later look. */
  look(signal: AbortSignal): Promise<CleanupReport>;
}

const RESOURCES: Readonly<Record<CleanupKind, ResourceType<KubeObject>>> = {
  pods,
  workspaces: pods,
  persistentvolumeclaims: persistentVolumeClaims,
  configmaps: configMaps,
  leases,
};

/**
 * Removes what ownership and Kubernetes' garbage collection leave behind. Nothing waits for it, and nothing fails with it: it goes round beside
 * the runs. Which objects it takes is in suspects.ts and plan.ts.
 */
export function createCleanup(options: CleanupOptions): Cleanup {
  const { client, clock, logger, metrics, recorder } = options;
  let before: ReadonlySet<string> = new Set();

  async function search(now: number, signal: AbortSignal): Promise<Suspect[]> {
    const known = knownOwners(options);
    const suspects: Suspect[] = [];
    for (const kind of CLEANUP_KINDS) {
      try {
        suspects.push(...(await SEARCHES[kind](known, now, options, signal)));
      } catch (err) {
        signal.throwIfAborted();
        metrics.failed({ kind });
        logger.warn({ err, kind }, 'the cleanup cannot look for orphans of this kind, will try again');
      }
    }
    return suspects;
  }

  async function existingOf(suspects: readonly Suspect[], signal: AbortSignal): Promise<Map<string, Existing>> {
    const existing = new Map<string, Existing>();
    const owned = suspects.filter(({ cause }) => cause.kind === 'runGone' || cause.kind === 'podGone');
    for (const namespace of new Set(owned.map(suspect => suspect.namespace))) {
      try {
        existing.set(namespace, await readExisting(client, namespace, signal));
      } catch (err) {
        signal.throwIfAborted();
        const kinds = new Set(owned.filter(suspect => suspect.namespace === namespace).map(({ kind }) => kind));
        for (const kind of kinds) metrics.failed({ kind });
        logger.warn({ err, namespace }, 'the cleanup cannot see who is left in a namespace, and leaves it alone');
      }
    }
    return existing;
  }

  async function remove(suspect: Suspect, now: number, signal: AbortSignal): Promise<number | undefined> {
    const { kind, cause, ...ref } = suspect;
    try {
      const bytes = await removeOrphan(suspect, now, client, signal);
      if (bytes === undefined) return undefined;
      metrics.removed({ kind, bytes });
      logger.debug({ ...ref, kind, cause: cause.kind, bytes }, 'removed an orphan');
      return bytes;
    } catch (err) {
      signal.throwIfAborted();
      metrics.failed({ kind });
      logger.warn({ err, ...ref, kind, cause: cause.kind }, 'the cleanup cannot remove an orphan, will try again');
      const note = `nobody needs it any more, and it cannot be removed: ${err instanceof Error ? err.message : String(err)}`;
      recorder.event({
        regarding: regarding(suspect),
        type: 'Warning',
        reason: 'CleanupFailed',
        action: 'Cleanup',
        note,
      });
      return undefined;
    }
  }

  return {
    async look(signal) {
      const started = clock.monotonic();
      const now = clock.now().getTime();
      const suspects = await search(now, signal);
      // Most looks end here. A first sight asks for nothing yet: the garbage collector may be about to act.
      const again = suspects.filter(({ uid }) => before.has(uid));
      const orphans = planCleanup({ suspects: again, before, existing: await existingOf(again, signal) });
      before = new Set(suspects.map(({ uid }) => uid));
      const report = Object.fromEntries(CLEANUP_KINDS.map(kind => [kind, { count: 0, bytes: 0 }])) as {
        [kind in CleanupKind]: { count: number; bytes: number };
      };
      for (const orphan of orphans) {
        const bytes = await remove(orphan, now, signal);
        if (bytes === undefined) continue;
        report[orphan.kind].count += 1;
        report[orphan.kind].bytes += bytes;
      }
      const durationMs = clock.monotonic() - started;
      metrics.looked({ durationMs });
      tell(report, { suspects: suspects.length, durationMs: Math.round(durationMs) });
      return report;
    },
  };

  /** One line, and only a quiet one when there was nothing. */
  function tell(report: CleanupReport, fields: { suspects: number; durationMs: number }): void {
    const removed = Object.fromEntries(Object.entries(report).filter(([, { count }]) => count > 0));
    if (Object.keys(removed).length > 0) logger.info({ ...fields, removed }, 'cleaned up');
    else logger.debug(fields, 'nothing to clean up');
  }
}

function regarding({ kind, namespace, name, uid }: Suspect) {
  const type = RESOURCES[kind];
  const metadata = { namespace, name, uid, resourceVersion: '', creationTimestamp: '' };
  return { apiVersion: apiVersionOf(type), kind: type.kind, metadata };
}

export interface CleanupControllerOptions extends CleanupOptions {
  /** From the end of a look to the next one, milliseconds. */
  readonly intervalMs: number;
  readonly kubeMetrics: KubeMetrics;
}

/** The cleanup as a controller: it runs where the others do, on the leader, once the stores are filled. */
export function createCleanupController({ intervalMs, kubeMetrics, ...options }: CleanupControllerOptions): Controller {
  const cleanup = createCleanup(options);
  const { clock, logger } = options;
  return createController({
    name: 'cleanup',
    clock,
    logger,
    metrics: kubeMetrics,
    sources: [
      {
        start(enqueue) {
          enqueue('cluster');
          return () => {};
        },
      },
    ],
    async reconcile(_, signal) {
      await cleanup.look(signal);
      return { requeueAfterMs: intervalMs };
    },
  });
}
