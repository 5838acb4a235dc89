import { execFile } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { ProtocolError } from './errors.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;

/**
 * Makes FIFOs that only their owner can open. Node has no call for it, so this starts the program `mkfifo` once for all of them.
 *
 * @param directory where; must exist
 * @param names file names in it, none of which exists
 * @throws ProtocolError with mkfifo's own words
 */
export function makeFifos(directory: string, names: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile('mkfifo', ['-m', '0600', '--', ...names], { cwd: directory }, (error, _stdout, stderr) => {
    if (error === null) resolve();
    else reject(new ProtocolError(`cannot make FIFOs in ${directory}: ${stderr.trim() || error.message}`));
  });
  return promise;
}

/**
 * Opens the read end, as a socket and not as a file stream: reading a FIFO through a file stream would hold a thread of Node's pool
 * until somebody writes, and four of them stop every other file operation. Open it before any writer does: its `end` comes when
 * the last writer closes, never before the first one opened.
 */
export function openReadEnd(path: string): Socket {
  return new Socket({ fd: openFifo(path, O_RDONLY), readable: true, writable: false });
}

/** Opens the write end. Fails with ENXIO unless a reader, such as a {@link openKeeper keeper}, is there. A lost reader is EPIPE on write. */
export function openWriteEnd(path: string): Socket {
  return new Socket({ fd: openFifo(path, O_WRONLY), readable: false, writable: true });
}

/** Both ends of a FIFO, held so that others can open and leave it. */
export interface Keeper {
  /** Lets go; any number of calls. */
  close(): void;
}

/** Opens both ends. As long as it is held, the FIFO's readers see no end and its writers no EPIPE. */
export function openKeeper(path: string): Keeper {
  let fd: number | undefined = openFifo(path, O_RDWR);
  return {
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

/** Never waits for the other side, never follows a symbolic link, never opens anything but a FIFO. */
function openFifo(path: string, access: number): number {
  const fd = openSync(path, access | O_NONBLOCK | O_NOFOLLOW);
  if (!fstatSync(fd).isFIFO()) {
    closeSync(fd);
    throw new ProtocolError(`${path} is not a FIFO`);
  }
  return fd;
}
