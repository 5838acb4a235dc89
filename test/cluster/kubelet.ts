import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { cgroupName } from './cgroups.ts';
import type { Component } from './component.ts';
import { containerdSocket } from './containerd.ts';
import { component, writeKubeconfig } from './control-plane.ts';
import { DNS_SERVICE, DOMAIN, NODE_ADDRESS, NODE_NAME, POD_RANGE } from './network.ts';
import type { Pki } from './pki.ts';

/** The kubelet, with its files below `directory`. */
export async function kubelet(directory: string, cluster: string, kube: string, pki: Pki): Promise<Component> {
  const root = join(directory, 'kubelet');
  await mkdir(root, { recursive: true });
  const config = join(root, 'config.yaml');
  // What Pods with dnsPolicy Default ask: there is no resolver but the cluster's own.
  await writeFile(join(root, 'resolv.conf'), `nameserver ${NODE_ADDRESS}\n`);
  await writeFile(config, stringify(kubeletConfiguration(directory, cluster, pki)));
  const kubeconfig = await writeKubeconfig(directory, cluster, pki, 'kubelet');
  return component(kube, 'kubelet', {
    config,
    kubeconfig,
    'root-dir': root,
    'hostname-override': NODE_NAME,
    'node-ip': NODE_ADDRESS,
  });
}

function kubeletConfiguration(directory: string, cluster: string, pki: Pki): object {
  const root = join(directory, 'kubelet');
  const server = pki.credentials('kubelet-server');
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroupName(cluster)}`,
    failCgroupV1: false,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    containerRuntimeEndpoint: `unix://${containerdSocket(directory)}`,
    volumePluginDir: join(directory, 'volume-plugins'),
    podLogsDir: join(directory, 'pod-logs'),
    resolvConf: join(root, 'resolv.conf'),
    clusterDNS: [DNS_SERVICE],
    clusterDomain: DOMAIN,
    tlsCertFile: server.certificatePath,
    tlsPrivateKeyFile: server.keyPath,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: pki.caPath } },
    authorization: { mode: 'Webhook' },
    // The disk is the developer's, and may well be nearly full.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    // No image can be pulled again, so none may be collected.
    imageGCHighThresholdPercent: 100,
    maxPods: 500,
    kubeAPIQPS: 200,
    kubeAPIBurst: 400,
    registryPullQPS: 0,
  };
}

/** kube-proxy, which makes the Services' addresses work by iptables rules of the cluster's network namespace. */
export async function kubeProxy(directory: string, cluster: string, kube: string, pki: Pki): Promise<Component> {
  const config = join(directory, 'kube-proxy.yaml');
  const kubeconfig = await writeKubeconfig(directory, cluster, pki, 'kube-proxy');
  await writeFile(
    config,
    stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      clientConnection: { kubeconfig },
      mode: 'iptables',
      clusterCIDR: POD_RANGE,
      hostnameOverride: NODE_NAME,
      healthzBindAddress: '127.0.0.1:10256',
      metricsBindAddress: '127.0.0.1:10249',
      // Zero leaves the machine's connection tracking as it is.
      conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    }),
  );
  return component(kube, 'kube-proxy', { config });
}
