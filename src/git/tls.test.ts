import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GitServer, startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import { createRepository } from '../../test/fixtures/git-server/repositories.mjs';
import { resolveRef } from './remote.ts';
import { type GitUrl, parseGitUrl } from './url.ts';

let root: string;
let server: GitServer;
let url: GitUrl;
let authority: string;

async function selfSigned(): Promise<{ key: string; cert: string }> {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=tako-test',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
  });
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    cert: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
}

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'tako-tls-'));
  await createRepository(path.join(root, 'acme/repo.git'), { commits: [{ files: { a: '1' } }] });
  const tls = await selfSigned();
  authority = tls.cert;
  server = await startGitServer({ root, tls, credentials: { username: 'robot', password: 'pw' } });
  url = parseGitUrl(`${server.url}/acme/repo.git`);
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true });
});

describe('a repository over https', () => {
  test('given a certificate that nobody vouches for, then the error names ca.crt and is not tried again', async () => {
    await expect(resolveRef(url, 'main')).rejects.toMatchObject({
      code: 'CertificateRejected',
      class: 'auth',
      message: expect.stringContaining('ca.crt'),
    });
    expect(server.requests).toEqual([]);
  });

  test('given the authority in the credentials, then it is trusted', async () => {
    const values = { username: 'robot', password: 'pw', 'ca.crt': authority };

    await expect(resolveRef(url, 'main', { credentials: { values } })).resolves.toHaveProperty('commit');
  });

  test('given the authority alone, then the server is trusted but refuses access', async () => {
    await expect(resolveRef(url, 'main', { credentials: { values: { 'ca.crt': authority } } })).rejects.toMatchObject({
      code: 'AuthenticationFailed',
    });
  });
});
