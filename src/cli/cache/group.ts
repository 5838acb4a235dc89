import type { Group } from '../command.ts';
import { lsCommand } from './ls.ts';
import { pruneCommand } from './prune.ts';
import { verifyCommand } from './verify.ts';

/** What people do with the caches of repositories. */
export const cacheGroup: Group = {
  kind: 'group',
  name: 'cache',
  summary: 'Shows, checks and prunes the cached copies of repositories',
  members: [lsCommand, verifyCommand, pruneCommand],
};
