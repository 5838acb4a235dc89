import { posix } from 'node:path';
import type { StepContainer } from './container.ts';
import { describeOutcome, type ScriptOutcome } from './outcome.ts';
import { shellQuote } from './shell-quote.ts';

export interface ReadFileOptions {
  /** The workspace as the step's container sees it, an absolute path. */
  workspace: string;
  /** The file, below the workspace: relative to it, or absolute. */
  path: string;
  /** The largest file to read, in bytes. Default 65,536. */
  maxBytes?: number;
  /** Default 10,000 ms. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export type ReadFileResult =
  | { kind: 'read'; bytes: Buffer }
  /** The message is for a user and names the path. */
  | { kind: 'refused'; reason: ReadFileRefusal; message: string };

type ReadFileRefusal =
  | 'badPath'
  | 'missing'
  | 'outside'
  | 'directory'
  | 'fifo'
  | 'socket'
  | 'device'
  | 'unreadable'
  | 'tooLarge'
  | 'timedOut'
  /** The container could not run the script that reads. */
  | 'container';

const MAX_PATH_BYTES = 4_096;

/** What the script's exit codes mean, in words that follow the path. */
const REFUSALS: Readonly<Record<number, { reason: ReadFileRefusal; words: string }>> = {
  81: { reason: 'missing', words: 'does not exist' },
  82: { reason: 'outside', words: 'leads out of the workspace by a symbolic link' },
  83: { reason: 'directory', words: 'is a directory, not a file' },
  84: { reason: 'fifo', words: 'is a FIFO, not a regular file' },
  85: { reason: 'socket', words: 'is a socket, not a regular file' },
  86: { reason: 'device', words: 'is a device, not a regular file' },
  87: { reason: 'unreadable', words: "cannot be read: the step's user may not read it or enter its directory" },
  88: { reason: 'unreadable', words: 'is a symbolic link, and the image has no readlink to follow it' },
  90: { reason: 'container', words: 'cannot be read: the workspace is not there' },
  89: { reason: 'missing', words: 'is a symbolic link that leads back to itself' },
};

/**
 * Follows the path component by component with the shell's own `cd -P`, and the last one with readlink, and looks after each where
 * that has led. What it reads it writes to stdout, at most one byte too many. It runs with the step's rights, in the step's
 * container: a step that swaps the file in between can only show us what it could have written into it.
 */
const READ_SCRIPT = `
cd -P "$tako_root" >/dev/null 2>&1 || exit 90
tako_root=$(pwd -P)
tako_links=0
while :; do
  case $tako_path in
  /*) tako_dir=\${tako_path%/*}/ ;;
  */*) tako_dir=./\${tako_path%/*} ;;
  *) tako_dir=. ;;
  esac
  tako_name=\${tako_path##*/}
  if ! cd -P "$tako_dir" >/dev/null 2>&1; then
    [ -d "$tako_dir" ] && exit 87
    exit 81
  fi
  case $(pwd -P)/ in
  "$tako_root"/*) ;;
  *) exit 82 ;;
  esac
  [ -L "./$tako_name" ] || break
  tako_links=$((tako_links + 1))
  [ "$tako_links" -le 40 ] || exit 89
  tako_path=$(readlink "./$tako_name") || exit 88
done
[ "$tako_name" = .. ] && exit 82
[ -d "./$tako_name" ] && exit 83
[ -p "./$tako_name" ] && exit 84
[ -S "./$tako_name" ] && exit 85
[ -b "./$tako_name" ] && exit 86
[ -c "./$tako_name" ] && exit 86
[ -e "./$tako_name" ] || exit 81
[ -r "./$tako_name" ] || exit 87
dd bs="$tako_bytes" count=1 <"./$tako_name" 2>/dev/null
`;

/**
 * Reads a regular file that a step made, inside the step's container and with the step's rights. Symbolic links are followed as long
 * as they stay in the workspace. The image needs `dd` (POSIX; in coreutils, busybox and toybox). Never rejects.
 */
export async function readFileInContainer(
  container: Pick<StepContainer, 'name' | 'run'>,
  { workspace, path, maxBytes = 65_536, timeoutMs = 10_000, signal }: ReadFileOptions,
): Promise<ReadFileResult> {
  const relative = relativePath(workspace, path);
  if (typeof relative !== 'string') return refuse(path, relative.reason, relative.words);
  const prelude = [
    `tako_root=${shellQuote(workspace)}`,
    `tako_path=${shellQuote(relative)}`,
    `tako_bytes=${maxBytes + 1}`,
  ].join('\n');
  const outcome = await container.run(
    { prelude, body: READ_SCRIPT },
    { timeoutMs, graceMs: 0, log: false, capture: { stdoutBytes: maxBytes + 1 }, ...(signal && { signal }) },
  );
  return resultOf(outcome, { container: container.name, path, maxBytes, timeoutMs });
}

function resultOf(
  outcome: ScriptOutcome,
  { container, path, maxBytes, timeoutMs }: { container: string; path: string; maxBytes: number; timeoutMs: number },
): ReadFileResult {
  if (outcome.kind !== 'exited' || outcome.endedBy === 'stop') {
    return refuse(path, 'container', `cannot be read in container ${container}: ${describeOutcome(outcome)}`);
  }
  if (outcome.endedBy === 'timeout') {
    return refuse(path, 'timedOut', `could not be read within ${timeoutMs / 1000} s`);
  }
  if (outcome.code === 0) {
    const { bytes } = outcome.stdout;
    if (bytes.length > maxBytes)
      return refuse(path, 'tooLarge', `is larger than ${maxBytes} bytes, the most that is read`);
    return { kind: 'read', bytes };
  }
  const refusal = REFUSALS[outcome.code];
  if (refusal !== undefined) return refuse(path, refusal.reason, refusal.words);
  const why = outcome.code === 127 ? 'its image has no dd' : describeOutcome(outcome);
  return refuse(path, 'container', `cannot be read in container ${container}: ${why}`);
}

/** The path below the workspace, or why there is none. The components are looked at here, the links where they are. */
function relativePath(workspace: string, path: string): string | { reason: ReadFileRefusal; words: string } {
  if (path === '') return { reason: 'badPath', words: 'is empty: name a file' };
  if (path.includes('\0')) return { reason: 'badPath', words: 'contains a NUL character' };
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    return { reason: 'badPath', words: `is longer than ${MAX_PATH_BYTES} bytes` };
  }
  if (path.split('/').includes('..')) return { reason: 'outside', words: 'must not contain ".."' };
  if (!posix.isAbsolute(path)) return posix.normalize(path);
  const relative = posix.relative(workspace, path);
  return relative.startsWith('..') ? { reason: 'outside', words: `is not below the workspace ${workspace}` } : relative;
}

function refuse(path: string, reason: ReadFileRefusal, words: string): ReadFileResult {
  const shown = path.length > 200 ? `${path.slice(0, 200)}...` : path;
  return { kind: 'refused', reason, message: `${JSON.stringify(shown)} ${words}` };
}
