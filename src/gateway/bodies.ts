import { z } from 'zod';
import type { FanOutRequest, ResultBody } from '../agent/contract.ts';
import { checkPayload } from '../fanout/fingerprint.ts';
import { MAX_DURATION_MS } from '../workflow/duration.ts';
import { GatewayFailure } from './failure.ts';

const NAME = /^[A-Za-z0-9_-]+$/;

const stepIdSchema = z.string().min(1).max(128).regex(NAME);

const fanOutRequestSchema = z.strictObject({
  type: z
    .string()
    .max(128)
    .regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, 'expected a type in snake_case, such as library_built'),
  schemaVersion: z
    .string()
    .max(64)
    .regex(/^[0-9]+\.[0-9]+\.[0-9]+$/, 'expected a version like 1.2.0')
    .optional(),
  artifact: z.string().min(1).max(128).regex(NAME),
  payload: z.unknown().optional(),
  waitForChildren: z.boolean(),
  timeoutMs: z.int().min(1).max(MAX_DURATION_MS).optional(),
  concurrencyLimit: z.int().min(1).max(10_000).optional(),
  idempotent: z.boolean().optional(),
});

const resultBodySchema = z.strictObject({
  steps: z
    .array(
      z.strictObject({
        id: z.string().max(128),
        phase: z.enum(['Succeeded', 'Failed', 'TimedOut', 'Skipped', 'Canceled']),
        exitCode: z.int().min(0).max(255).optional(),
        durationMilliseconds: z.int().min(0).max(2_147_483_647).optional(),
        message: z.string().max(1_024).optional(),
      }),
    )
    .max(1_024),
  outputs: z.record(z.string().max(257), z.string()).optional(),
});

/** Id of a fan-out step, from the path. */
export function parseStepId(text: unknown): string {
  return parse(stepIdSchema, text, 'step');
}

/** Body of PUT /v1/fan-outs/:step. The payload is within its bounds afterwards. */
export function parseFanOutRequest(body: unknown): FanOutRequest {
  const request = parse(fanOutRequestSchema, body, 'body');
  const payload = checkPayload(request.payload);
  if (!payload.ok) throw invalid(payload.message);
  return request as FanOutRequest;
}

/** Body of PUT /v1/result. Its size is checked where it is stored. */
export function parseResultBody(body: unknown): ResultBody {
  return parse(resultBodySchema, body, 'body') as ResultBody;
}

/** Longest wait of a long poll, seconds. Whoever wants to wait longer asks again. */
export const MAX_WAIT_SECONDS = 60;

const fanOutQuerySchema = z.object({
  waitSeconds: z.coerce.number().min(0).default(0),
  run: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
    .optional(),
});

/**
 * Query of GET /v1/fan-outs/:step: seconds to wait, 0 when not given, never more than `MAX_WAIT_SECONDS`; and the name of the child run, as
 * PUT has answered it. Without it the step's first one is meant.
 */
export function parseFanOutQuery(query: unknown): { waitSeconds: number; run?: string | undefined } {
  const { waitSeconds, run } = parse(fanOutQuerySchema, query, 'query');
  return { waitSeconds: Math.min(waitSeconds, MAX_WAIT_SECONDS), run };
}

/** A value by its schema. Throws a `GatewayFailure` (400) that names what is wrong with it, and where. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${[where, ...path].join('.')}: ${message}`);
  throw invalid(issues.slice(0, 5).join('; '));
}

function invalid(message: string): GatewayFailure {
  return new GatewayFailure(400, 'InvalidRequest', message.slice(0, 1_024));
}
