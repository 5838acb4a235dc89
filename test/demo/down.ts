import { stopCluster } from '../cluster/cluster.ts';
import { selectCluster } from '../cluster/select.ts';
import { clusterName, demoTarget } from './cluster.ts';
import { DEMO_NAMESPACE } from './install.ts';

/** `npm run down`: removes what `npm start` made. A cluster that was there before stays, with the operator. */
const log = (line: string): void => console.error(line);

const { kind } = await selectCluster();
switch (kind) {
  case 'local': {
    const found = await stopCluster(clusterName(), log);
    log(found ? `cluster ${clusterName()} is down` : `there is no cluster ${clusterName()}`);
    break;
  }
  case 'kind':
    await (await demoTarget(log)).stop();
    break;
  case 'current': {
    const target = await demoTarget(log);
    await target.kubectl(['delete', 'namespace', DEMO_NAMESPACE, '--ignore-not-found']);
    log('the operator stays, and what it runs for others: kubectl delete -k manifests would remove it');
    await target.stop();
  }
}
