import { z } from 'zod';
import type { Attachment } from '../../kube/attach.ts';
import type { Clock } from '../../kube/clock.ts';
import { CliError } from '../exit.ts';
import { ALIVE_MS, type Answers, type Order } from '../maintenance/protocol.ts';

/** The Pod that works on the volume, as a few functions. One call at a time. */
export interface Session {
  scan(): Promise<Answers['scan']>;
  verify(url: string, fence: number, commits: readonly string[]): Promise<Answers['verify']>;
  remove(url: string, fence: number): Promise<Answers['remove']>;
}

const ANSWERS = {
  scan: z.object({
    entries: z.array(
      z.object({ url: z.string(), bytes: z.number(), highestFence: z.number(), used: z.iso.datetime() }),
    ),
  }),
  verify: z.union([z.object({ problems: z.array(z.string()) }), z.object({ unchecked: z.string() })]),
  remove: z.object({ freedBytes: z.number() }),
} as const satisfies { [Name in Order['do']]: z.ZodType<Answers[Name]> };

const replySchema = z.union([
  z.object({ id: z.number(), result: z.unknown() }),
  z.object({ id: z.number(), error: z.string() }),
  z.object({ alive: z.literal(true) }),
]);

/** The Pod says this often that it lives; without a word for three times as long the connection counts as lost, milliseconds. */
const SILENCE_MS = 3 * ALIVE_MS;

/** Speaks to a Pod that was attached to. `pod` is its name, for messages. */
export function openSession(attachment: Pick<Attachment, 'lines' | 'send'>, pod: string, clock: Clock): Session {
  const lines = attachment.lines();
  let last = 0;

  const ask = async <Name extends Order['do']>(order: Extract<Order, { do: Name }>): Promise<Answers[Name]> => {
    const id = ++last;
    attachment.send(JSON.stringify({ id, ...order }));
    for (;;) {
      const line = await nextLine(lines, clock);
      if (line === undefined || line.done === true) {
        throw new CliError(
          `the connection to Pod ${pod} was lost while it worked; nothing is damaged by that: run the command again`,
        );
      }
      const reply = replyOf(line.value);
      if (reply === undefined || 'alive' in reply || reply.id !== id) continue;
      if ('error' in reply) throw new CliError(`Pod ${pod} could not ${order.do}: ${reply.error}`);
      const parsed = ANSWERS[order.do].safeParse(reply.result);
      if (parsed.success) return parsed.data as Answers[Name];
      throw new CliError(
        `Pod ${pod} gave an answer that this version does not understand: use the version of tako that the operator has, or name its image with --image`,
      );
    }
  };

  return {
    scan: () => ask({ do: 'scan' }),
    verify: (url, fence, commits) => ask({ do: 'verify', url, fence, commits }),
    remove: (url, fence) => ask({ do: 'remove', url, fence }),
  };
}

/** Undefined after too long a silence. */
async function nextLine(
  lines: AsyncGenerator<string>,
  clock: Clock,
): Promise<IteratorResult<string, unknown> | undefined> {
  let cancel: (() => void) | undefined;
  const silence = new Promise<undefined>(resolve => {
    cancel = clock.setTimeout(() => resolve(undefined), SILENCE_MS);
  });
  try {
    return await Promise.race([lines.next(), silence]);
  } finally {
    cancel?.();
  }
}

/** Undefined for a line that is no reply, such as a warning of Node.js. */
function replyOf(line: string): z.infer<typeof replySchema> | undefined {
  try {
    return replySchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
