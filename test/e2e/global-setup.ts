import { connect } from '../cluster/cluster.ts';
import { projectImage } from '../cluster/images/project.ts';
import { installOperator } from '../demo/install.ts';
import { SETTINGS } from './fixture/operator.ts';

/** Builds the image, brings it to the cluster of this test run and installs the operator from manifests/, once for all e2e tests. */
export default async function setup(): Promise<void> {
  const name = process.env.TAKO_TEST_CLUSTER;
  if (name === undefined) {
    throw new Error('e2e tests need a cluster with a kubelet: run them by `npm run test:e2e`, which starts one');
  }
  const cluster = await connect(name);
  const image = await projectImage(line => console.error(line));
  await cluster.loadImage(image.path);
  await installOperator(cluster, { image: image.reference, environment: SETTINGS });
  process.env.TAKO_TEST_IMAGE = image.reference;
}
