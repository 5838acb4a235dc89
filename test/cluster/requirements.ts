import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { COMMAND_PATH, run } from './command.ts';
import type { Log } from './log.ts';
import type { Mode } from './state.ts';

/** The oldest Go that builds the modules below `go/`. */
export const GO_VERSION = '1.24';

/** A Debian package, and what shows that it is there: a command, or a path. */
interface Package {
  readonly name: string;
  readonly proof: string;
}

const CONTROL_PLANE_PACKAGES: readonly Package[] = [
  { name: 'iproute2', proof: 'ip' },
  { name: 'openssl', proof: 'openssl' },
];

const NODE_PACKAGES: readonly Package[] = [
  { name: 'containerd', proof: 'containerd' },
  { name: 'runc', proof: 'runc' },
  { name: 'containernetworking-plugins', proof: '/usr/lib/cni/ptp' },
  { name: 'iptables', proof: 'iptables' },
  { name: 'conntrack', proof: 'conntrack' },
  { name: 'ca-certificates', proof: '/etc/ssl/certs/ca-certificates.crt' },
  // These make the images.
  { name: 'busybox-static', proof: '/bin/busybox' },
  { name: 'buildah', proof: 'buildah' },
  { name: 'debootstrap', proof: 'debootstrap' },
];

/** What the tests of the step protocol, of scripts and of Git run against. */
const TEST_PACKAGES: readonly Package[] = [
  { name: 'dash', proof: 'dash' },
  { name: 'bash', proof: 'bash' },
  { name: 'git', proof: 'git' },
  { name: 'curl', proof: 'curl' },
  { name: 'openssh-client', proof: 'ssh-keygen' },
  { name: 'openssh-server', proof: '/usr/sbin/sshd' },
];

/** What is wanted: a cluster of a mode, or all that `npm test` uses. */
export type Purpose = Mode | 'tests';

function packagesFor(purpose: Purpose): readonly Package[] {
  switch (purpose) {
    case 'control-plane':
      return CONTROL_PLANE_PACKAGES;
    case 'full':
      return [...CONTROL_PLANE_PACKAGES, ...NODE_PACKAGES];
    case 'tests':
      return [...CONTROL_PLANE_PACKAGES, ...NODE_PACKAGES, ...TEST_PACKAGES];
  }
}

/** What a machine is and has, as far as a cluster needs it. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly root: boolean;
  /** Whether packages can be installed as on Debian. */
  readonly debian: boolean;
  /** Go's version, such as `1.26.8`; undefined without Go. */
  readonly go: string | undefined;
  /** Whether a command is on PATH, or a path exists. */
  has(proof: string): boolean;
}

/** What is missing: packages that can be installed, and problems that only the user can solve. */
export interface Missing {
  readonly packages: readonly string[];
  readonly problems: readonly string[];
}

/** Compares a machine with what this purpose needs. */
export function missing(machine: Machine, purpose: Purpose): Missing {
  if (machine.platform !== 'linux') {
    return { packages: [], problems: [`it needs Linux, this is ${machine.platform}`] };
  }
  const needed = packagesFor(purpose);
  const packages = needed.filter(({ proof }) => !machine.has(proof)).map(({ name }) => name);
  const problems: string[] = [];
  if (!machine.root) problems.push('it needs root: it makes namespaces and mounts');
  if (machine.go === undefined) {
    problems.push(`it needs Go ${GO_VERSION} or newer to build Kubernetes: install it from https://go.dev/dl`);
  } else if (!isAtLeast(machine.go, GO_VERSION)) {
    problems.push(`it needs Go ${GO_VERSION} or newer, this is ${machine.go}: install it from https://go.dev/dl`);
  }
  if (!machine.debian && packages.length > 0) {
    problems.push(`it needs what Debian has as ${packages.join(', ')}: install it, this is not a Debian`);
  }
  return { packages, problems };
}

/** Compares versions by their numbers; `1.9` is older than `1.24`. */
function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string): number[] => text.split('.').map(part => Number.parseInt(part, 10) || 0);
  const [major = 0, minor = 0] = numbers(version);
  const [minimumMajor = 0, minimumMinor = 0] = numbers(minimum);
  return major > minimumMajor || (major === minimumMajor && minor >= minimumMinor);
}

/**
 * Makes sure that this machine can be used for this purpose: installs missing Debian packages, saying which.
 * @throws {Error} naming all that is missing, before anything is changed.
 */
export async function requireTools(purpose: Purpose, log: Log): Promise<void> {
  const found = missing(await thisMachine(), purpose);
  if (found.problems.length > 0) {
    throw new Error(['the local cluster cannot run here:', ...found.problems].join('\n  - '));
  }
  if (found.packages.length === 0) return;
  log(`installing Debian packages: ${found.packages.join(' ')}`);
  await install(found.packages);
  const still = missing(await thisMachine(), purpose).packages;
  if (still.length > 0)
    throw new Error(`after installing them, what these packages bring is still missing: ${still.join(', ')}`);
}

async function install(packages: readonly string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run(['apt-get', 'update'], { env });
  await run(['apt-get', 'install', '--yes', '--no-install-recommends', ...packages], { env });
}

async function thisMachine(): Promise<Machine> {
  const go = await run(['go', 'env', 'GOVERSION']).catch(() => undefined);
  return {
    platform: process.platform,
    root: process.getuid?.() === 0,
    debian: existsSync('/etc/debian_version') && isDebian(readFileSync('/etc/os-release', 'utf8')),
    go: go?.trim().replace(/^go/, ''),
    has: proof => (proof.startsWith('/') ? existsSync(proof) : isOnPath(proof)),
  };
}

/** Reads os-release(5): Debian itself, or a system like it. */
export function isDebian(osRelease: string): boolean {
  return /^ID(_LIKE)?=.*\bdebian\b/m.test(osRelease);
}

function isOnPath(command: string): boolean {
  return COMMAND_PATH.split(delimiter).some(folder => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
