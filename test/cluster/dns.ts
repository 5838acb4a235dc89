import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Component } from './component.ts';
import { writeKubeconfig } from './control-plane.ts';
import { grant, type Manifest } from './manifest.ts';
import { DNS_SERVICE, DOMAIN, NODE_ADDRESS } from './network.ts';
import type { Pki } from './pki.ts';

const READY_ADDRESS = `${NODE_ADDRESS}:8181`;
/** Answers when CoreDNS knows the Services. */
export const DNS_READY = `http://${READY_ADDRESS}/ready`;

/**
 * CoreDNS on the node's address, for Pods by the Service below and for every process in the cluster's network. Names
 * outside of the cluster do not exist, and the answer says so at once.
 */
export async function dns(directory: string, cluster: string, coreDns: string, pki: Pki): Promise<Component> {
  const corefile = join(directory, 'Corefile');
  const kubeconfig = await writeKubeconfig(directory, cluster, pki, 'coredns');
  await writeFile(
    corefile,
    `${DOMAIN} in-addr.arpa {
  bind ${NODE_ADDRESS}
  errors
  ready ${READY_ADDRESS}
  kubernetes ${DOMAIN} in-addr.arpa {
    kubeconfig ${kubeconfig}
    ttl 0
  }
}
. {
  bind ${NODE_ADDRESS}
  errors
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`,
  );
  return { name: 'coredns', command: [coreDns, '-conf', corefile] };
}

/** What CoreDNS may read, and the Service without a selector that leads from the usual address to it. */
export const dnsManifests: Manifest[] = [
  ...grant('tako-cluster:coredns', [
    { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ]),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: {
      clusterIP: DNS_SERVICE,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { 'kubernetes.io/service-name': 'kube-dns' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [NODE_ADDRESS], conditions: { ready: true } }],
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ],
  },
];
