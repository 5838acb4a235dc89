import type { Group } from '../command.ts';
import { lsCommand } from './ls.ts';

/** What people do with the cached copies of repositories. */
export const cacheGroup: Group = {
  kind: 'group',
  name: 'cache',
  summary: 'Looks into the cached copies of repositories',
  members: [lsCommand],
};
