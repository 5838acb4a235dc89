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

/** The variables of an event: `event.payload.version` and the short `payload.version` are the same. An absent version is "". */
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
