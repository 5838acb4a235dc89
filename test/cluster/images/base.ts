import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Log } from '../log.ts';
import { buildahScript } from './buildah.ts';

/** What the Dockerfile builds on. */
export const BASE_IMAGE = 'docker.io/library/node:26-bookworm-slim';

const SUITE = 'bookworm';
/** The packages that Node.js needs beyond a minimal Debian, and certificates to reach npm's registry. */
const PACKAGES = 'ca-certificates,libatomic1';
const NPM = 'npm@11.19.1';

/** $1: the image's reference; $2: suite; $3: packages; $4: the node binary; $5: npm's package; $6: the key. */
const BUILD = `
if [ "$(buildah inspect --type image --format '{{index .OCIv1.Config.Labels "key"}}' "$1" 2>/dev/null)" = "$6" ]; then
  exit 0
fi
echo "making a stand-in for $1 with debootstrap"
container=$(buildah from scratch)
root=$(buildah mount "$container")
debootstrap --variant=minbase --include="$3" "$2" "$root"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
install "$4" "$root/usr/local/bin/node"
npm install --global --no-audit --no-fund --prefix "$root/usr/local" "$5"
buildah umount "$container" >/dev/null
buildah config --label "key=$6" --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
  --cmd '["node"]' "$container"
buildah commit --quiet --rm "$container" "$1" >/dev/null
`;

/** The node binary of the npm package `node`, which is the version that the image's base has. */
function nodeBinary(): string {
  const path = fileURLToPath(new URL('../../../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm ci\``);
  return path;
}

/**
 * Makes sure that buildah's store has the image that the Dockerfile builds on. It is made on this machine, of the same
 * Debian release and Node.js version as the real one, so that nothing is pulled from a registry of images.
 */
export async function ensureBaseImage(log: Log): Promise<string> {
  const node = nodeBinary();
  const hash = createHash('sha256');
  for (const input of [BUILD, SUITE, PACKAGES, NPM, readFileSync(node)]) hash.update(input).update('\0');
  const key = hash.digest('hex').slice(0, 16);
  // debootstrap tells of every package: only what the script itself says is of interest, unless it fails.
  await buildahScript(BUILD, [BASE_IMAGE, SUITE, PACKAGES, node, NPM, key], line => {
    if (line.startsWith('making ')) log(line);
  });
  return key;
}
