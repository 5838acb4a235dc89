import { coreDns, localPathProvisioner } from './build/binaries.ts';
import { goBinary } from './build/go.ts';
import type { Component } from './component.ts';
import { containerd, containerdClient, importImage } from './containerd.ts';
import { DNS_READY, dns, dnsManifests } from './dns.ts';
import type { Eventually } from './eventually.ts';
import type { ImageArchive } from './images/buildah.ts';
import { busyboxImage, pauseImage } from './images/busybox.ts';
import { kubelet, kubeProxy } from './kubelet.ts';
import type { Log } from './log.ts';
import { list } from './manifest.ts';
import { NODE_NAME } from './network.ts';
import type { Pki } from './pki.ts';
import { volumeManifests, volumes } from './volumes.ts';

/** What a node needs that takes long to make; made before anything is started. */
export interface NodeParts {
  readonly coreDns: string;
  readonly localPathProvisioner: string;
  readonly images: readonly ImageArchive[];
}

export async function nodeParts(log: Log): Promise<NodeParts> {
  return {
    coreDns: await goBinary(coreDns, log),
    localPathProvisioner: await goBinary(localPathProvisioner, log),
    images: [await pauseImage(log), await busyboxImage(log)],
  };
}

export interface NodeContext {
  readonly directory: string;
  /** The cluster's name. */
  readonly cluster: string;
  readonly kube: string;
  readonly pki: Pki;
  readonly parts: NodeParts;
  readonly start: (component: Component) => void;
  readonly until: Eventually;
  readonly kubectl: (...args: string[]) => string[];
  /** Resolves when the API server answers. */
  readonly apiServer: Promise<void>;
}

/** Starts the node while the API server may still be starting, and waits until Pods can run on it. */
export async function startNode(context: NodeContext): Promise<void> {
  const { directory, cluster, kube, pki, parts, start, until, kubectl, apiServer } = context;
  start(await containerd(directory));
  await until('containerd to answer', 'containerd', containerdClient(directory, 'version'));
  for (const image of parts.images) await importImage(directory, image.path);
  await apiServer;
  start(await kubelet(directory, cluster, kube, pki));
  start(await kubeProxy(directory, cluster, kube, pki));
  const objects = list([...dnsManifests, ...volumeManifests]);
  await until("the cluster's own objects to be applied", 'kube-apiserver', kubectl('apply', '-f', '-'), objects);
  start(await dns(directory, cluster, parts.coreDns, pki));
  start(await volumes(directory, cluster, parts.localPathProvisioner, pki));
  await until('the node to register', 'kubelet', kubectl('get', 'node', NODE_NAME));
  const ready = kubectl('wait', '--for=condition=Ready', `node/${NODE_NAME}`, '--timeout=30s');
  await until('the node to be Ready', 'kubelet', ready);
  await until('CoreDNS to be ready', 'coredns', ['/bin/busybox', 'wget', '-q', '-O', '-', DNS_READY]);
}
