import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cgroupMounts, cgroupName } from './cgroups.ts';
import { run } from './command.ts';
import { leaveNetwork } from './namespace.ts';
import { identify, type ProcessIdentity } from './process.ts';
import { readState } from './state.ts';

/** What a cluster could leave on a machine, each part as sorted lines to compare. */
export interface Snapshot {
  readonly mounts: readonly string[];
  readonly links: readonly string[];
  readonly routes: readonly string[];
  readonly networkNamespaces: readonly string[];
  readonly iptables: readonly string[];
  readonly cgroups: readonly string[];
  readonly sysctls: readonly string[];
}

/** These change by themselves, or with anything that any process does. */
const VOLATILE_SYSCTLS =
  /^\/proc\/sys\/(fs\/(dentry-state|file-nr|inode-|aio-nr|quota)|kernel\/(hung_task_detect_count|hung_task_warnings|ns_last_pid|random|pty\/nr|perf_event_max_sample_rate|tainted)|net\/netfilter\/nf_conntrack_count|vm\/stat_refresh)/;

/**
 * Looks at the machine itself, also when this process is in a cluster's network. Leaves out what belongs to other
 * clusters, so that these may come and go meanwhile.
 * @param cluster the one whose traces count.
 */
export async function snapshot(cluster: string): Promise<Snapshot> {
  const lines = async (...command: string[]): Promise<string[]> => sorted(await run([...leaveNetwork(), ...command]));
  return {
    mounts: sorted(readFileSync('/proc/self/mountinfo', 'utf8')).map(line => line.replace(/^\d+ \d+ /, '')),
    links: (await lines('ip', '-brief', 'link')).map(line => line.split(' ')[0]!),
    routes: await lines('ip', 'route', 'show', 'table', 'all'),
    networkNamespaces: await lines('ip', 'netns', 'list'),
    iptables: (await lines('iptables-save')).filter(line => !line.startsWith('#')).map(withoutCounters),
    // No walk: the cgroups of other clusters come and go meanwhile.
    cgroups: cgroupMounts()
      .map(mount => join(mount, cgroupName(cluster)))
      .filter(path => existsSync(path))
      .sort(),
    sysctls: await sysctls(),
  };
}

const withoutCounters = (line: string): string => line.replace(/\[\d+:\d+\]/, '');

/** Network sysctls are those of the network namespace of who reads them. */
async function sysctls(): Promise<string[]> {
  const read = `find /proc/sys -type f -readable ! -name stat_refresh -exec grep --no-messages --with-filename '' {} +`;
  const output = await run([...leaveNetwork(), 'sh', '-c', `${read} || true`]);
  return sorted(output).filter(line => !VOLATILE_SYSCTLS.test(line));
}

function sorted(text: string): string[] {
  return text.split('\n').filter(Boolean).sort();
}

/** What `after` has beyond or without `before`, by part; parts without a difference are left out. */
export function differences(before: Snapshot, after: Snapshot): Partial<Record<keyof Snapshot, string[]>> {
  const parts = Object.keys(before) as (keyof Snapshot)[];
  return Object.fromEntries(
    parts.flatMap(part => {
      const gone = before[part].filter(line => !after[part].includes(line)).map(line => `- ${line}`);
      const added = after[part].filter(line => !before[part].includes(line)).map(line => `+ ${line}`);
      return gone.length + added.length === 0 ? [] : [[part, [...gone, ...added]]];
    }),
  );
}

const NAMESPACES = ['pid', 'mnt', 'net'] as const;

/** The namespaces of a process, such as `net:[4026532281]`; none when it is gone. */
export function namespacesOf(pid: number): string[] {
  return NAMESPACES.flatMap(kind => {
    try {
      return [readlinkSync(`/proc/${pid}/ns/${kind}`)];
    } catch {
      return [];
    }
  });
}

/** The processes that are in any of these namespaces. */
export function processesIn(namespaces: readonly string[]): ProcessIdentity[] {
  return allProcesses().filter(({ pid }) => namespacesOf(pid).some(namespace => namespaces.includes(namespace)));
}

/** The processes that have `text` on their command line or in their environment. */
export function processesMentioning(text: string): ProcessIdentity[] {
  return allProcesses().filter(({ pid }) => (ofProcess(pid, 'cmdline') + ofProcess(pid, 'environ')).includes(text));
}

/** What the kernel says of a process in a file of /proc/PID; empty when it is gone. */
export function ofProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** All processes of the machine. */
export function allProcesses(): ProcessIdentity[] {
  const pids = readdirSync('/proc').filter(entry => /^\d+$/.test(entry));
  return pids.flatMap(pid => identify(Number(pid)) ?? []);
}

/**
 * The processes of a program in a cluster, or of a part of Kubernetes, which is one program; not those that wait for them.
 * @param directory of the cluster's state.
 */
export function pidsOf(directory: string, name: string): number[] {
  const [pidNamespace] = namespacesOf(readState(directory)!.init!.pid);
  return processesIn([pidNamespace!]).flatMap(({ pid }) => {
    const [program = '', component] = ofProcess(pid, 'cmdline').split('\0');
    return basename(program) === name || component === name ? [pid] : [];
  });
}
