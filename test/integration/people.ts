import { parseAllDocuments, stringify } from 'yaml';
import { createKubeClient, type KubeClient } from '../../src/kube/client.ts';
import { loadClusterConfig } from '../../src/kube/config.ts';
import { defineResource, type KubeObject } from '../../src/kube/objects.ts';
import { connect } from '../cluster/cluster.ts';
import { until } from '../fixtures/until.ts';

const RBAC = 'rbac.authorization.k8s.io';

interface RoleBinding extends KubeObject {
  roleRef: { apiGroup: string; kind: string; name: string };
  subjects: { kind: string; name: string; apiGroup: string }[];
}
const roleBindings = defineResource<RoleBinding>({
  group: RBAC,
  version: 'v1',
  plural: 'rolebindings',
  kind: 'RoleBinding',
  namespaced: true,
});

interface Role extends KubeObject {
  rules: { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[];
}
const roles = defineResource<Role>({ group: RBAC, version: 'v1', plural: 'roles', kind: 'Role', namespaced: true });

const POLICIES = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'];
const CLUSTER_WIDE = ['ClusterRole', 'ClusterRoleBinding', ...POLICIES];

/** Installs roles and policies from manifests/ as an installation does. A policy acts some moments later. */
export async function installPolicies(): Promise<void> {
  const cluster = await connect(process.env.TAKO_TEST_CLUSTER!);
  const built = parseAllDocuments(await cluster.kubectl(['kustomize', 'manifests'])).map(document => document.toJS());
  const wanted = built.filter(({ kind }) => CLUSTER_WIDE.includes(kind));
  for (const kind of CLUSTER_WIDE) {
    if (!wanted.some(object => object.kind === kind)) throw new Error(`manifests/ has no ${kind}`);
  }
  const input = wanted.map(object => stringify(object)).join('---\n');
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
}

/** A client that speaks as somebody else. */
export function clientAs(user: string): KubeClient {
  const config = loadClusterConfig({ kubeconfig: process.env.TAKO_TEST_KUBECONFIG });
  const authenticate = async () => ({ ...(await config.authenticate()), 'impersonate-user': user });
  return createKubeClient({ ...config, authenticate }, { qps: 1_000, burst: 1_000 });
}

/** Gives a role in a namespace to a user; it counts some moments later. */
export async function bindRole(
  admin: KubeClient,
  namespace: string,
  role: string,
  user: string,
  kind: 'ClusterRole' | 'Role' = 'ClusterRole',
): Promise<void> {
  await admin.create(roleBindings, {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { generateName: `${role}-`, namespace },
    roleRef: { apiGroup: RBAC, kind, name: role },
    subjects: [{ kind: 'User', apiGroup: RBAC, name: user }],
  });
}

/** A person with a role of the installation in a namespace, and with rights of her own; once `can` succeeds, she has them. */
export async function personIn(
  admin: KubeClient,
  namespace: string,
  role: string,
  can: (client: KubeClient) => Promise<unknown>,
  rules: Role['rules'] = [],
): Promise<KubeClient> {
  const user = `alice-${namespace}`;
  await bindRole(admin, namespace, role, user);
  if (rules.length > 0) {
    await admin.create(roles, {
      apiVersion: `${RBAC}/v1`,
      kind: 'Role',
      metadata: { name: 'extra', namespace },
      rules,
    });
    await bindRole(admin, namespace, 'extra', user, 'Role');
  }
  const client = clientAs(user);
  await until('rights of her own', () => isDone(can(client)));
  return client;
}

async function isDone(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch {
    return false;
  }
}

/** Whether a policy refuses a call. */
export async function isRefused(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return false;
  } catch (error) {
    return String(error).includes('ValidatingAdmissionPolicy');
  }
}
