import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Component } from './component.ts';
import { writeKubeconfig } from './control-plane.ts';
import { BUSYBOX_IMAGE } from './images/names.ts';
import { grant, type Manifest } from './manifest.ts';
import type { Pki } from './pki.ts';

const NAMESPACE = 'local-path-storage';
const SCRIPTS = 'local-path-config';

/** The local-path provisioner: volumes of the default storage class are folders below `directory`. */
export async function volumes(directory: string, cluster: string, provisioner: string, pki: Pki): Promise<Component> {
  const home = join(directory, 'local-path');
  await mkdir(home, { recursive: true });
  const file = (name: string): string => join(home, name);
  const paths = [join(directory, 'volumes')];
  await writeFile(
    file('config.json'),
    JSON.stringify({ nodePathMap: [{ node: 'DEFAULT_PATH_FOR_NON_LISTED_NODES', paths }] }),
  );
  await writeFile(file('helper-pod.yaml'), stringify(HELPER_POD));
  const flags = {
    kubeconfig: await writeKubeconfig(directory, cluster, pki, 'local-path-provisioner'),
    config: file('config.json'),
    'helper-pod-file': file('helper-pod.yaml'),
    'helper-image': BUSYBOX_IMAGE,
    namespace: NAMESPACE,
    'configmap-name': SCRIPTS,
    'service-account-name': 'default',
  };
  return {
    name: 'local-path-provisioner',
    command: [provisioner, 'start', ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])],
  };
}

/** Makes and removes the folder of one volume. */
const HELPER_POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'helper-pod' },
  spec: {
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [{ name: 'helper-pod', image: BUSYBOX_IMAGE, imagePullPolicy: 'Never' }],
  },
};

/** What the provisioner may do, the scripts of its helper Pods, and the default storage class. */
export const volumeManifests: Manifest[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
  ...grant('tako-cluster:local-path-provisioner', [
    {
      apiGroups: [''],
      resources: ['nodes', 'persistentvolumeclaims', 'configmaps'],
      verbs: ['get', 'list', 'watch'],
    },
    {
      apiGroups: [''],
      resources: ['pods', 'persistentvolumes'],
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'update', 'delete'],
    },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get', 'list', 'watch'] },
  ]),
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: SCRIPTS, namespace: NAMESPACE },
    data: {
      setup: '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
      teardown: '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
    },
  },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'local-path', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'rancher.io/local-path',
    volumeBindingMode: 'WaitForFirstConsumer',
    reclaimPolicy: 'Delete',
  },
];
