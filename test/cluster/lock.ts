import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Runs `critical` while holding an exclusive lock on the file `path`, waiting for other processes as long as it takes.
 * The lock is flock(2)'s, held by a child whose stdin is ours: however this process ends, the kernel gives it back.
 * @param onWait called once when another process holds the lock.
 */
export async function withLock<T>(path: string, critical: () => Promise<T>, onWait?: () => void): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const holder = spawn('flock', ['--exclusive', '--no-fork', path, 'sh', '-c', 'echo locked; read -r _'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Out of the terminal's foreground group, so that Ctrl-C does not drop the lock before we have cleaned up.
    detached: true,
  });
  const exited = once(holder, 'close');
  const waiting = setTimeout(() => onWait?.(), 500);
  try {
    await Promise.race([
      once(holder.stdout, 'data'),
      exited.then(([code]) => Promise.reject(new Error(`flock ended with code ${code} before it had ${path}`))),
    ]);
    clearTimeout(waiting);
    return await critical();
  } finally {
    clearTimeout(waiting);
    holder.stdin.end();
    await exited.catch(() => {});
  }
}
