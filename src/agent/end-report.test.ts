import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startGateway } from '../gateway/testing/gateway-harness.ts';
import { type EndReportOptions, reportEnd } from './end-report.ts';
import { startTlsServer, tokenFile } from './testing/tls-server.ts';

const OK = { status: 200, body: {} };
/** What an agent may say: quotes, backslashes, line breaks in JSON, any script. */
const message = JSON.stringify({
  state: 'succeeded',
  outputs: { text: 'a "quoted" \\ line\nand another\t€ 😀 @file #no $(x)' },
});

function optionsFor(server: { url: string; ca: string }, changes: Partial<EndReportOptions> = {}): EndReportOptions {
  const state = mkdtempSync(path.join(tmpdir(), 'tako-state-'));
  onTestFinished(() => rmSync(state, { recursive: true }));
  return { url: server.url, ca: server.ca, tokenFile: tokenFile('token-1\n'), state, timeoutMs: 10_000, ...changes };
}

describe('the report of an end', () => {
  it('given a gateway, then it gets the message as it is, with token and version, and no file stays', async () => {
    const server = await startTlsServer();
    server.answers = [OK];
    const options = optionsFor(server);
    expect(await reportEnd({ message }, options)).toBe(true);
    expect(server.seen).toMatchObject([
      {
        method: 'POST',
        url: '/v1/end',
        headers: { authorization: 'Bearer token-1', 'tako-protocol': '1', 'content-type': 'application/json' },
        body: JSON.stringify({ message }),
      },
    ]);
    expect(readdirSync(options.state)).toEqual([]);
  });

  it('given the real gateway, then it tells who listens', async () => {
    const { port, certificates, issuer, ends } = await startGateway({ names: ['localhost'] });
    const server = { url: `https://localhost:${port}`, ca: certificates.ca };
    const token = await issuer.sign({ namespace: 'team', podUid: 'pod-1' });
    expect(await reportEnd({ message }, optionsFor(server, { tokenFile: tokenFile(token) }))).toBe(true);
    expect(ends).toMatchObject([{ pod: { namespace: 'team', uid: 'pod-1' }, message }]);
  });

  it.each([
    ['refuses', { status: 401, body: {} }],
    ['breaks the connection off', 'reset'],
  ] as const)('given a gateway that %s, then that is all right', async (_, answer) => {
    const server = await startTlsServer();
    server.answers = [answer];
    expect(await reportEnd({ message }, optionsFor(server))).toBe(false);
    expect(server.seen, 'it is told once').toHaveLength(1);
  });

  it('given a gateway that does not answer, then the agent does not wait for it for long', async () => {
    const server = await startTlsServer();
    server.answers = ['hang'];
    expect(await reportEnd({ message }, optionsFor(server, { timeoutMs: 300 }))).toBe(false);
  });

  it('given another authority, then nothing is sent', async () => {
    const [server, other] = [await startTlsServer(), await startTlsServer()];
    server.answers = [OK];
    expect(await reportEnd({ message }, optionsFor({ url: server.url, ca: other.ca }))).toBe(false);
    expect(server.seen).toEqual([]);
  });

  it('given curl, then token and message come to it by standard input, and it trusts nobody else', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'tako-curl-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const record = (name: string) => path.join(directory, name);
    const script = `#!/bin/sh\necho "$@" >${record('arguments')}\n/usr/bin/env >${record('environment')}\nexec /bin/cat >${record('input')}\n`;
    writeFileSync(record('curl'), script, { mode: 0o755 });
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('PATH', directory);
    vi.stubEnv('https_proxy', 'http://proxy.example.com');
    const options = optionsFor(
      { url: 'https://gateway.example.com:8443', ca: 'PEM' },
      { tokenFile: tokenFile('sesame') },
    );
    expect(await reportEnd({ message }, options)).toBe(true);
    const [given, environment, input] = ['arguments', 'environment', 'input'].map(name =>
      readFileSync(record(name), 'utf8'),
    ) as [string, string, string];
    expect(given).toBe('--disable --config -\n');
    expect(environment).not.toMatch(/sesame|proxy/i);
    expect(input).toContain('header = "authorization: Bearer sesame"');
    const [, trusted] = /^cacert = "(.*)\/ca\.pem"$/m.exec(input)!;
    expect(input).toContain(`capath = "${trusted}"`);
    expect(trusted?.startsWith(options.state)).toBe(true);
  });

  it('given a directory that cannot be used, then that is all right', async () => {
    const server = await startTlsServer();
    server.answers = [OK];
    expect(await reportEnd({ message }, optionsFor(server, { state: '/nowhere/state' }))).toBe(false);
    expect(server.seen).toEqual([]);
  });

  it('given no gateway, no token or no curl, then that is all right', async () => {
    const server = await startTlsServer();
    server.answers = [OK];
    expect(await reportEnd({ message }, optionsFor({ url: 'https://localhost:9', ca: server.ca }))).toBe(false);
    expect(await reportEnd({ message }, optionsFor(server, { tokenFile: '/nowhere/token' }))).toBe(false);
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('PATH', '/nowhere');
    expect(await reportEnd({ message }, optionsFor(server))).toBe(false);
    expect(server.seen).toEqual([]);
  });
});
