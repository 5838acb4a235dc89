import { API_VERSION } from '../../../api/meta.ts';
import type { TakoRepositorySpec, TakoRepositoryStatus } from '../../../api/takorepository.ts';
import type { LiveRepository } from '../../run/observed.ts';
import type { Finding } from '../finding.ts';

export interface RepositoryFields {
  name?: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  annotations?: Record<string, string>;
  spec?: Partial<TakoRepositorySpec>;
  status?: TakoRepositoryStatus;
}

/** A TakoRepository as it comes from the API server, with what a test does not care about filled in. */
export function aRepository({ spec, status, ...metadata }: RepositoryFields = {}): LiveRepository {
  const name = metadata.name ?? 'core-lib';
  return {
    apiVersion: API_VERSION,
    kind: 'TakoRepository',
    metadata: {
      name,
      namespace: 'team',
      uid: `uid-${name}`,
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { url: `https://git.example.com/acme/${name}.git`, path: 'tako.yml', interval: '5m', ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

export const COMMIT = 'c'.repeat(40);
export const NEW_COMMIT = 'd'.repeat(40);

/** What a look at a good repository finds. */
export function found(fields: Partial<Extract<Finding, { kind: 'found' }>> = {}): Finding {
  return {
    kind: 'found',
    slug: 'acme/core-lib',
    commit: COMMIT,
    ref: 'refs/heads/main',
    digest: 'e'.repeat(64),
    summary: { artifacts: ['default'], workflows: [{ name: 'release' }], subscriptions: [] },
    ...fields,
  };
}

/** What a look at a bad one finds. */
export function failed(fields: Partial<Extract<Finding, { kind: 'failed' }>> = {}): Finding {
  return { kind: 'failed', reason: 'InvalidConfig', message: 'tako.yml:1:1 it is broken', ...fields };
}
