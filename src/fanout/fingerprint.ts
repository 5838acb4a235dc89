import { createHash } from 'node:crypto';
import { MAX_PAYLOAD_BYTES, type RunEvent, type TakoRunSpec } from '../api/takorun.ts';

/** Deepest nesting of a payload. Far below what overflows a recursive reader, far above what an event needs. */
export const MAX_PAYLOAD_DEPTH = 100;

/**
 * JSON with one spelling for equal values: no blanks, keys sorted by UTF-16 code units, numbers and strings as ECMAScript writes
 * them (RFC 8785). Keys without a value are left out, as JSON does.
 *
 * Throws a TypeError for what JSON cannot hold, and for what is nested deeper than `MAX_PAYLOAD_DEPTH`.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  if (depth > MAX_PAYLOAD_DEPTH) throw new TypeError(`expected at most ${MAX_PAYLOAD_DEPTH} levels of nesting`);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`expected a JSON value, got ${value}`);
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(item => write(item, depth + 1)).join(',')}]`;
      return writeObject(value, depth);
    default:
      throw new TypeError(`expected a JSON value, got a ${typeof value}`);
  }
}

function writeObject(value: object, depth: number): string {
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([one], [other]) => compareText(one, other))
    .map(([key, member]) => `${JSON.stringify(key)}:${write(member, depth + 1)}`);
  return `{${members.join(',')}}`;
}

/** Order of two strings by UTF-16 code units: the same on every machine, whatever its locale. */
export function compareText(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** SHA-256 of the UTF-8 bytes of a text, 64 hexadecimal digits. */
export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

export type PayloadCheck =
  | { readonly ok: true; readonly bytes: number }
  | { readonly ok: false; readonly message: string };

/** Whether a payload is within its bounds: `MAX_PAYLOAD_BYTES` of canonical JSON and `MAX_PAYLOAD_DEPTH` levels. None is. */
export function checkPayload(payload: unknown): PayloadCheck {
  if (payload === undefined) return { ok: true, bytes: 0 };
  let json: string;
  try {
    json = canonicalJson(payload);
  } catch (error) {
    return { ok: false, message: `payload: ${error instanceof Error ? error.message : String(error)}` };
  }
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_PAYLOAD_BYTES) {
    return {
      ok: false,
      message: `payload: expected at most ${MAX_PAYLOAD_BYTES} bytes of JSON, got ${bytes}; put large data into an artifact and its address into the payload`,
    };
  }
  return { ok: true, bytes };
}

/**
 * Identity of an event: SHA-256 over type, schemaVersion, source, payload and id, 64 hexadecimal digits. Two events with the same
 * content that are meant to be two carry an id each. Throws a TypeError when the payload is not within its bounds of nesting.
 */
export function eventFingerprint(event: RunEvent): string {
  const { type, schemaVersion, source, payload, id } = event;
  return sha256(canonicalJson({ type, schemaVersion, source, payload, id }));
}

/** The fields that a fan-out step decides. Where the run stands in its tree is not among them: that follows from its name. */
const FAN_OUT_FIELDS = [
  'waitForChildren',
  'concurrencyLimit',
  'dedupe',
  'idempotent',
  'timeout',
  'childTimeout',
  'queueTimeout',
  'retry',
  'childrenTTL',
] as const satisfies readonly (keyof TakoRunSpec)[];

/**
 * SHA-256 over an event and what is to be done with it: two specs with the same one are the same fan-out. A step that is run again
 * finds its earlier fan-out by this. Throws a TypeError for a spec without an event.
 */
export function fanOutFingerprint(spec: TakoRunSpec): string {
  if (spec.event === undefined) throw new TypeError('expected the spec of a TakoRun with an event');
  const options = Object.fromEntries(FAN_OUT_FIELDS.map(field => [field, spec[field]]));
  return sha256(canonicalJson({ event: eventFingerprint(spec.event), options }));
}
