import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import type { Credentials } from './kubeconfig.ts';
import { KUBERNETES_SERVICE, NODE_ADDRESS, NODE_NAME } from './network.ts';

/** Days until the certificates end: longer than any cluster stands. */
const VALID_DAYS = '365';

/** A certificate by what Kubernetes reads from it: user (CN), groups (O), and the names that a server answers to. */
interface CertificateRequest {
  readonly user: string;
  readonly groups?: readonly string[];
  /** For a server's certificate, as in subjectAltName; without it the certificate is a client's. */
  readonly names?: readonly string[];
}

const requests = {
  'kube-apiserver': {
    user: 'kube-apiserver',
    names: [
      ...['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(name => `DNS:${name}`),
      'DNS:kubernetes.default.svc.cluster.local',
      'DNS:localhost',
      ...[KUBERNETES_SERVICE, NODE_ADDRESS, '127.0.0.1'].map(address => `IP:${address}`),
    ],
  },
  'kubelet-server': {
    user: `system:node:${NODE_NAME}`,
    groups: ['system:nodes'],
    names: [`DNS:${NODE_NAME}`, `IP:${NODE_ADDRESS}`],
  },
  'kubelet-client': { user: 'kube-apiserver-kubelet-client', groups: ['system:masters'] },
  admin: { user: 'admin', groups: ['system:masters'] },
  'kube-controller-manager': { user: 'system:kube-controller-manager' },
  'kube-scheduler': { user: 'system:kube-scheduler' },
  kubelet: { user: `system:node:${NODE_NAME}`, groups: ['system:nodes'] },
  'kube-proxy': { user: 'system:kube-proxy' },
  coredns: { user: 'tako-cluster:coredns' },
  'local-path-provisioner': { user: 'tako-cluster:local-path-provisioner' },
} as const satisfies Record<string, CertificateRequest>;

export type CertificateName = keyof typeof requests;

/** The files of a cluster's certificate authority and of what it signed. */
export interface Pki {
  readonly caPath: string;
  readonly caKeyPath: string;
  /** Signs the service accounts' tokens. */
  readonly serviceAccountKeyPath: string;
  credentials(name: CertificateName): Credentials;
}

/** Where `createPki` puts the files. */
function pkiFiles(directory: string): Pki {
  const file = (name: string): string => join(directory, 'pki', name);
  return {
    caPath: file('ca.crt'),
    caKeyPath: file('ca.key'),
    serviceAccountKeyPath: file('service-account.key'),
    credentials: name => ({ certificatePath: file(`${name}.crt`), keyPath: file(`${name}.key`) }),
  };
}

/** Makes a certificate authority and all certificates of a cluster below `directory`. */
export async function createPki(directory: string): Promise<Pki> {
  const pki = pkiFiles(directory);
  await mkdir(join(directory, 'pki'), { recursive: true, mode: 0o700 });
  const ca = ['-x509', '-subj', '/CN=tako-cluster-ca', '-keyout', pki.caKeyPath, '-out', pki.caPath];
  await Promise.all([
    run(['openssl', 'req', ...NEW_KEY, '-days', VALID_DAYS, ...ca]),
    // RSA, as most clusters have it: whoever verifies tokens meets what production has.
    run([
      'openssl',
      'genpkey',
      '-algorithm',
      'RSA',
      '-pkeyopt',
      'rsa_keygen_bits:2048',
      '-out',
      pki.serviceAccountKeyPath,
    ]),
  ]);
  const names = Object.keys(requests) as CertificateName[];
  await Promise.all(names.map((name, index) => sign(pki, pki.credentials(name), requests[name], index + 1)));
  return pki;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function sign(pki: Pki, to: Credentials, request: CertificateRequest, serial: number): Promise<void> {
  const signing = `${to.certificatePath}.request`;
  const extensions = `${to.certificatePath}.extensions`;
  await writeFile(extensions, extensionFile(request));
  await run(['openssl', 'req', ...NEW_KEY, '-subj', subject(request), '-keyout', to.keyPath, '-out', signing]);
  const ca = ['-CA', pki.caPath, '-CAkey', pki.caKeyPath, '-set_serial', String(serial)];
  const output = ['-days', VALID_DAYS, '-extfile', extensions, '-out', to.certificatePath];
  await run(['openssl', 'x509', '-req', '-in', signing, ...ca, ...output]);
  await Promise.all([rm(signing), rm(extensions)]);
}

/** openssl's spelling of a subject: groups first, then the user. */
function subject({ user, groups = [] }: CertificateRequest): string {
  return [...groups.map(group => `/O=${group}`), `/CN=${user}`].join('');
}

function extensionFile({ names }: CertificateRequest): string {
  return names ? `extendedKeyUsage=serverAuth\nsubjectAltName=${names.join(',')}\n` : 'extendedKeyUsage=clientAuth\n';
}
