import { join } from 'node:path';
import { withLock } from '../lock.ts';
import type { Log } from '../log.ts';
import { cacheDirectory } from '../paths.ts';

/** One build at a time, of whatever: two at once on a small machine are slower than one after the other. */
export function withBuildLock<T>(build: () => Promise<T>, log: Log): Promise<T> {
  const onWait = (): void => log('waiting for another process that builds');
  return withLock(join(cacheDirectory(), 'locks', 'build'), build, onWait);
}
