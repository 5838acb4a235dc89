import { fileURLToPath } from 'node:url';
import type { GoProgram } from './go.ts';

const folder = (name: string): string => fileURLToPath(new URL(`../go/${name}`, import.meta.url));

const KUBERNETES_VERSION = 'v1.34.4';

/** Kubernetes' components, kubectl and etcd in one binary. What the API server reports as its version is set here. */
export const kube: GoProgram = {
  name: 'kube',
  folder: folder('kube'),
  package: '.',
  variables: {
    'k8s.io/component-base/version.gitVersion': KUBERNETES_VERSION,
    'k8s.io/component-base/version.gitMajor': KUBERNETES_VERSION.slice(1).split('.')[0]!,
    'k8s.io/component-base/version.gitMinor': KUBERNETES_VERSION.split('.')[1]!,
  },
};

export const coreDns: GoProgram = { name: 'coredns', folder: folder('coredns'), package: '.' };

export const localPathProvisioner: GoProgram = {
  name: 'local-path-provisioner',
  folder: folder('local-path'),
  package: 'github.com/rancher/local-path-provisioner',
};

/** Plays nodes and Pods by Stages, without a kubelet. */
export const kwok: GoProgram = { name: 'kwok', folder: folder('kwok'), package: 'sigs.k8s.io/kwok/cmd/kwok' };

/** Kubernetes in Docker, for machines with Docker but without the kind command. */
export const kind: GoProgram = { name: 'kind', folder: folder('kind'), package: 'sigs.k8s.io/kind' };
