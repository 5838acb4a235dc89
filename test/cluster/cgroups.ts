import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { done, notYet, waitFor } from './wait.ts';

/** The cgroup under which a cluster's kubelet puts its Pods; two kubelets with a common one end each other's Pods. */
export const cgroupName = (cluster: string): string => `tako-cluster-${cluster}`;
/** The part of it in which the cluster's daemons are. */
const DAEMONS = 'system';

/** What the kernel gives a cgroup by default, and at most, in v1 and in v2. */
const CPU_TIME = {
  1: { file: 'cpu.shares', one: 1_024, most: 262_144 },
  2: { file: 'cpu.weight', one: 100, most: 10_000 },
};

interface Hierarchy {
  readonly version: 1 | 2;
  readonly path: string;
  readonly controllers: readonly string[];
}

/** The cgroup hierarchies: one for v2, one for each controller of v1, both on a hybrid machine. */
function hierarchies(mountInfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): Hierarchy[] {
  return mountInfo.split('\n').flatMap((line): Hierarchy[] => {
    const [mount, device] = line.split(' - ');
    const path = mount?.split(' ')[4];
    const [type, , options = ''] = device?.split(' ') ?? [];
    if (!path || (type !== 'cgroup' && type !== 'cgroup2')) return [];
    return [{ version: type === 'cgroup' ? 1 : 2, path, controllers: options.split(',') }];
  });
}

/** Where the cgroup hierarchies are mounted. */
export function cgroupMounts(mountInfo?: string): string[] {
  return hierarchies(mountInfo).map(({ path }) => path);
}

/** The hierarchy that shares out CPU time; undefined where there is none. */
export function cpuHierarchy(mountInfo?: string): Hierarchy | undefined {
  const all = hierarchies(mountInfo);
  return (
    all.find(({ version, controllers }) => version === 1 && controllers.includes('cpu')) ??
    all.find(({ version }) => version === 2)
  );
}

/**
 * Makes the cluster's cgroup in every hierarchy: the kubelet refuses a root that does not exist. Beside the Pods' own (`kubepods`) it
 * has one for the cluster's daemons, as a node of systemd's has `system.slice`.
 */
export function createCgroups(cluster: string): void {
  for (const mount of cgroupMounts()) mkdirSync(join(mount, cgroupName(cluster)), { recursive: true });
  const cpu = cpuHierarchy();
  if (!cpu) return;
  const root = join(cpu.path, cgroupName(cluster));
  mkdirSync(join(root, DAEMONS), { recursive: true });
  // As much as a whole machine's: what its daemons have, and its Pods, to whom the kubelet gives as much for each CPU.
  const { file, one, most } = CPU_TIME[cpu.version];
  const all = Math.min(one * (1 + availableParallelism()), most);
  // v2 has the file only where the machine hands this controller down.
  if (existsSync(join(root, file))) writeFileSync(join(root, file), String(all));
}

/**
 * The command line in front of a command that makes it one of the cluster's daemons. Outside of such a cgroup each of a daemon's threads would
 * weigh as much as all Pods of the cluster together, which get nothing on a busy machine; on a real node daemons are held together.
 */
export function amongDaemons(cluster: string): string[] {
  const cpu = cpuHierarchy();
  if (!cpu) return [];
  return ['sh', '-c', 'echo 0 >"$0" && exec "$@"', join(cpu.path, cgroupName(cluster), DAEMONS, 'cgroup.procs')];
}

/** Removes the cluster's cgroup and all below it from every hierarchy; its processes must be gone. */
export async function removeCgroups(cluster: string): Promise<void> {
  for (const mount of cgroupMounts()) {
    const root = join(mount, cgroupName(cluster));
    // The kernel lets go of a cgroup a moment after its last process.
    await waitFor(`the cgroup ${root} to be empty`, () => {
      try {
        removeTree(root);
        return done(undefined);
      } catch (error) {
        return notYet(String(error));
      }
    });
  }
}

/** A cgroup's files cannot be removed, only its folder, from the leaves up. */
function removeTree(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(path, entry.name));
  }
  rmdirSync(path);
}
