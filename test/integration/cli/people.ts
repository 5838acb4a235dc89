import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { run } from '../../../src/cli/run.ts';
import { recordedIo } from '../../../src/cli/testing/io.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { serviceAccounts } from '../../../src/kube/objects.ts';

/** What a command line gave. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `tako ARGUMENTS` with a kubeconfig. */
export async function takoWith(kubeconfig: string, ...args: string[]): Promise<Ended> {
  const io = recordedIo();
  const code = await run([...args, '--kubeconfig', kubeconfig], io);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}

/** A kubeconfig of a new service account, which has no rights yet, and the name of its user. Both go with the test. */
export async function accountIn(admin: KubeClient, namespace: string): Promise<{ kubeconfig: string; user: string }> {
  const name = `person-${randomBytes(4).toString('hex')}`;
  await admin.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } });
  const answer = await admin.raw(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
    method: 'POST',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  });
  const { token } = (answer as { status: { token: string } }).status;
  const config = parse(await readFile(process.env.TAKO_TEST_KUBECONFIG!, 'utf8')) as { users: { user: object }[] };
  for (const one of config.users) one.user = { token };
  const directory = await mkdtemp(path.join(tmpdir(), 'tako-cli-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const kubeconfig = path.join(directory, 'config');
  await writeFile(kubeconfig, stringify(config));
  return { kubeconfig, user: `system:serviceaccount:${namespace}:${name}` };
}
