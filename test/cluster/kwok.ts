import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Component } from './component.ts';
import { writeKubeconfig } from './control-plane.ts';
import type { Manifest } from './manifest.ts';
import type { Pki } from './pki.ts';

const CONFIGURATION = {
  apiVersion: 'config.kwok.x-k8s.io/v1alpha1',
  kind: 'KwokConfiguration',
  options: {
    // Of the addresses that it counts; Stages give all Pods the same.
    cidr: '10.0.0.1/16',
    manageNodesWithAnnotationSelector: 'kwok.x-k8s.io/node=fake',
    nodeLeaseDurationSeconds: 40,
    nodeLeaseParallelism: 4,
    nodePlayStageParallelism: 4,
    podPlayStageParallelism: 16,
  },
};

/** KWOK, which plays nodes and their Pods by `stages`. It is the cluster's administrator, as it stands for all kubelets. */
export async function kwok(
  directory: string,
  cluster: string,
  binary: string,
  stages: readonly Manifest[],
  pki: Pki,
): Promise<Component> {
  const config = join(directory, 'kwok.yaml');
  await writeFile(config, [CONFIGURATION, ...stages].map(document => stringify(document)).join('---\n'));
  const kubeconfig = await writeKubeconfig(directory, cluster, pki, 'admin');
  return { name: 'kwok', command: [binary, `--kubeconfig=${kubeconfig}`, `--config=${config}`] };
}
