import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type Clock, repeat } from '../../kube/clock.ts';
import { ALIVE_MS, type Answers, IDLE_MS, type Order, type Reply, type Request } from './protocol.ts';

/** What can be done on the volume. */
export type Operations = {
  readonly [Name in Order['do']]: (order: Extract<Order, { do: Name }>) => Promise<Answers[Name]>;
};

export interface ServeOptions {
  readonly input: Readable;
  print(line: string): void;
  readonly operations: Operations;
  readonly clock: Clock;
}

/** Does what comes in, one order after the other, until the input ends or nothing comes for long. What was begun is always finished. */
export async function serve({ input, print, operations, clock }: ServeOptions): Promise<'ended' | 'idle'> {
  const say = (reply: Reply): void => print(`${JSON.stringify(reply)}\n`);
  let end: 'ended' | 'idle' = 'ended';
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const armed = () =>
    clock.setTimeout(() => {
      end = 'idle';
      input.destroy();
      lines.close();
    }, IDLE_MS);
  let disarm = armed();
  for await (const line of lines) {
    disarm();
    const stop = repeat(clock, ALIVE_MS, () => say({ alive: true }));
    say(await answer(line, operations));
    stop();
    disarm = armed();
  }
  disarm();
  return end;
}

async function answer(line: string, operations: Operations): Promise<Reply> {
  const { id, ...order } = JSON.parse(line) as Request;
  try {
    return { id, result: await perform(order, operations) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

function perform(order: Order, operations: Operations): Promise<Answers[Order['do']]> {
  switch (order.do) {
    case 'scan':
      return operations.scan(order);
    case 'verify':
      return operations.verify(order);
    case 'remove':
      return operations.remove(order);
  }
}
