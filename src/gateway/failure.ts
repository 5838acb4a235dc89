import type { GatewayError } from '../agent/contract.ts';
import { type ErrorClass, isApiError } from '../kube/errors.ts';

/** A request that is answered with an error. */
export class GatewayFailure extends Error {
  override readonly name = 'GatewayFailure';
  /** HTTP status. */
  readonly status: number;
  /** CamelCase word for the agent. */
  readonly reason: string;
  /** Whether the same request may succeed later. */
  readonly retry: boolean;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, reason: string, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.status = status;
    this.reason = reason;
    this.retry = options.retry ?? false;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  toBody(): GatewayError {
    return { reason: this.reason, message: this.message, retry: this.retry };
  }
}

export interface FailureOptions {
  /** Default false. */
  readonly retry?: boolean | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** Status and reason of a failed call to the API server, by what can be done about it. */
const API_FAILURES: Partial<Record<ErrorClass, readonly [status: number, reason: string, retry: boolean]>> = {
  transient: [503, 'ApiServerUnavailable', true],
  conflict: [503, 'Conflict', true],
  gone: [503, 'ApiServerUnavailable', true],
  quotaExceeded: [429, 'QuotaExceeded', true],
  invalid: [422, 'Rejected', false],
  forbidden: [403, 'Forbidden', false],
  notFound: [409, 'RunEnding', false],
};

/**
 * Any error as a failure. What the API server says about the content goes to the agent; what went wrong in the gateway goes to its log only
 * and may be tried again.
 */
export function toFailure(error: unknown): GatewayFailure {
  if (error instanceof GatewayFailure) return error;
  if (isApiError(error)) {
    const known = API_FAILURES[error.class];
    if (known !== undefined) {
      const [status, reason, retry] = known;
      const { message, retryAfterSeconds } = error;
      return new GatewayFailure(status, reason, message, { retry, retryAfterSeconds, cause: error });
    }
  }
  return fromHttpLibrary(error) ?? internal(error);
}

/** Errors of the HTTP layer carry their status: a body that is no JSON, too large, or of another type. */
function fromHttpLibrary(error: unknown): GatewayFailure | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  const status = error.statusCode;
  if (status >= 500) {
    return status === 503
      ? new GatewayFailure(503, 'Timeout', 'the request took too long', { retry: true })
      : undefined;
  }
  const reason = status === 413 ? 'BodyTooLarge' : 'BadRequest';
  return new GatewayFailure(status, reason, error.message, { cause: error });
}

function internal(error: unknown): GatewayFailure {
  const message = 'the gateway failed to handle the request; its log says why';
  return new GatewayFailure(500, 'Internal', message, { retry: true, cause: error });
}
