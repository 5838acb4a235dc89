import { defineResource, type KubeObject } from '../kube/objects.ts';
import { type API_VERSION, GROUP, VERSION } from './meta.ts';
import type { TakoRepositorySpec, TakoRepositoryStatus } from './takorepository.ts';
import type { TakoRunSpec } from './takorun.ts';
import type { TakoRunStatus } from './takorun-status.ts';

export interface TakoRun extends KubeObject {
  apiVersion: typeof API_VERSION;
  kind: 'TakoRun';
  spec: TakoRunSpec;
  status?: TakoRunStatus;
}

export interface TakoRepository extends KubeObject {
  apiVersion: typeof API_VERSION;
  kind: 'TakoRepository';
  spec: TakoRepositorySpec;
  status?: TakoRepositoryStatus;
}

export const takoRuns = defineResource<TakoRun>({
  group: GROUP,
  version: VERSION,
  plural: 'takoruns',
  kind: 'TakoRun',
  namespaced: true,
});

export const takoRepositories = defineResource<TakoRepository>({
  group: GROUP,
  version: VERSION,
  plural: 'takorepositories',
  kind: 'TakoRepository',
  namespaced: true,
});
