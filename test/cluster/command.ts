import { spawn } from 'node:child_process';

export interface CommandOptions {
  /** Written to its stdin; without it stdin is empty. */
  input?: string | Buffer;
  cwd?: string;
  /** Added to this process' own environment. */
  env?: Record<string, string>;
  signal?: AbortSignal;
  /** Receives each line of stdout and stderr as it comes. */
  onLine?: (line: string) => void;
}

interface End {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A command that could not be started, ended with another code than 0, or was killed. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(command: readonly string[], end: End, stderr: string, stdout: string) {
    const how = end.code === null ? `was ended by ${end.signal}` : `ended with code ${end.code}`;
    // Some programs, as debootstrap does, tell on stdout why they fail.
    const said = stderr.trim() || stdout.trim();
    super(`\`${abbreviate(command)}\` ${how}${said && `:\n${lastLines(said, 20)}`}`);
    this.exitCode = end.code;
    this.stderr = stderr;
  }
}

/**
 * Where commands are looked for: as the caller does, then where Debian keeps what root needs (`su` leaves it out), and
 * where Go's own instructions put Go (`sudo` leaves it out).
 */
export const COMMAND_PATH = [process.env.PATH, '/usr/sbin', '/sbin', '/usr/local/go/bin'].filter(Boolean).join(':');

/** A command for people to read: a whole script or manifest among its arguments would hide what matters. */
function abbreviate(command: readonly string[]): string {
  return command.map(argument => (argument.includes('\n') ? '...' : argument)).join(' ');
}

/** The last `count` lines of a text, without the blanks at its end. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

/**
 * Runs a command to its end and returns its stdout.
 * @throws {CommandFailed} with the last lines of stderr.
 */
export function run([file, ...args]: readonly string[], options: CommandOptions = {}): Promise<string> {
  if (file === undefined) throw new Error('there is no command to run');
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: options.cwd,
      env: { ...process.env, PATH: COMMAND_PATH, ...options.env },
      signal: options.signal,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    if (options.onLine) for (const stream of [child.stdout, child.stderr]) onLines(stream, options.onLine);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(text(stdout));
      else reject(new CommandFailed([file, ...args], { code, signal }, text(stderr), text(stdout)));
    });
    // A command may end without reading its input; its exit code tells more than the EPIPE does.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input);
  });
}

const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString();

/** Calls back for each whole line of a stream, and for the rest at its end. */
function onLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream.on('end', () => rest && onLine(rest));
}
