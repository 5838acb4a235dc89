import { writeFileSync } from 'node:fs';
import { runAgent } from './agent.ts';
import { type AgentResult, ASSIGNMENT_VARIABLE, type Assignment, PATHS, PROTOCOL_VERSION } from './contract.ts';
import { cut, messageOf } from './step-end.ts';

/** The agent as a program: from the Pod's environment to the exit code. */
export async function main(): Promise<number> {
  const assignment = JSON.parse(process.env[ASSIGNMENT_VARIABLE] ?? 'null') as Assignment | null;
  if (assignment === null) {
    console.error(`${ASSIGNMENT_VARIABLE} is not set: this program runs in the Pods that the Tako operator creates`);
    return 64;
  }
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort(new Error('the Pod is being deleted')));
  try {
    const print = (line: string) => void process.stdout.write(`${line}\n`);
    const result = await runAgent({ assignment, paths: PATHS, stop: stop.signal, print });
    return result.state === 'succeeded' ? 0 : 1;
  } catch (error) {
    console.error(error);
    const result: AgentResult = {
      protocol: PROTOCOL_VERSION,
      state: 'failed',
      errorType: 'execution_failed',
      reason: 'AgentFailed',
      message: cut(`the agent failed: ${messageOf(error)}`),
      steps: [],
    };
    writeFileSync(PATHS.terminationLog, JSON.stringify(result));
    return 1;
  }
}

// The image starts it through startup/launch.ts instead.
if (import.meta.main) process.exit(await main());
