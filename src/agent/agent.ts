import { readFileSync, writeFileSync } from 'node:fs';
import type { AgentResult, Assignment } from './contract.ts';
import { fitResult } from './deliver.ts';
import { reportEnd } from './end-report.ts';
import { createGatewayClient } from './gateway-client.ts';
import { highestResidentKiB } from './memory.ts';
import { compileMask, type Secret } from './protocol/mask.ts';
import { type AgentPaths, runAssignment } from './run-assignment.ts';
import { TIMEOUT } from './step-end.ts';
import { startTimer } from './timer.ts';

export interface AgentOptions {
  readonly assignment: Assignment;
  readonly paths: AgentPaths & {
    /** File with the token for the gateway. */
    readonly token: string;
    /** Directory with the values to mask, one file a secret. */
    readonly secrets: string;
    /** Where the kubelet takes the result from. */
    readonly terminationLog: string;
  };
  /** Aborted when the Pod is being deleted. */
  readonly stop: AbortSignal;
  readonly print: (line: string) => void;
}

/** Time to hand a result over after the deadline of the run itself, milliseconds. */
const DELIVERY_GRACE_MS = 30_000;
/** The same in a Pod that is being deleted: what its grace period leaves after the steps have had theirs. */
const STOPPED_DELIVERY_MS = 3_000;

/** Does what the operator has assigned, and leaves the result where the kubelet finds it. */
export async function runAgent({ assignment, paths, stop, print }: AgentOptions): Promise<AgentResult> {
  const { present, missing } = readSecrets(assignment.secrets, paths.secrets);
  const mask = compileMask(present);
  const gateway = createGatewayClient({ ...assignment.gateway, tokenFile: paths.token });
  const log = (msg: string, fields: Record<string, unknown> = {}): void => {
    const line = { time: new Date().toISOString(), msg, run: assignment.run.name, ...fields };
    print(mask.text(JSON.stringify(line)));
  };
  const left = Date.parse(assignment.deadline) - Date.now();
  const end = new AbortController();
  const delivery = new AbortController();
  const timers = [
    startTimer(() => end.abort(TIMEOUT), left),
    startTimer(() => delivery.abort(), Math.max(0, left) + DELIVERY_GRACE_MS),
  ];
  const onStop = (): void => {
    end.abort(stop.reason);
    timers.push(startTimer(() => delivery.abort(), STOPPED_DELIVERY_MS + GRACE_MS));
  };
  stop.addEventListener('abort', onStop, { once: true });
  if (stop.aborted) onStop();
  try {
    const result = await runAssignment({
      assignment,
      mask,
      unmasked: missing,
      gateway,
      paths,
      graceMs: GRACE_MS,
      signal: end.signal,
      log,
    });
    const message = await fitResult({ ...result, rssKiB: highestResidentKiB() }, assignment.resultBytes, body =>
      gateway.storeResult(body, delivery.signal),
    );
    writeFileSync(paths.terminationLog, message);
    log('finished', { state: result.state, reason: result.reason, rssKiB: highestResidentKiB() });
    // Of a failure only the kubelet may know the cause; who waits for a fan-out has not ended.
    if (result.state === 'succeeded' && result.waitFor === undefined) {
      await reportEnd({ message }, { ...assignment.gateway, tokenFile: paths.token, state: paths.state });
    }
    return result;
  } finally {
    stop.removeEventListener('abort', onStop);
    for (const cancel of timers) cancel();
    gateway.close();
  }
}

/** From TERM to KILL of a step, milliseconds. */
const GRACE_MS = 10_000;

/** A Secret that does not exist keeps its step's container from starting, which the kubelet reports; it is no reason to fail here. */
function readSecrets(names: readonly string[], directory: string): { present: Secret[]; missing: string[] } {
  const present: Secret[] = [];
  const missing: string[] = [];
  for (const name of names) {
    try {
      present.push({ name, value: readFileSync(`${directory}/${name}`) });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      missing.push(name);
    }
  }
  return { present, missing };
}
