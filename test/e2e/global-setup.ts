import { connect } from '../cluster/cluster.ts';
import { projectImage } from '../cluster/images/project.ts';
import { installOperator } from '../demo/install.ts';

/** Shorter than the defaults, so that a test of a failure does not wait for minutes. */
const SETTINGS = {
  TAKO_GIT_SCHEMES: 'https,ssh,http',
  TAKO_REPOSITORY_TIMEOUT: '5s',
  TAKO_START_TIMEOUT: '15s',
  TAKO_GIT_TIMEOUT: '5s',
  TAKO_LOG_LEVEL: 'debug',
};

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
