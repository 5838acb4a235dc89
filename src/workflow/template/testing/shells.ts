import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The shells that a step's image may have as its sh. */
export interface Shell {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** The Debian package that has it. */
  readonly debian: string;
}
export const SHELLS: readonly Shell[] = [
  { name: 'dash', command: ['dash'], debian: 'dash' },
  { name: 'bash', command: ['bash', '--norc'], debian: 'bash' },
  { name: 'bash as sh', command: ['bash', '--posix', '--norc'], debian: 'bash' },
  { name: 'busybox sh', command: ['busybox', 'sh'], debian: 'busybox-static' },
];

/** What a script left behind. */
export interface ScriptRun {
  /** What `p` printed: the arguments of each call in turn. */
  readonly words: string[];
  readonly stderr: string;
}

/** A program that leaves a mark: hostile values try to run it. */
export const CANARY = 'canary';
const MARK = 'ran';

/** Defines `p`, which prints its arguments, each ended by NUL. */
const RUNNER = String.raw`
p() { for p_word in "$@"; do printf '%s\0' "$p_word"; done; }
cd "$1/work"
PATH=$1/bin
for file in "$1"/*.case; do
  [ -e "$file" ] || continue
  ( ulimit -t 2; . "$file" ) >"$file.out" 2>"$file.err" </dev/null
done
exit 0
`;

export interface RunScriptsOptions {
  /** The scripts themselves may leave files behind, and the shell may complain. Default false. */
  readonly messy?: boolean;
}

/**
 * Runs each script in a subshell of one shell, in a directory that holds only the file `some file`, and tells what `p` printed. Fails when
 * a hostile value was run.
 */
export function runScripts(shell: Shell, scripts: readonly string[], options: RunScriptsOptions = {}): ScriptRun[] {
  const { messy = false } = options;
  const directory = mkdtempSync(join(tmpdir(), 'tako-template-'));
  try {
    const work = join(directory, 'work');
    mkdirSync(work);
    writeFileSync(join(work, 'some file'), '');
    linkPrograms(join(directory, 'bin'));
    const caseFile = (index: number) => join(directory, `${String(index).padStart(4, '0')}.case`);
    for (const [index, script] of scripts.entries()) writeFileSync(caseFile(index), script);
    if (!isInstalled(shell)) throw new Error(`${shell.name} is not installed: apt-get install ${shell.debian}`);
    openToSandbox(directory);
    // coreutils' timeout ends the whole process group, whatever a script started.
    const command = ['--signal=KILL', '30', ...sandbox(), ...shell.command, '-c', RUNNER, 'runner', directory];
    const result = spawnSync('timeout', command, {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: '/nonexistent', LC_ALL: 'C.UTF-8' },
    });
    if (result.status !== 0 || (result.stderr !== '' && !messy)) {
      throw new Error(
        `${shell.name} ended with ${result.status ?? result.signal}: ${result.error?.message ?? ''}${result.stderr}`,
      );
    }
    const files = readdirSync(work);
    if (existsSync(join(directory, MARK)) || (!messy && files.join() !== 'some file'))
      throw new Error(`${shell.name}: a value was run, it left ${JSON.stringify(files)}`);
    return scripts.map((_, index) => {
      const output = `${caseFile(index)}.out`;
      if (!existsSync(output) && messy) return { words: [], stderr: '' };
      if (!existsSync(output)) throw new Error(`${shell.name} ended before script ${index}: ${result.stderr}`);
      return {
        words: readFileSync(output, 'utf8').split('\0').slice(0, -1),
        stderr: readFileSync(`${caseFile(index)}.err`, 'utf8'),
      };
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A user of nobody else's, so that its processes can be counted and limited. */
const SANDBOX_ID = 61_234;
/** More than the deepest pipeline of a test; a script that starts itself again and again is stopped here. */
const MAX_PROCESSES = 256;

/**
 * What the shell is started by. Scripts that were changed at random may start themselves without end: as root they run as a user with a
 * bounded number of processes, in a PID namespace that ends with the shell. Others are bound by the same number for all they run.
 */
function sandbox(): string[] {
  const limit = ['prlimit', `--nproc=${MAX_PROCESSES}`];
  if (process.getuid?.() !== 0) return limit;
  const user = ['setpriv', `--reuid=${SANDBOX_ID}`, `--regid=${SANDBOX_ID}`, '--clear-groups'];
  return ['unshare', '--pid', '--fork', '--kill-child', ...user, ...limit];
}

function openToSandbox(directory: string): void {
  if (process.getuid?.() !== 0) return;
  for (const entry of [directory, ...readdirSync(directory).map(name => join(directory, name))]) {
    chownSync(entry, SANDBOX_ID, SANDBOX_ID);
  }
  chownSync(join(directory, 'work', 'some file'), SANDBOX_ID, SANDBOX_ID);
}

/** All that the scripts can run: nothing that reaches out of their directory. */
const PROGRAMS: readonly string[] = ['bash', 'cat', 'env', 'find', 'sed', 'sh', 'tee', 'touch', 'true', 'xargs'];

function isInstalled(shell: Shell): boolean {
  return findProgram(shell.command[0]) !== undefined;
}

function findProgram(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(':');
  return folders.map(folder => join(folder, program)).find(file => statSync(file, { throwIfNoEntry: false })?.isFile());
}

function linkPrograms(directory: string): void {
  mkdirSync(directory);
  for (const program of PROGRAMS) {
    const found = findProgram(program);
    if (found !== undefined) symlinkSync(found, join(directory, program));
  }
  writeFileSync(join(directory, CANARY), `#!/bin/sh\n: >'${join(directory, '..', MARK)}'\n`, { mode: 0o755 });
}
