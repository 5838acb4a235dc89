import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CLUSTERS_DIRECTORY } from './paths.ts';
import { bootId, isAlive, processIdentity } from './process.ts';

/** `control-plane`: API server, etcd, scheduler, controller manager. `full`: also a node that runs Pods. */
const modeSchema = z.enum(['control-plane', 'full']);
export type Mode = z.infer<typeof modeSchema>;

const stateSchema = z.object({
  /** Of this file's format. */
  version: z.literal(1),
  name: z.string(),
  mode: modeSchema,
  /** Whether it ends with the process that started it. */
  ephemeral: z.boolean().default(false),
  /** The boot in which the processes below were started. */
  bootId: z.string(),
  /** The first process of the cluster's namespaces, and the `unshare` that waits for it. */
  init: processIdentity.optional(),
  holder: processIdentity.optional(),
  /** By component. Each is the `nsenter` that waits for the component, and ends with it. */
  components: z.record(z.string(), processIdentity),
  /** Set at the end of `up`: everything was ready. */
  ready: z.boolean(),
});
export type ClusterState = z.infer<typeof stateSchema>;

const stateFile = (directory: string): string => join(directory, 'state.json');

/**
 * What the cluster in `directory` recorded about itself; undefined when there is none.
 * @throws {Error} when the file is not one of ours.
 */
export function readState(directory: string): ClusterState | undefined {
  if (!existsSync(stateFile(directory))) return undefined;
  const parsed = stateSchema.safeParse(JSON.parse(readFileSync(stateFile(directory), 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(`${stateFile(directory)} is not readable by this version:\n${z.prettifyError(parsed.error)}`);
}

/** The same, without an error: a record of another version is as good as none. */
export function readableState(directory: string): ClusterState | undefined {
  try {
    return readState(directory);
  } catch {
    return undefined;
  }
}

/** Replaces the record as a whole; synchronous, so that no process is started and then forgotten. */
export function writeState(directory: string, state: ClusterState): void {
  writeFileSync(`${stateFile(directory)}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${stateFile(directory)}.new`, stateFile(directory));
}

/** What a cluster is found to be, without asking its API server. */
export type Health =
  | { kind: 'absent' }
  | { kind: 'running'; state: ClusterState }
  /** `alive`: something of it still runs, which may be all there is yet. */
  | { kind: 'broken'; state: ClusterState | undefined; alive: boolean; reason: string };

/** Compares the record in `directory` with the processes that there are. */
export function inspect(directory: string): Health {
  if (!existsSync(directory)) return { kind: 'absent' };
  const state = readableState(directory);
  if (!state) return { kind: 'broken', state, alive: false, reason: 'it has no record that this version can read' };
  const alive = state.bootId === bootId() && state.init !== undefined && isAlive(state.init);
  const broken = (reason: string): Health => ({ kind: 'broken', state, alive, reason });
  if (state.bootId !== bootId()) return broken('the machine was restarted since');
  if (!alive) return broken('its processes are gone');
  const dead = Object.keys(state.components).filter(name => !isAlive(state.components[name]!));
  if (dead.length > 0) return broken(`${dead.join(', ')} ended`);
  return state.ready ? { kind: 'running', state } : broken('it was not started to the end');
}

/** The names of all clusters that left anything on this machine, running or not. */
export function clusterNames(): string[] {
  return existsSync(CLUSTERS_DIRECTORY) ? readdirSync(CLUSTERS_DIRECTORY).sort() : [];
}
