import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { issueCertificates } from '../../gateway/certificates.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** What the server does with the next request; `hang` answers never, `reset` breaks the connection off. */
export type Answer = { status: number; body: unknown } | 'hang' | 'reset' | 'cut';

export interface TlsServer {
  readonly url: string;
  readonly ca: string;
  readonly seen: SeenRequest[];
  /** How many connections there were so far, also such that ended before a request. */
  connections(): number;
  /** Answers in their order; the last one is repeated. */
  answers: Answer[];
}

/** An HTTPS server on loopback with an authority of its own. Closed when the test ends. */
export async function startTlsServer(): Promise<TlsServer> {
  const certificates = await issueCertificates({ dnsNames: ['localhost'], now: new Date() });
  const seen: SeenRequest[] = [];
  let connections = 0;
  const result = { url: '', ca: certificates.ca, seen, connections: () => connections, answers: [] as Answer[] };
  const server = https.createServer({ key: certificates.key, cert: certificates.certificate }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') });
      const answer = result.answers.length > 1 ? result.answers.shift()! : result.answers[0];
      if (answer === undefined || answer === 'hang') return;
      if (answer === 'reset') return void request.socket.destroy();
      if (answer === 'cut') {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"run":');
        setImmediate(() => request.socket.destroy());
        return;
      }
      const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    });
  });
  server.on('connection', () => connections++);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  result.url = `https://localhost:${(server.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  });
  return result;
}

/** A file with a token, in a directory that is removed when the test ends. */
export function tokenFile(token: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'tako-token-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'token');
  writeFileSync(file, token);
  return file;
}
