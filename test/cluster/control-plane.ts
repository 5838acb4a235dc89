import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Component } from './component.ts';
import { kubeconfig } from './kubeconfig.ts';
import { API_SERVER, NODE_ADDRESS, SERVICE_RANGE } from './network.ts';
import type { CertificateName, Pki } from './pki.ts';

const ETCD = 'http://127.0.0.1:2379';
const ETCD_PEER = 'http://127.0.0.1:2380';

/** One line of JSON for each write that the API server answered. */
export const auditLogPath = (directory: string): string => join(directory, 'logs', 'audit.log');

/** Writes only, without bodies: enough to count who wrote what, and cheap. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] }, { level: 'None' }],
};

/** Writes the kubeconfig of one user and returns its path. */
export async function writeKubeconfig(
  directory: string,
  cluster: string,
  pki: Pki,
  user: CertificateName,
): Promise<string> {
  const path = join(directory, `${user}.kubeconfig`);
  await writeFile(path, kubeconfig(cluster, API_SERVER, pki.caPath, pki.credentials(user)), { mode: 0o600 });
  return path;
}

/** etcd, API server, controller manager and scheduler, with their files written below `directory`. */
export async function controlPlane(directory: string, cluster: string, kube: string, pki: Pki): Promise<Component[]> {
  const auditPolicy = join(directory, 'audit-policy.yaml');
  await mkdir(join(directory, 'logs'), { recursive: true });
  await writeFile(auditPolicy, stringify(AUDIT_POLICY));
  const controllerManager = await writeKubeconfig(directory, cluster, pki, 'kube-controller-manager');
  const scheduler = await writeKubeconfig(directory, cluster, pki, 'kube-scheduler');
  const server = pki.credentials('kube-apiserver');
  const kubeletClient = pki.credentials('kubelet-client');
  return [
    component(kube, 'etcd', {
      'data-dir': join(directory, 'etcd'),
      'listen-client-urls': ETCD,
      'advertise-client-urls': ETCD,
      'listen-peer-urls': ETCD_PEER,
      'initial-advertise-peer-urls': ETCD_PEER,
      'initial-cluster': `default=${ETCD_PEER}`,
      // A test cluster does not outlive a power cut, so it need not wait for the disk.
      'unsafe-no-fsync': true,
      'quota-backend-bytes': 4 * 1024 ** 3,
      'log-level': 'warn',
    }),
    component(kube, 'kube-apiserver', {
      'etcd-servers': ETCD,
      'advertise-address': NODE_ADDRESS,
      'secure-port': 6443,
      'tls-cert-file': server.certificatePath,
      'tls-private-key-file': server.keyPath,
      'client-ca-file': pki.caPath,
      'authorization-mode': 'Node,RBAC',
      'enable-admission-plugins': 'NodeRestriction',
      'allow-privileged': true,
      'service-cluster-ip-range': SERVICE_RANGE,
      'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
      'service-account-jwks-uri': 'https://kubernetes.default.svc.cluster.local/openid/v1/jwks',
      'service-account-key-file': pki.serviceAccountKeyPath,
      'service-account-signing-key-file': pki.serviceAccountKeyPath,
      'kubelet-preferred-address-types': 'InternalIP',
      'kubelet-certificate-authority': pki.caPath,
      'kubelet-client-certificate': kubeletClient.certificatePath,
      'kubelet-client-key': kubeletClient.keyPath,
      'audit-policy-file': auditPolicy,
      'audit-log-path': auditLogPath(directory),
      'audit-log-maxsize': 2000,
    }),
    component(kube, 'kube-controller-manager', {
      kubeconfig: controllerManager,
      'bind-address': '127.0.0.1',
      'root-ca-file': pki.caPath,
      'cluster-signing-cert-file': pki.caPath,
      'cluster-signing-key-file': pki.caKeyPath,
      'service-account-private-key-file': pki.serviceAccountKeyPath,
      'use-service-account-credentials': true,
      'leader-elect': false,
      // Made when it is not there, by default below /usr.
      'flex-volume-plugin-dir': join(directory, 'volume-plugins'),
      // The defaults (20 a second, 20 at once) would make Kubernetes the bottleneck of every measurement.
      'kube-api-qps': 300,
      'kube-api-burst': 600,
      'concurrent-gc-syncs': 40,
    }),
    component(kube, 'kube-scheduler', {
      kubeconfig: scheduler,
      'bind-address': '127.0.0.1',
      'leader-elect': false,
      'kube-api-qps': 500,
      'kube-api-burst': 1000,
    }),
  ];
}

/** A component of the multi-call binary, with its flags. */
export function component(kube: string, name: string, flags: Record<string, string | number | boolean>): Component {
  return { name, command: [kube, name, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)] };
}
