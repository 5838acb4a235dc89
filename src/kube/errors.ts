/**
 * What a caller can do about an error:
 * - `transient`: the same call may succeed later (network, time-out, 408, 429, 5xx);
 * - `conflict`: the object changed since it was read (409 Conflict); read it again and decide anew;
 * - `alreadyExists`: the name is taken (409 AlreadyExists);
 * - `notFound`: no such object, namespace or resource (404);
 * - `gone`: a resourceVersion or continue token is too old (410); list again;
 * - `invalid`: the API server (400, 413, 422), or the client before it sent anything, refused the content;
 * - `quotaExceeded`: a ResourceQuota has no room now (403);
 * - `forbidden`: RBAC or admission said no (403);
 * - `unauthorized`: the credentials were refused (401);
 * - `terminal`: anything else; trying again will not help.
 */
export type ErrorClass =
  | 'transient'
  | 'conflict'
  | 'alreadyExists'
  | 'notFound'
  | 'gone'
  | 'invalid'
  | 'quotaExceeded'
  | 'forbidden'
  | 'unauthorized'
  | 'terminal';

/** `details` of a metav1.Status. */
export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: { reason?: string; message?: string; field?: string }[];
  retryAfterSeconds?: number;
}

export interface ApiErrorOptions {
  class: ErrorClass;
  /** The HTTP status, or 0 when there was no answer. */
  code: number;
  /** `reason` of the metav1.Status, such as `AlreadyExists`; a Node or undici code when there was no answer. */
  reason: string;
  message: string;
  details?: StatusDetails | undefined;
  retryAfterSeconds?: number | undefined;
  /** `GET /api/v1/pods`: for logs. */
  request?: string | undefined;
  cause?: unknown;
}

/** Every failure of the client except a caller's own abort, which throws the signal's reason. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly class: ErrorClass;
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** How long the server asked us to wait. */
  readonly retryAfterSeconds: number | undefined;
  readonly request: string | undefined;

  constructor(options: ApiErrorOptions) {
    super(options.message, options.cause === undefined ? {} : { cause: options.cause });
    this.class = options.class;
    this.code = options.code;
    this.reason = options.reason;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.request = options.request;
  }
}

/** True for an ApiError of one of these classes: `catch (error) { if (!isApiError(error, 'notFound')) throw error; }`. */
export function isApiError(error: unknown, ...classes: ErrorClass[]): error is ApiError {
  return error instanceof ApiError && (classes.length === 0 || classes.includes(error.class));
}

/** What a call gives, or undefined when it fails with an ApiError of one of these classes: `await undefinedWhen(client.get(...), 'notFound')`. */
export async function undefinedWhen<T>(
  call: Promise<T>,
  ...classes: [ErrorClass, ...ErrorClass[]]
): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isApiError(error, ...classes)) return undefined;
    throw error;
  }
}

/** A metav1.Status, or whatever else an API server or a proxy before it may send. */
interface StatusBody {
  kind?: unknown;
  message?: unknown;
  reason?: unknown;
  code?: unknown;
  details?: StatusDetails;
}

/** Other bodies than a Status (a proxy's HTML) are quoted up to this many characters. */
const longestQuote = 256;

/**
 * The error for an answer that is no success.
 *
 * @param request `METHOD /path`, for the message when the body has none
 * @param retryAfter the header of that name: seconds, or an HTTP date
 */
export function errorFromAnswer(request: string, code: number, body: string, retryAfter?: string): ApiError {
  const status = parseStatus(body);
  if (status === undefined) {
    const quote = body.trim().slice(0, longestQuote);
    const message = `${request} answered ${code}${quote === '' ? '' : `: ${quote}`}`;
    return errorFromStatus({ code, message }, request, retryAfter);
  }
  return errorFromStatus({ ...status, code }, request, retryAfter);
}

/** The error for a metav1.Status, which may also come inside a watch. */
export function errorFromStatus(status: StatusBody, request: string, retryAfter?: string): ApiError {
  const code = typeof status.code === 'number' ? status.code : 500;
  const reason = typeof status.reason === 'string' ? status.reason : '';
  const message = typeof status.message === 'string' ? status.message : `${request} failed with ${code} ${reason}`;
  return new ApiError({
    class: classify(code, reason, message),
    code,
    reason,
    message,
    details: status.details,
    retryAfterSeconds: parseRetryAfter(retryAfter) ?? status.details?.retryAfterSeconds,
    request,
  });
}

/** The error for a request that got no answer: a network failure, always `transient`. */
export function errorFromFailure(request: string, server: string, cause: unknown): ApiError {
  const code = (cause as { code?: unknown } | undefined)?.code;
  const reason = typeof code === 'string' ? code : 'NetworkError';
  const text = cause instanceof Error ? cause.message : String(cause);
  return new ApiError({
    class: 'transient',
    code: 0,
    reason,
    message: `${request}: no answer from ${server}: ${text}`,
    request,
    cause,
  });
}

function parseStatus(body: string): StatusBody | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null && (parsed as StatusBody).kind === 'Status'
      ? (parsed as StatusBody)
      : undefined;
  } catch {
    return undefined;
  }
}

function classify(code: number, reason: string, message: string): ErrorClass {
  switch (code) {
    case 400:
    case 413:
    case 422:
      return 'invalid';
    case 401:
      return 'unauthorized';
    case 403:
      // The quota admission plugin has no reason of its own: https://github.com/kubernetes/kubernetes/issues/9396.
      return message.includes('exceeded quota') ? 'quotaExceeded' : 'forbidden';
    case 404:
      return 'notFound';
    case 409:
      return reason === 'AlreadyExists' ? 'alreadyExists' : 'conflict';
    case 410:
      return 'gone';
    case 408:
    case 429:
      return 'transient';
    default:
      return code >= 500 && code !== 501 ? 'transient' : 'terminal';
  }
}

function parseRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000));
}
