import type { AgentResult } from '../../agent/contract.ts';
import type { Source } from '../../kube/controller.ts';
import { controllerOf, keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import type { ObservedPod } from './observed.ts';
import { podState } from './pod-state.ts';
import { parseResult } from './result.ts';

/** A termination message that the kubelet has not reported yet. */
export interface EarlyResult {
  readonly message: string;
  /** When it came, milliseconds since the epoch. */
  readonly toldMs: number;
}

/**
 * Results that agents told the gateway as they ended. The kubelet needs a second or more to report a container's end, and a run should not take
 * longer for it. What is here is the termination message ahead of its time, and is lost with the process: the message itself is what counts, and
 * comes in any case (docs/adr/0020-early-results.md).
 */
export interface EarlyResults {
  /** The runs that a result has come for. Nothing is taken before it starts: on a replica that does not lead nobody would ask for it. */
  readonly source: Source;
  /**
   * Takes the result of a Pod until the store shows its agent's end. False when it is of no use: from a Pod that is not known or has ended, not a
   * result, not a success (only the kubelet may know the cause of a failure), or that of a run which still has to wait for fan-outs.
   */
  tell(pod: { readonly namespace: string; readonly name: string; readonly uid: string }, message: string): boolean;
  find(podUid: string): EarlyResult | undefined;
}

export interface EarlyResultsOptions {
  readonly pods: ReadonlyStore<ObservedPod>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly metrics: EarlyResultMetrics;
}

export interface EarlyResultMetrics {
  /** A result was told. */
  told(fields: { readonly taken: boolean }): void;
}

export function createEarlyResults({ pods, now, metrics }: EarlyResultsOptions): EarlyResults {
  const byPod = new Map<string, EarlyResult>();
  let wake: ((key: string) => void) | undefined;
  pods.subscribe(event => {
    if (event.type === 'deleted') byPod.delete(event.old.metadata.uid);
    else if (hasEnded(event.object)) byPod.delete(event.object.metadata.uid);
  });

  return {
    source: {
      start(enqueue) {
        wake = enqueue;
        return () => {
          wake = undefined;
          byPod.clear();
        };
      },
    },
    tell(pod, message) {
      const taken = take(pod, message);
      metrics.told({ taken });
      return taken;
    },
    find: uid => byPod.get(uid),
  };

  function take({ namespace, name, uid }: Parameters<EarlyResults['tell']>[0], message: string): boolean {
    if (wake === undefined || !isEnough(parseResult(message))) return false;
    const pod = pods.get(keyOf({ namespace, name }));
    const run = pod && controllerOf(pod);
    if (pod?.metadata.uid !== uid || run === undefined || hasEnded(pod)) return false;
    byPod.set(uid, { message, toldMs: now() });
    wake(keyOf({ namespace, name: run.name }));
    return true;
  }
}

/** Whether a run can end by this alone. The fan-outs that a run waits for may not be in the store yet when its agent has just made them. */
function isEnough(result: AgentResult | undefined): boolean {
  return result?.state === 'succeeded' && result.waitFor === undefined;
}

function hasEnded(pod: ObservedPod): boolean {
  const { kind } = podState(pod);
  return kind === 'finished' || kind === 'lost';
}
