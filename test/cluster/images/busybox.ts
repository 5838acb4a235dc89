import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Log } from '../log.ts';
import { buildahScript, cachedArchive, type ImageArchive } from './buildah.ts';
import { BUSYBOX_IMAGE, PAUSE_IMAGE } from './names.ts';

/** The static binary of Debian's package. */
const BUSYBOX = '/bin/busybox';

/** $1: the busybox binary; $2: the command, as JSON; $3: the image's reference; $4: the archive. */
const BUILD = `
container=$(buildah from scratch)
root=$(buildah mount "$container")
mkdir -p "$root/bin" "$root/etc" "$root/home" "$root/root" "$root/usr/bin" "$root/var"
mkdir -m 1777 "$root/tmp" "$root/var/tmp"
cp "$1" "$root/bin/busybox"
"$1" --list | while read -r applet; do
  [ "$applet" = busybox ] || ln "$root/bin/busybox" "$root/bin/$applet"
done
ln -s /bin/env "$root/usr/bin/env"
printf 'root:x:0:0:root:/root:/bin/sh\\nnobody:x:65534:65534:nobody:/home:/bin/false\\n' >"$root/etc/passwd"
printf 'root:x:0:\\nnobody:x:65534:\\n' >"$root/etc/group"
buildah umount "$container" >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd "$2" "$container"
buildah commit --quiet --rm "$container" "$3" >/dev/null
buildah push --quiet "$3" "docker-archive:$4:$3"
`;

/** The image that steps use when they ask for busybox, from Debian's static binary. */
export function busyboxImage(log: Log): Promise<ImageArchive> {
  return imageOfBusybox('busybox', BUSYBOX_IMAGE, ['sh'], log);
}

/** The image that keeps a Pod's namespaces: it sleeps. */
export function pauseImage(log: Log): Promise<ImageArchive> {
  return imageOfBusybox('pause', PAUSE_IMAGE, ['/bin/sleep', '2147483647'], log);
}

async function imageOfBusybox(
  name: string,
  reference: string,
  command: readonly string[],
  log: Log,
): Promise<ImageArchive> {
  const inputs = [BUILD, reference, ...command, await readFile(BUSYBOX)];
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(input).update('\0');
  const build = (path: string): Promise<void> =>
    buildahScript(BUILD, [BUSYBOX, JSON.stringify(command), reference, path], log);
  return cachedArchive({ name, reference, key: hash.digest('hex').slice(0, 16) }, build, log);
}
