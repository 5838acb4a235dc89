import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { done, notYet, waitFor } from './wait.ts';

/** The cgroup under which a cluster's kubelet puts its Pods; two kubelets with a common one end each other's Pods. */
export const cgroupName = (cluster: string): string => `tako-cluster-${cluster}`;

/** Where the cgroup hierarchies are mounted: one for v2, one for each controller of v1, both on a hybrid machine. */
export function cgroupMounts(mountInfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): string[] {
  return mountInfo.split('\n').flatMap(line => {
    const [mount, device] = line.split(' - ');
    const mountPoint = mount?.split(' ')[4];
    return mountPoint && /^cgroup2? /.test(device ?? '') ? [mountPoint] : [];
  });
}

/** Makes the cluster's cgroup in every hierarchy: the kubelet refuses a root that does not exist. */
export function createCgroups(cluster: string): void {
  for (const mount of cgroupMounts()) mkdirSync(join(mount, cgroupName(cluster)), { recursive: true });
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
