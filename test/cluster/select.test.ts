import { describe, expect, test } from 'vitest';
import { selectCluster } from './select.ts';

const docker = async (): Promise<boolean> => true;
const noDocker = async (): Promise<boolean> => false;
const unasked = (): Promise<boolean> => Promise.reject(new Error('Docker was asked'));

describe('selectCluster', () => {
  test('given nothing, then kind where a Docker daemon answers, else the local one', async () => {
    expect(await selectCluster({}, docker)).toEqual({ kind: 'kind' });
    expect(await selectCluster({}, noDocker)).toEqual({ kind: 'local' });
    expect(await selectCluster({ TAKO_CLUSTER: '' }, noDocker)).toEqual({ kind: 'local' });
  });

  test('given a KUBECONFIG alone, then it is not touched', async () => {
    expect(await selectCluster({ KUBECONFIG: '/production' }, noDocker)).toEqual({ kind: 'local' });
  });

  test('given TAKO_CLUSTER=current, then the cluster of KUBECONFIG, or of the usual file', async () => {
    const current = await selectCluster({ TAKO_CLUSTER: 'current', KUBECONFIG: '/mine' }, unasked);
    expect(current).toEqual({ kind: 'current', kubeconfigPath: '/mine' });
    const usual = await selectCluster({ TAKO_CLUSTER: 'current' }, unasked);
    expect(usual).toEqual({ kind: 'current', kubeconfigPath: expect.stringMatching(/\/\.kube\/config$/) });
  });

  test('given TAKO_CLUSTER=local, then Docker is not even asked', async () => {
    expect(await selectCluster({ TAKO_CLUSTER: 'local' }, unasked)).toEqual({ kind: 'local' });
  });

  test('given TAKO_CLUSTER=kind without Docker, then it says what to do', async () => {
    expect(await selectCluster({ TAKO_CLUSTER: 'kind' }, docker)).toEqual({ kind: 'kind' });
    await expect(selectCluster({ TAKO_CLUSTER: 'kind' }, noDocker)).rejects.toThrow(/needs a Docker daemon/);
  });

  test('given another value, then it names the good ones', async () => {
    await expect(selectCluster({ TAKO_CLUSTER: 'minikube' }, unasked)).rejects.toThrow(
      /"minikube": use current .*kind or local/,
    );
  });
});
