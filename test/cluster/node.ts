import { coreDns, localPathProvisioner } from './build/binaries.ts';
import { goBinary } from './build/go.ts';
import type { Cluster } from './cluster.ts';
import type { Component } from './component.ts';
import { containerd, importImage } from './containerd.ts';
import { dns, dnsManifests } from './dns.ts';
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
  readonly cluster: Cluster;
  readonly kube: string;
  readonly pki: Pki;
  readonly parts: NodeParts;
  readonly start: (component: Component) => void;
  /** Retries a kubectl command until it succeeds; throws when a component ends meanwhile. */
  readonly eventually: (what: string, args: readonly string[], input?: string) => Promise<void>;
  /** Resolves when the API server answers. */
  readonly apiServer: Promise<void>;
}

/** Starts the node while the API server may still be starting, and waits until Pods can run on it. */
export async function startNode({
  cluster,
  kube,
  pki,
  parts,
  start,
  eventually,
  apiServer,
}: NodeContext): Promise<void> {
  const directory = cluster.stateDirectory;
  start(await containerd(directory));
  for (const image of parts.images) await importImage(directory, image.path);
  await apiServer;
  start(await kubelet(directory, cluster.name, kube, pki));
  start(await kubeProxy(directory, cluster.name, kube, pki));
  await eventually(
    'the cluster’s own objects to be applied',
    ['apply', '-f', '-'],
    list([...dnsManifests, ...volumeManifests]),
  );
  start(await dns(directory, cluster.name, parts.coreDns, pki));
  start(await volumes(directory, cluster.name, parts.localPathProvisioner, pki));
  await eventually('the node to register', ['get', 'node', NODE_NAME]);
  await eventually('the node to be Ready', ['wait', '--for=condition=Ready', `node/${NODE_NAME}`, '--timeout=30s']);
}
