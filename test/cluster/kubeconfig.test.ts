import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { kubeconfig } from './kubeconfig.ts';

test('given certificates, then a client reads from the kubeconfig alone where the cluster is and who it is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tako-kubeconfig-'));
  try {
    const file = async (name: string): Promise<string> => {
      await writeFile(join(folder, name), `the ${name}\n`);
      return join(folder, name);
    };
    const user = { certificatePath: await file('certificate'), keyPath: await file('key') };
    const text = kubeconfig('mine', 'https://198.18.0.1:6443', await file('authority'), user);

    const config = new KubeConfig();
    config.loadFromString(text);

    const encoded = (name: string): string => Buffer.from(`the ${name}\n`).toString('base64');
    expect(config.getCurrentContext()).toBe('mine');
    expect(config.getCurrentCluster()).toMatchObject({
      server: 'https://198.18.0.1:6443',
      caData: encoded('authority'),
    });
    expect(config.getCurrentUser()).toMatchObject({ certData: encoded('certificate'), keyData: encoded('key') });
    expect(text).not.toContain(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
});
