import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const image = { TAKO_AGENT_IMAGE: 'registry.example.com/tako:1' };

describe("the operator's settings", () => {
  it('given only what is required, then there are defaults for the rest', () => {
    expect(readConfig(image)).toMatchObject({
      POD_NAMESPACE: 'tako-system',
      TAKO_WATCH_NAMESPACES: [],
      TAKO_GATEWAY_PORT: 8443,
      TAKO_HTTP_PORT: 8080,
      TAKO_LEADER_ELECTION: true,
      TAKO_GIT_SCHEMES: ['https', 'ssh'],
      TAKO_GIT_HOSTS: [],
      TAKO_DEFAULT_TIMEOUT: 3_600_000,
      TAKO_START_TIMEOUT: 90_000,
    });
  });

  it('given settings, then they are read: durations as milliseconds, lists without blanks', () => {
    const config = readConfig({
      ...image,
      TAKO_DEFAULT_TIMEOUT: '1h30m',
      TAKO_GIT_HOSTS: ' github.com , *.example.com,',
      TAKO_GIT_SCHEMES: 'http',
      TAKO_LEADER_ELECTION: 'false',
      TAKO_RUN_WORKERS: '4',
    });
    expect(config).toMatchObject({
      TAKO_DEFAULT_TIMEOUT: 5_400_000,
      TAKO_GIT_HOSTS: ['github.com', '*.example.com'],
      TAKO_GIT_SCHEMES: ['http'],
      TAKO_LEADER_ELECTION: false,
      TAKO_RUN_WORKERS: 4,
    });
  });

  it('given nothing about a cache, then there is none', () => {
    expect(readConfig(image)).toMatchObject({
      TAKO_CACHE_SIZE: '',
      TAKO_CACHE_STORAGE_CLASS: '',
      TAKO_CACHE_ACCESS_MODE: 'ReadWriteMany',
      TAKO_CACHE_MAX_AGE: 604_800_000,
      TAKO_LOCK_DURATION: 1_800_000,
    });
  });

  it.each([
    ['TAKO_CACHE_SIZE', 'much'],
    ['TAKO_CACHE_SIZE', '0'],
    ['TAKO_CACHE_SIZE', '-1Gi'],
    ['TAKO_CACHE_ACCESS_MODE', 'ReadOnlyMany'],
    ['TAKO_CACHE_MAX_AGE', '1s'],
    ['TAKO_LOCK_DURATION', '59s'],
    ['TAKO_LOCK_DURATION', '2h1s'],
  ])('given %s=%s, then the operator does not start', (name, value) => {
    expect(() => readConfig({ ...image, [name]: value })).toThrow(name);
  });

  it.each([
    ['TAKO_CACHE_SIZE', '20Gi', '20Gi'],
    ['TAKO_LOCK_DURATION', '2h', 7_200_000],
  ] as const)('given %s=%s, then it is taken', (name, value, read) => {
    expect(readConfig({ ...image, [name]: value })[name]).toBe(read);
  });

  it('given an empty variable, then it counts as absent', () => {
    expect(readConfig({ ...image, TAKO_HTTP_PORT: '' }).TAKO_HTTP_PORT).toBe(8080);
  });

  it('given nothing, then the message names what is missing', () => {
    expect(() => readConfig({})).toThrow(ConfigError);
    expect(() => readConfig({})).toThrow(/TAKO_AGENT_IMAGE/);
  });

  it.each([
    ['TAKO_DEFAULT_TIMEOUT', 'soon', 'expected a duration such as 30s'],
    ['TAKO_GIT_SCHEMES', 'https,ftp', 'expected https, http, ssh, file, got "ftp"'],
    ['TAKO_GATEWAY_PORT', '99999', 'TAKO_GATEWAY_PORT'],
    ['TAKO_LEADER_ELECTION', 'yes', 'TAKO_LEADER_ELECTION'],
    ['TAKO_RUN_WORKERS', '0', 'TAKO_RUN_WORKERS'],
    ['TAKO_API_QPS', 'many', 'TAKO_API_QPS: expected a number from 1 to 10000, got "many"'],
    ['TAKO_CONCURRENCY', 'x', 'TAKO_CONCURRENCY: expected a whole number from 0 to 1000000, got "x"'],
    ['TAKO_CONCURRENCY', '-1.5', 'TAKO_CONCURRENCY: expected a whole number from 0 to 1000000, got "-1.5"'],
    ['TAKO_WAITING_PODS_SHARE', '2', 'TAKO_WAITING_PODS_SHARE: expected a number from 0 to 1, got "2"'],
    ['TAKO_LOG_LEVEL', 'loud', 'TAKO_LOG_LEVEL: expected one of debug, info, warn, error, got "loud"'],
    ['TAKO_LOG_LEVEL', 'x'.repeat(99), `got "${'x'.repeat(40)}…"`],
    ['TAKO_AGENT_IMAGE', '', 'TAKO_AGENT_IMAGE: it is required, and not set'],
    [
      'TAKO_GIT_HOSTS',
      'github.com,nope/',
      'TAKO_GIT_HOSTS: expected host, host:port, host:*, *.domain or *, got "nope/"',
    ],
  ])('given %s=%s, then the message says what is wrong', (name, value, text) => {
    expect(() => readConfig({ ...image, [name]: value })).toThrow(text);
  });

  it('given a value that is wrong in several ways, then it is told once', () => {
    const read = () => readConfig({ ...image, TAKO_CONCURRENCY: '-1.5' });
    expect(read).toThrow(/settings: TAKO_CONCURRENCY: [^;]*$/);
  });

  it.each(['*', 'github.com', 'GitHub.com', '*.example.com:8443', 'localhost:*', '[::1]:22'])(
    'given the host pattern %s, then it is taken',
    pattern => {
      expect(readConfig({ ...image, TAKO_GIT_HOSTS: pattern }).TAKO_GIT_HOSTS).toEqual([pattern]);
    },
  );

  it.each(['https://github.com', 'github.com/acme', '*:22', 'git.*.com', 'git@github.com', 'host:99999', 'a..b'])(
    'given %s, which is no host pattern, then the operator does not start',
    pattern => {
      expect(() => readConfig({ ...image, TAKO_GIT_HOSTS: pattern })).toThrow(`got "${pattern}"`);
    },
  );

  it('given several that are wrong, then all are named at once', () => {
    expect(() => readConfig({ TAKO_HTTP_PORT: 'x', TAKO_LOG_LEVEL: 'loud' })).toThrow(
      /TAKO_AGENT_IMAGE.*TAKO_HTTP_PORT.*TAKO_LOG_LEVEL/,
    );
  });
});
