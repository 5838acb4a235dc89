import type { JsonObject } from '../types.ts';

/** What filters may speak of. */
export const FILTER_VARIABLES = ['event', 'payload', 'event_type', 'schema_version', 'source'] as const;

/** What `if` may speak of: the event that triggered the run, if one did, and the run itself. */
export const IF_VARIABLES = [...FILTER_VARIABLES, 'inputs', 'steps', 'env', 'outputs'] as const;

/** Values by variable name. What is undefined is unknown to the expression. */
export type CelVariables = Partial<Record<(typeof IF_VARIABLES)[number], unknown>>;

export interface EventFacts {
  type: string;
  /** x.y.z */
  schemaVersion?: string;
  /** `owner/repo:artifact` */
  source: string;
  payload: JsonObject;
  id?: string;
}

/**
 * The variables of an event: `event.payload.version` and the short `payload.version` are the same. An absent version is
 * "".
 */
export function eventVariables(event: EventFacts): CelVariables {
  const { type, schemaVersion = '', source, payload, id } = event;
  return {
    event: { type, schema_version: schemaVersion, source, payload, ...(id !== undefined && { id }) },
    payload,
    event_type: type,
    schema_version: schemaVersion,
    source,
  };
}

/** UTF-8 bytes of an event's payload as JSON. */
export const MAX_PAYLOAD_BYTES = 262_144;
/**
 * UTF-8 bytes of all variables as JSON: the payload twice (`event.payload`, `payload`), inputs, and the outputs of
 * steps.
 */
const MAX_VARIABLES_BYTES = 2_097_152;

/** Why variables cannot be used; undefined when they can. Throws for what is no JSON at all, such as a circle. */
export function checkVariables(variables: CelVariables): string | undefined {
  const { event, payload } = variables as { event?: { payload?: unknown } | null; payload?: unknown };
  for (const part of [event?.payload, payload]) {
    const bytes = jsonBytes(part);
    if (bytes > MAX_PAYLOAD_BYTES) return `the payload has ${bytes} bytes, at most ${MAX_PAYLOAD_BYTES} are allowed`;
  }
  const bytes = jsonBytes(variables);
  return bytes > MAX_VARIABLES_BYTES
    ? `the variables have ${bytes} bytes, at most ${MAX_VARIABLES_BYTES} are allowed`
    : undefined;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}
