import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AgentEnd, PROTOCOL_HEADER, PROTOCOL_VERSION } from './contract.ts';

export interface EndReportOptions {
  /** The gateway: https://host:port. */
  readonly url: string;
  /** PEM of the only authority that is trusted. */
  readonly ca: string;
  /** File with the projected token. */
  readonly tokenFile: string;
  /** A directory that only the agent sees, for the authority's file. */
  readonly state: string;
  /** Default 1,000: the kubelet's report comes in any case, and is not much later. */
  readonly timeoutMs?: number;
}

/**
 * Tells the gateway the termination message as the agent ends, once. True when it was answered; false when it was not, which is no error. Never
 * rejects: the result stands by then.
 *
 * By curl, which takes 10 ms of CPU in a process of its own. What node:https has to load and to compile costs the agent 36 ms and 9 MiB, most runs
 * have no other use for it, and an agent that has evaluated an `if` would be above its 80 MiB then (docs/adr/0020-early-results.md).
 */
export async function reportEnd(end: AgentEnd, options: EndReportOptions): Promise<boolean> {
  const { state, timeoutMs = 1_000 } = options;
  let directory: string | undefined;
  try {
    directory = mkdtempSync(path.join(state, 'end-'));
    const input = configuration(end, directory, { ...options, timeoutMs });
    const child = spawn('curl', ['--disable', '--config', '-'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH },
      // A little more than curl gives itself.
      timeout: timeoutMs + 500,
      killSignal: 'SIGKILL',
    });
    // It may be gone before it has read all.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return code === 0;
  } catch {
    return false;
  } finally {
    remove(directory);
  }
}

/** It goes with the Pod in any case. */
function remove(directory: string | undefined): void {
  try {
    if (directory !== undefined) rmSync(directory, { recursive: true });
  } catch {
    // The result is written: nothing that comes after it may fail.
  }
}

/** On standard input, where no list of processes shows the token. https://curl.se/docs/manpage.html#-K */
function configuration(end: AgentEnd, directory: string, options: EndReportOptions & { timeoutMs: number }): string {
  const ca = path.join(directory, 'ca.pem');
  writeFileSync(ca, options.ca);
  const token = readFileSync(options.tokenFile, 'utf8').trim();
  const settings: [string, string?][] = [
    ['url', new URL('/v1/end', options.url).href],
    ['proto', '=https'],
    ['noproxy', '*'],
    ['tlsv1.3'],
    ['cacert', ca],
    // Otherwise it would trust the system's authorities besides.
    ['capath', directory],
    ['http1.1'],
    ['fail'],
    ['max-time', String(options.timeoutMs / 1_000)],
    ['header', `authorization: Bearer ${token}`],
    ['header', `${PROTOCOL_HEADER}: ${PROTOCOL_VERSION}`],
    ['header', 'content-type: application/json'],
    ['data-raw', JSON.stringify(end)],
  ];
  return settings.map(([name, value]) => (value === undefined ? name : `${name} = ${quoted(value)}`)).join('\n');
}

/** The only escapes that a quoted value needs: JSON has no line breaks, nor has anything else here. */
function quoted(value: string): string {
  return `"${value.replaceAll(/[\\"]/g, '\\$&')}"`;
}
