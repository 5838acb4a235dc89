import { PATHS } from '../../agent/contract.ts';
import { systemClock } from '../../kube/clock.ts';
import { operationsOn } from './operations.ts';
import { serve } from './serve.ts';

/** The program of the Pod that `tako cache verify` and `prune` start. protocol.ts says what it is told; it talks to nobody but its command. */

// As process 1 of its container it would not be ended by the signal otherwise.
process.once('SIGTERM', () => process.exit(0));

await serve({
  input: process.stdin,
  print: line => void process.stdout.write(line),
  operations: operationsOn(PATHS.cache),
  clock: systemClock,
});
