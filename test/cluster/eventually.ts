import { CommandFailed, run } from './command.ts';
import { ComponentFailed, logPath, logTail } from './component.ts';
import { isAlive } from './process.ts';
import type { ClusterState } from './state.ts';
import { done, notYet, waitFor } from './wait.ts';

export interface EventuallyOptions {
  readonly directory: string;
  readonly state: ClusterState;
  /** What lets a command run in the cluster's network. */
  readonly enter: readonly string[];
  readonly environment: Record<string, string>;
}

/**
 * Runs a command until it succeeds, as long as all components run.
 * @param what is waited for: "the node to be Ready".
 * @param component whose log tells why, when it does not come.
 * @throws {ComponentFailed} when a component ends meanwhile.
 * @throws {Error} at the deadline, with the component's last words.
 */
export type Eventually = (what: string, component: string, command: readonly string[], input?: string) => Promise<void>;

export function eventually({ directory, state, enter, environment }: EventuallyOptions): Eventually {
  return async (what, component, command, input) => {
    const look = async () => {
      for (const [name, identity] of Object.entries(state.components)) {
        if (!isAlive(identity)) throw new ComponentFailed(name, directory);
      }
      const options = { env: environment, ...(input === undefined ? {} : { input }) };
      return run([...enter, ...command], options).then(done, error => {
        if (error instanceof CommandFailed) return notYet(error.message);
        throw error;
      });
    };
    await waitFor(what, look).catch(error => {
      if (error instanceof ComponentFailed) throw error;
      const log = `the last lines of ${logPath(directory, component)}:\n${logTail(directory, component)}`;
      throw new Error(`${error instanceof Error ? error.message : error}\n${log}`, { cause: error });
    });
  };
}
