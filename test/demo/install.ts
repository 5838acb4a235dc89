import { readFileSync } from 'node:fs';
import { parseAllDocuments, stringify } from 'yaml';
import { done, type Look, notYet, waitFor } from '../cluster/wait.ts';

/** The part of a cluster that installing needs. */
export interface Kubectl {
  kubectl(args: readonly string[], options?: { input?: string }): Promise<string>;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly template?: { readonly spec: { readonly containers: Container[] } } };
}
interface Container {
  image: string;
  env: { name: string; value?: string }[];
}

export interface InstallOptions {
  /** The operator's image, which the cluster has already. */
  readonly image: string;
  /** More settings, by variable. */
  readonly environment?: Readonly<Record<string, string>>;
}

const MANIFESTS = new URL('../../manifests', import.meta.url).pathname;

/** Installs the operator from manifests/, as `kubectl apply --server-side -k manifests` does, with this image and these settings. */
export async function installOperator(cluster: Kubectl, { image, environment = {} }: InstallOptions): Promise<void> {
  const documents = parseAllDocuments(await cluster.kubectl(['kustomize', MANIFESTS]));
  const manifests = documents.map(document => document.toJS() as Manifest);
  for (const { kind, spec } of manifests) {
    if (kind !== 'Deployment') continue;
    for (const container of spec?.template?.spec.containers ?? []) {
      container.image = image;
      for (const [name, value] of Object.entries({ TAKO_AGENT_IMAGE: image, ...environment })) {
        container.env = [...container.env.filter(variable => variable.name !== name), { name, value }];
      }
    }
  }
  await applyManifests(
    cluster,
    manifests.filter(({ kind }) => kind === 'CustomResourceDefinition'),
  );
  await waitFor('the two kinds to be served', () => established(cluster));
  await applyManifests(cluster, manifests);
  await cluster.kubectl(['--namespace=tako-system', 'rollout', 'status', 'deployment/tako-operator', '--timeout=120s']);
}

async function established(cluster: Kubectl): Promise<Look<undefined>> {
  const kinds = ['crd/takoruns.tako.dev', 'crd/takorepositories.tako.dev'];
  try {
    await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...kinds]);
    return done(undefined);
  } catch (error) {
    // What kubectl says of a CRD so new that it has no status yet.
    if (String(error).includes('status.conditions accessor error')) return notYet('they have no status yet');
    throw error;
  }
}

export async function applyManifests(cluster: Kubectl, manifests: readonly object[]): Promise<void> {
  const input = manifests.map(manifest => stringify(manifest, { aliasDuplicateObjects: false })).join('---\n');
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '--field-manager=tako-demo', '-f', '-'], {
    input,
  });
}

/** Where the demo's repositories and runs are. */
export const DEMO_NAMESPACE = 'tako-demo';

/** A namespace that enforces Pod Security `restricted`. */
export function restrictedNamespace(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  };
}

export interface GitServerOptions {
  readonly namespace: string;
  /** An image with node and git: the operator's own. */
  readonly image: string;
  /** gzipped tar of bare repositories. */
  readonly archive: Buffer;
}

const GIT_SERVER = new URL('../fixtures/git-server/git-server.mjs', import.meta.url);

/** A Git HTTP server in the cluster, at http://git-server.<namespace>.svc. The repositories travel in a ConfigMap. */
export function gitServerManifests({ namespace, image, archive }: GitServerOptions): object[] {
  const labels = { 'app.kubernetes.io/name': 'git-server' };
  const name = 'git-server';
  const metadata = { name, namespace, labels };
  const revision = archive.toString('base64').slice(-40);
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { 'git-server.mjs': readFileSync(GIT_SERVER, 'utf8') },
      binaryData: { 'repositories.tar.gz': archive.toString('base64') },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels, annotations: { 'tako.dev/content': revision } },
          spec: {
            enableServiceLinks: false,
            automountServiceAccountToken: false,
            terminationGracePeriodSeconds: 1,
            securityContext: { runAsNonRoot: true, fsGroup: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [
              {
                name,
                image,
                imagePullPolicy: 'IfNotPresent',
                command: [
                  'sh',
                  '-c',
                  'tar -xzf /seed/repositories.tar.gz -C /repositories && exec node /seed/git-server.mjs --root /repositories --port 8080',
                ],
                ports: [{ containerPort: 8080 }],
                readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
                securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
                resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '256Mi' } },
                volumeMounts: [
                  { name: 'seed', mountPath: '/seed', readOnly: true },
                  { name: 'repositories', mountPath: '/repositories' },
                  { name: 'tmp', mountPath: '/tmp' },
                ],
              },
            ],
            volumes: [
              { name: 'seed', configMap: { name } },
              { name: 'repositories', emptyDir: {} },
              { name: 'tmp', emptyDir: {} },
            ],
          },
        },
      },
    },
  ];
}
