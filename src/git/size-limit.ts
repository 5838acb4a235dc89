import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** How often a directory is measured, milliseconds. At 100 MB/s a fetch overshoots its bound by 25 MB. */
const INTERVAL_MS = 250;

export interface SizeWatch {
  /** Aborted once the directory's files together are larger than the bound. */
  readonly signal: AbortSignal;
  /** Ends the watch, measures a last time, and says whether the bound was passed. */
  stop(): Promise<boolean>;
}

/** Watches the size of the files of a directory (without those below it). git has no bound of its own for what a server sends. */
export function watchSize(directory: string, maxBytes: number, intervalMs = INTERVAL_MS): SizeWatch {
  const controller = new AbortController();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const next = () => {
    timer = setTimeout(() => {
      void sizeOf(directory).then(size => {
        if (stopped) return;
        if (size > maxBytes) controller.abort(new Error(`${directory} is larger than ${maxBytes} bytes`));
        else next();
      });
    }, intervalMs);
    timer.unref();
  };
  next();
  return {
    signal: controller.signal,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      return controller.signal.aborted || (await sizeOf(directory)) > maxBytes;
    },
  };
}

async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(
    names.map(name =>
      stat(path.join(directory, name)).then(
        file => file.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
