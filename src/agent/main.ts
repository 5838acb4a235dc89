import { readFileSync, writeFileSync } from 'node:fs';
import { ASSIGNMENT_VARIABLE, type Assignment, PATHS } from './contract.ts';
import { fitResult } from './deliver.ts';
import { createGatewayClient } from './gateway-client.ts';
import { highestResidentKiB } from './memory.ts';
import { compileMask } from './protocol/mask.ts';
import { runAssignment } from './run-assignment.ts';
import { TIMEOUT } from './step-end.ts';

const TERMINATION_LOG = '/dev/termination-log';
/** Time to hand a result over after the deadline of the run itself. */
const DELIVERY_GRACE_MS = 30_000;

const assignment = JSON.parse(process.env[ASSIGNMENT_VARIABLE] ?? 'null') as Assignment | null;
if (assignment === null) {
  console.error(`${ASSIGNMENT_VARIABLE} is not set: this program runs in the Pods that the Tako operator creates`);
  process.exit(64);
}

const stop = new AbortController();
const deadline = setTimeout(() => stop.abort(TIMEOUT), Date.parse(assignment.deadline) - Date.now());
process.once('SIGTERM', () => stop.abort(new Error('the Pod is being deleted')));

const mask = compileMask(assignment.secrets.map(name => ({ name, value: readFileSync(`${PATHS.secrets}/${name}`) })));
const gateway = createGatewayClient({ ...assignment.gateway, tokenFile: PATHS.token });
const result = await runAssignment({ assignment, mask, gateway, signal: stop.signal, log });

const delivery = AbortSignal.timeout(Math.max(0, Date.parse(assignment.deadline) - Date.now()) + DELIVERY_GRACE_MS);
const message = await fitResult({ ...result, rssKiB: highestResidentKiB() }, assignment.resultBytes, body =>
  gateway.storeResult(body, delivery),
);
writeFileSync(TERMINATION_LOG, message);
clearTimeout(deadline);
gateway.close();
log('finished', { state: result.state, reason: result.reason, rssKiB: highestResidentKiB() });
process.exit(result.state === 'succeeded' ? 0 : 1);

/** One JSON line, as the operator's logs. pino would cost the agent megabytes. */
function log(msg: string, fields: Record<string, unknown> = {}): void {
  const line = JSON.stringify({ time: new Date().toISOString(), msg, run: assignment?.run.name, ...fields });
  process.stdout.write(`${mask.text(line)}\n`);
}
