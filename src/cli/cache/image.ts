import type { KubeClient } from '../../kube/client.ts';
import { undefinedWhen } from '../../kube/errors.ts';
import { defineResource, type KubeObject, type Pod } from '../../kube/objects.ts';
import { CliError } from '../exit.ts';

interface Deployment extends KubeObject {
  spec: { template: { spec: Pod['spec'] } };
}

const deployments = defineResource<Deployment>({
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
});

const NAME = 'tako-operator';
/** The setting with the image of agents; another than the operator's own where somebody mirrors images. */
const AGENT_IMAGE = 'TAKO_AGENT_IMAGE';

/** The image that agents run, as the operator's Deployment names it. Throws a CliError that says how to name it instead. */
export async function findImage(
  client: Pick<KubeClient, 'get'>,
  namespace: string,
  signal: AbortSignal,
): Promise<string> {
  const ref = { namespace, name: NAME };
  const deployment = await undefinedWhen(client.get(deployments, ref, { signal }), 'forbidden', 'notFound');
  const image = deployment && imageOf(deployment);
  if (image !== undefined) return image;
  throw new CliError(
    `the Deployment ${namespace}/${NAME}, which names Tako's image, is not there, or you may not read it: give the image with --image, or where the operator is with --operator-namespace. The image is in any Pod of a run: kubectl get pods -l app.kubernetes.io/name=tako-run -o jsonpath='{.items[0].spec.containers[0].image}'`,
  );
}

export function imageOf({ spec }: Pick<Deployment, 'spec'>): string | undefined {
  const { containers } = spec.template.spec;
  const setting = containers.flatMap(({ env = [] }) => env).find(({ name }) => name === AGENT_IMAGE);
  return setting?.value ?? containers.find(({ name }) => name === 'operator')?.image;
}
