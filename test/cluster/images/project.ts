import { createHash } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../command.ts';
import type { Log } from '../log.ts';
import { BASE_IMAGE, ensureBaseImage } from './base.ts';
import { buildahScript, cachedArchive, type ImageArchive } from './buildah.ts';

const SYSTEM_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
/** The folder of the Dockerfile. */
export const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

/** What the Dockerfile copies, and the Dockerfile itself. */
const INPUTS = ['Dockerfile', '.dockerignore', 'package.json', 'package-lock.json', 'build.mjs', 'src/**'];

/** $1: the project; $2: the image's reference; $3: the archive; the rest: volumes for the build. */
const BUILD = `
project=$1 reference=$2 archive=$3
shift 3
for volume; do set -- "$@" --volume "$volume"; shift; done
buildah bud --layers --pull-never "$@" --tag "$reference" "$project"
buildah push --quiet "$reference" "docker-archive:$archive:$reference"
# The layers stay, for the next build, until there are many.
buildah images --format '{{.Name}}:{{.Tag}}' | grep '^tako.dev/tako:' | grep --invert-match --line-regexp "$reference" |
  while read -r old; do buildah rmi "$old"; done >/dev/null
[ "$(buildah images --all --quiet | wc -l)" -le 100 ] || buildah rmi --prune >/dev/null
`;

/**
 * The project's image, built from its Dockerfile when anything that the Dockerfile copies has changed.
 * @returns a reference with a tag of its own for each content, so that applying it again replaces what runs.
 */
export async function projectImage(log: Log): Promise<ImageArchive> {
  const key = await contentKey(PROJECT);
  const reference = `tako.dev/tako:${key}`;
  const build = async (archive: string): Promise<void> => {
    await ensureBaseImage(log);
    log(`building ${reference} from the Dockerfile`);
    const settings = `${archive}.npmrc`;
    try {
      await buildahScript(BUILD, [PROJECT, reference, archive, ...(await npmVolumes(settings))], line => {
        if (/\bSTEP \d/.test(line)) log(line);
      });
    } finally {
      await rm(settings, { force: true });
    }
  };
  return cachedArchive({ name: 'tako', key, reference }, build, log);
}

/** 12 hex digits that change with any input of the image. */
export async function contentKey(project: string): Promise<string> {
  // What .dockerignore leaves out as well.
  const files = globSync(INPUTS, { cwd: project, exclude: ['**/*.test.ts'] }).sort();
  const hash = createHash('sha256').update(BASE_IMAGE);
  for (const file of files) {
    const path = join(project, file);
    if (!(await stat(path)).isFile()) continue;
    const content = await readFile(path);
    hash.update(JSON.stringify([file, content.length])).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}

/**
 * Lets npm inside the build do as npm does outside: its cache, its settings (which may hold a registry and its token),
 * and the certificates it trusts. Mounted for the build only, so nothing of it is in the image.
 * @param settings where to write npm's settings; to be removed after the build.
 * @returns volumes, as `host:container`.
 */
async function npmVolumes(settings: string): Promise<string[]> {
  const setting = async (name: string): Promise<string> => (await run(['npm', 'config', 'get', name])).trim();
  const certificates = await setting('cafile').then(file => (file === 'null' ? process.env.NODE_EXTRA_CA_CERTS : file));
  const files = [await setting('globalconfig'), await setting('userconfig')].filter(existsSync);
  const lines = (await Promise.all(files.map(file => readFile(file, 'utf8')))).join('\n').split('\n');
  const kept = lines.filter(line => !/^\s*(cafile|cache)\s*=/.test(line));
  if (certificates) kept.push(`cafile=${SYSTEM_CERTIFICATES}`);
  await writeFile(settings, `${kept.join('\n')}\n`, { mode: 0o600 });
  return [
    `${await setting('cache')}:/root/.npm`,
    `${settings}:/root/.npmrc:ro`,
    ...(certificates ? [`${certificates}:${SYSTEM_CERTIFICATES}:ro`] : []),
  ];
}
