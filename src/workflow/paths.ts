const MAX_PATH = 4_096;
const ENCODED = /%(?:2f|5c|2e|00)/i;
const DRIVE = /^[A-Za-z]:/;

/**
 * Why a path may not be used below a directory (the repository or the workspace); undefined when it may.
 *
 * Refused: empty, absolute, `..` anywhere, NUL and other control characters, backslashes, drive letters, and
 * percent-encoded dots, separators and NULs, whether or not somebody would decode them. Symlinks are the reader's to
 * watch: this looks at the text only. Call it again once templates in the path are rendered.
 */
export function checkRelativePath(path: string): string | undefined {
  if (path === '') return 'expected a path, got ""';
  if (path.length > MAX_PATH) return `expected a path of at most ${MAX_PATH} characters, got ${path.length}`;
  const shown = JSON.stringify(path.slice(0, 80));
  if (/[\0-\x1f\x7f]/.test(path)) return `expected a path without control characters, got ${shown}`;
  if (path.includes('\\')) return `expected a path with /, not \\, got ${shown}`;
  if (ENCODED.test(path)) return `expected a path without percent-encoded dots or separators, got ${shown}`;
  if (path.startsWith('/') || DRIVE.test(path)) return `expected a path relative to the repository, got ${shown}`;
  if (path.split('/').includes('..')) return `expected a path that stays inside the repository (no ..), got ${shown}`;
  return undefined;
}

/** Where a step's volume may not be mounted, nor below: the container's own, and Tako's. */
const RESERVED_MOUNTS = ['/tako', '/workspace', '/proc', '/sys', '/dev'] as const;

/** Why a volume may not be mounted there; undefined when it may. */
export function checkMountPath(path: string): string | undefined {
  const shown = JSON.stringify(path.slice(0, 80));
  if (!path.startsWith('/') || path.length > MAX_PATH || /[\0-\x1f\x7f:\\]/.test(path)) {
    return `expected an absolute path, got ${shown}`;
  }
  const parts = path.split('/').filter(part => part !== '' && part !== '.');
  if (parts.includes('..')) return `expected an absolute path without .., got ${shown}`;
  if (parts.length === 0) return 'a volume cannot be mounted at /';
  const reserved = RESERVED_MOUNTS.find(mount => mount === `/${parts[0]}`);
  return reserved === undefined ? undefined : `a volume cannot be mounted at or below ${reserved}, got ${shown}`;
}
