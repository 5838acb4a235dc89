import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../command.ts';
import { BASE_IMAGE, ensureBaseImage } from './base.ts';
import { buildahScript, cachedArchive, type ImageArchive } from './buildah.ts';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

/** What the Dockerfile copies, and the Dockerfile itself. */
const INPUTS = ['Dockerfile', '.dockerignore', 'package.json', 'package-lock.json', 'build.mjs', 'src/**'];

/** $1: the project; $2: the image's reference; $3: the archive; the rest: volumes for the build. */
const BUILD = `
project=$1 reference=$2 archive=$3
shift 3
for volume; do set -- "$@" --volume "$volume"; shift; done
buildah bud --layers --pull-never "$@" --tag "$reference" "$project"
buildah push --quiet "$reference" "docker-archive:$archive:$reference"
# The layers of this build stay for the next one, those of earlier ones go.
buildah images --quiet --filter dangling=false --filter "before=$reference" --filter reference=tako.dev/tako |
  xargs --no-run-if-empty sh -c 'buildah rmi "$@"' sh
`;

/**
 * The project's image, built from its Dockerfile when anything that the Dockerfile copies has changed.
 * @returns a reference with a tag of its own for each content, so that applying it again replaces what runs.
 */
export async function projectImage(log: (line: string) => void): Promise<ImageArchive> {
  const key = await contentKey(PROJECT);
  const reference = `tako.dev/tako:${key}`;
  return cachedArchive({ name: 'tako', key, reference }, async archive => {
    await ensureBaseImage(log);
    log(`building ${reference} from the Dockerfile`);
    await buildahScript(BUILD, [PROJECT, reference, archive, ...(await npmVolumes())], log);
  });
}

/** 12 hex digits that change with any input of the image. */
export async function contentKey(project: string): Promise<string> {
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
 */
async function npmVolumes(): Promise<string[]> {
  const setting = async (name: string): Promise<string> => (await run(['npm', 'config', 'get', name], { cwd: PROJECT })).trim();
  const [cache, settings, certificates] = await Promise.all([setting('cache'), setting('userconfig'), setting('cafile')]);
  const volumes = [`${cache}:/root/.npm`, `${settings}:/root/.npmrc:ro`];
  const trusted = certificates !== 'null' ? certificates : process.env['NODE_EXTRA_CA_CERTS'];
  if (trusted) volumes.push(`${trusted}:/etc/ssl/certs/ca-certificates.crt:ro`);
  return volumes;
}
