import { z } from 'zod';
import { type AgentResult, PROTOCOL_VERSION, type ResultBody } from '../../agent/contract.ts';
import { ERROR_TYPES } from '../../api/takorun-status.ts';

const stepSchema = z.object({
  id: z.string().max(128),
  phase: z.enum(['Succeeded', 'Failed', 'TimedOut', 'Skipped', 'Canceled']),
  exitCode: z.int().min(0).max(255).optional(),
  durationMilliseconds: z.int().min(0).max(2_147_483_647).optional(),
  message: z.string().max(1_024).optional(),
});

const resultBodySchema = z.object({
  steps: z.array(stepSchema).max(4_096),
  outputs: z.record(z.string().max(260), z.string()).optional(),
});

const resultSchema = resultBodySchema.extend({
  protocol: z.literal(PROTOCOL_VERSION),
  state: z.enum(['succeeded', 'failed']),
  errorType: z.enum(ERROR_TYPES).optional(),
  reason: z
    .string()
    .max(128)
    .regex(/^[A-Za-z][A-Za-z0-9]*$/)
    .optional(),
  message: z.string().max(1_024).optional(),
  output: z.string().max(1_024).optional(),
  waitFor: z.array(z.string().max(128)).max(64).optional(),
  ref: z.object({ name: z.string().max(253), digest: z.string().regex(/^[0-9a-f]{64}$/) }).optional(),
  held: z
    .object({
      container: z
        .string()
        .max(63)
        .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
      seconds: z.int().min(1).max(86_400),
    })
    .optional(),
  rssKiB: z.int().min(0).optional(),
});

/** The agent's termination message as a result; undefined when it is none, as of an agent that crashed. */
export function parseResult(message: string): AgentResult | undefined {
  try {
    return resultSchema.parse(JSON.parse(message)) as AgentResult;
  } catch {
    return undefined;
  }
}

/** The part of a result that the agent stored apart; undefined when it is none. */
export function parseResultBody(text: string): ResultBody | undefined {
  try {
    return resultBodySchema.parse(JSON.parse(text)) as ResultBody;
  } catch {
    return undefined;
  }
}
