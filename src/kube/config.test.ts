import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ClusterConfigError, clusterConfigFrom, loadClusterConfig } from './config.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kube-config-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

interface Parts {
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown>;
  namespace?: string;
}

async function kubeconfig({ cluster = {}, user = {}, namespace }: Parts = {}): Promise<string> {
  const file = join(folder, 'config');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: 'https://server:6443/', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'first', context: { cluster: 'c', user: 'u', ...(namespace === undefined ? {} : { namespace }) } },
      { name: 'second', context: { cluster: 'c', user: 'u', namespace: 'other' } },
    ],
    'current-context': 'first',
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

describe('loadClusterConfig', () => {
  it('given KUBECONFIG, then that file is read', async () => {
    vi.stubEnv('KUBECONFIG', await kubeconfig({ namespace: 'mine' }));
    expect(loadClusterConfig()).toMatchObject({ server: 'https://server:6443', namespace: 'mine' });
  });

  it('given no namespace in the context, then it is default; given another context, then its own', async () => {
    const file = await kubeconfig();
    expect(loadClusterConfig({ kubeconfig: file }).namespace).toBe('default');
    expect(loadClusterConfig({ kubeconfig: file, context: 'second' }).namespace).toBe('other');
  });

  it('given a context that is not there, then the error names those that are', async () => {
    const file = await kubeconfig();
    expect(() => loadClusterConfig({ kubeconfig: file, context: 'third' })).toThrow(
      /no usable context "third"; it knows first, second/,
    );
  });

  it.each([
    ['is not there', undefined],
    ['is no YAML', '{{{'],
    ['has a cluster without a server', 'clusters: [{name: c, cluster: {}}]'],
  ])('given a file that %s, then the error names the file', async (_, content) => {
    const file = join(folder, 'broken');
    if (content !== undefined) await writeFile(file, content);
    expect(() => loadClusterConfig({ kubeconfig: file })).toThrow(ClusterConfigError);
    expect(() => loadClusterConfig({ kubeconfig: file })).toThrow(file);
  });

  it('given no configuration at all, then the error says what to set', () => {
    vi.stubEnv('KUBECONFIG', '');
    vi.stubEnv('HOME', folder);
    expect(() => loadClusterConfig()).toThrow(/no cluster is configured: set KUBECONFIG/);
  });

  it('given a proxy-url, then it is refused instead of ignored', async () => {
    const file = await kubeconfig({ cluster: { 'proxy-url': 'http://proxy:3128' } });
    expect(() => loadClusterConfig({ kubeconfig: file })).toThrow(/proxy-url, which is not supported/);
  });
});

describe('credentials', () => {
  it('given certificates and a token in the file, then connections and requests have them', async () => {
    const encode = (text: string): string => Buffer.from(text).toString('base64');
    const file = await kubeconfig({
      cluster: { 'certificate-authority-data': encode('CA'), 'tls-server-name': 'kubernetes' },
      user: { 'client-certificate-data': encode('CERT'), 'client-key-data': encode('KEY'), token: 'secret' },
    });
    const config = loadClusterConfig({ kubeconfig: file });
    expect(await config.tls()).toEqual({
      ca: Buffer.from('CA'),
      cert: Buffer.from('CERT'),
      key: Buffer.from('KEY'),
      servername: 'kubernetes',
    });
    expect(await config.authenticate()).toEqual({ authorization: 'Bearer secret' });
  });

  it('given certificate files that are rotated, then new connections have the new ones', async () => {
    const certificate = join(folder, 'tls.crt');
    await writeFile(certificate, 'OLD');
    const config = loadClusterConfig({ kubeconfig: await kubeconfig({ user: { 'client-certificate': certificate } }) });
    expect(await config.tls()).toMatchObject({ cert: Buffer.from('OLD') });
    await writeFile(certificate, 'NEW');
    expect(await config.tls()).toMatchObject({ cert: Buffer.from('NEW') });
  });

  it('given a user name and password, then requests have them', async () => {
    const config = loadClusterConfig({
      kubeconfig: await kubeconfig({ user: { username: 'me', password: 'secret' } }),
    });
    expect(await config.authenticate()).toEqual({
      authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
    });
  });

  it('given insecure-skip-tls-verify and impersonation, then they are kept', async () => {
    const file = await kubeconfig({ cluster: { 'insecure-skip-tls-verify': true }, user: { as: 'someone' } });
    const config = loadClusterConfig({ kubeconfig: file });
    expect(await config.tls()).toEqual({ rejectUnauthorized: false });
    expect(await config.authenticate()).toEqual({ 'impersonate-user': 'someone' });
  });

  it('given a plugin, when many requests start at once, then it runs once and its token is used', async () => {
    const runs = join(folder, 'runs');
    const credential = JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'fresh' },
    });
    const script = `echo run >> ${runs}; echo '${credential}'`;
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', script] };
    const config = loadClusterConfig({ kubeconfig: await kubeconfig({ user: { exec } }) });
    const headers = await Promise.all(Array.from({ length: 10 }, () => config.authenticate()));
    expect(headers.every(({ authorization }) => authorization === 'Bearer fresh')).toBe(true);
    const { readFile } = await import('node:fs/promises');
    expect(await readFile(runs, 'utf8')).toBe('run\n');
  });

  it('given a plugin that fails, then that is the error', async () => {
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', 'echo no ticket >&2; exit 1'],
    };
    const config = loadClusterConfig({ kubeconfig: await kubeconfig({ user: { exec } }) });
    await expect(config.authenticate()).rejects.toThrow('no ticket');
  });

  it('given a mounted token that is rotated, then requests have the new one after a minute, without its newline', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const tokenFile = join(folder, 'token');
      await writeFile(tokenFile, 'old\n');
      const kube = new KubeConfig();
      kube.loadFromClusterAndUser(
        { name: 'c', server: 'https://server', skipTLSVerify: false },
        { name: 'u', authProvider: { name: 'tokenFile', config: { tokenFile } } },
      );
      const config = clusterConfigFrom(kube);
      expect(await config.authenticate()).toEqual({ authorization: 'Bearer old' });
      await writeFile(tokenFile, 'new\n');
      vi.setSystemTime(Date.now() + 61_000);
      expect(await config.authenticate()).toEqual({ authorization: 'Bearer new' });
    } finally {
      vi.useRealTimers();
    }
  });

  it('given a server without TLS, then no credentials are sent to it', async () => {
    const file = await kubeconfig({ cluster: { server: 'http://127.0.0.1:8001' }, user: { token: 'secret' } });
    const config = loadClusterConfig({ kubeconfig: file });
    expect([await config.tls(), await config.authenticate()]).toEqual([{}, {}]);
  });
});
