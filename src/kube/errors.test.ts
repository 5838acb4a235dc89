import { describe, expect, it } from 'vitest';
import { ApiError, errorFromAnswer, errorFromFailure, errorFromStatus, isApiError } from './errors.ts';

function status(fields: object): string {
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', ...fields });
}

describe('errorFromAnswer', () => {
  it.each([
    [400, 'BadRequest', 'invalid'],
    [401, 'Unauthorized', 'unauthorized'],
    [403, 'Forbidden', 'forbidden'],
    [404, 'NotFound', 'notFound'],
    [405, 'MethodNotAllowed', 'terminal'],
    [408, 'Timeout', 'transient'],
    [409, 'Conflict', 'conflict'],
    [409, 'AlreadyExists', 'alreadyExists'],
    [410, 'Expired', 'gone'],
    [413, 'RequestEntityTooLarge', 'invalid'],
    [422, 'Invalid', 'invalid'],
    [429, 'TooManyRequests', 'transient'],
    [500, 'InternalError', 'transient'],
    [501, 'NotImplemented', 'terminal'],
    [503, 'ServiceUnavailable', 'transient'],
    [504, 'Timeout', 'transient'],
  ])('given %i %s, then its class is %s', (code, reason, expected) => {
    const error = errorFromAnswer('GET /x', code, status({ code, reason, message: 'm' }));
    expect(error).toMatchObject({ class: expected, code, reason, message: 'm', request: 'GET /x' });
  });

  it('given a quota that is used up, then it is not merely forbidden', () => {
    const message = 'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5';
    expect(errorFromAnswer('POST /x', 403, status({ reason: 'Forbidden', message })).class).toBe('quotaExceeded');
  });

  it('given details, then their causes are there', () => {
    const details = { name: 'a', kind: 'Thing', causes: [{ field: 'spec.x', message: 'Required value' }] };
    expect(errorFromAnswer('POST /x', 422, status({ reason: 'Invalid', message: 'm', details })).details).toEqual(
      details,
    );
  });

  it.each([
    ['7', undefined, 7],
    [undefined, 3, 3],
    ['7', 3, 7],
    ['soon', undefined, undefined],
    [new Date(0).toUTCString(), undefined, 0],
    [undefined, undefined, undefined],
  ])('given Retry-After %s and retryAfterSeconds %s, then it says %s', (header, retryAfterSeconds, expected) => {
    const body = status({ message: 'm', details: { retryAfterSeconds } });
    expect(errorFromAnswer('GET /x', 429, body, header).retryAfterSeconds).toBe(expected);
  });

  it('given an HTTP date in the future, then it is counted in seconds from now', () => {
    const header = new Date(Date.now() + 30_000).toUTCString();
    const seconds = errorFromAnswer('GET /x', 503, '', header).retryAfterSeconds;
    expect(seconds).toBeGreaterThan(25);
    expect(seconds).toBeLessThanOrEqual(31);
  });

  it("given a proxy's page instead of a Status, then the message says what was asked and quotes a little of it", () => {
    const error = errorFromAnswer('GET /x', 502, `<html>${'bad gateway '.repeat(100)}</html>`);
    expect(error.class).toBe('transient');
    expect(error.message).toMatch(/^GET \/x answered 502: <html>bad gateway/);
    expect(error.message.length).toBeLessThan(300);
  });

  it('given JSON that is no Status, or nothing, then the message still says what was asked', () => {
    expect(errorFromAnswer('GET /x', 404, '{"a":1}').message).toBe('GET /x answered 404: {"a":1}');
    expect(errorFromAnswer('GET /x', 404, '').message).toBe('GET /x answered 404');
  });
});

describe('errorFromStatus', () => {
  it('given a Status without code and message, then it counts as an internal error', () => {
    const error = errorFromStatus({ kind: 'Status' }, 'GET /x');
    expect(error).toMatchObject({ class: 'transient', code: 500, message: 'GET /x failed with 500 ' });
  });
});

describe('errorFromFailure', () => {
  it('given a refused connection, then the error is transient and names the server', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const error = errorFromFailure('GET /x', 'https://server', cause);
    expect(error).toMatchObject({ class: 'transient', code: 0, reason: 'ECONNREFUSED', cause });
    expect(error.message).toBe('GET /x: no answer from https://server: connect ECONNREFUSED');
  });

  it('given something thrown that is no Error, then it is still told', () => {
    expect(errorFromFailure('GET /x', 's', 'oops')).toMatchObject({
      reason: 'NetworkError',
      message: expect.stringContaining('oops'),
    });
  });
});

describe('isApiError', () => {
  it('given classes, then only those match', () => {
    const error = new ApiError({ class: 'gone', code: 410, reason: 'Expired', message: 'm' });
    expect([isApiError(error), isApiError(error, 'gone', 'conflict'), isApiError(error, 'conflict')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(isApiError(new Error('m'))).toBe(false);
  });
});
