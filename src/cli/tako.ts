import { cacheGroup } from './cache/group.ts';
import type { Group } from './command.ts';

/** All commands. */
export const tako: Group = {
  kind: 'group',
  name: 'tako',
  summary: 'Looks after Tako in a Kubernetes cluster, with the rights of your kubeconfig.',
  members: [cacheGroup],
};
