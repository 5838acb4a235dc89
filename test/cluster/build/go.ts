import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../command.ts';
import type { Log } from '../log.ts';
import { cacheDirectory } from '../paths.ts';
import { pruneOldest } from '../prune.ts';
import { withBuildLock } from './lock.ts';

/** A program that is built from Go modules. */
export interface GoProgram {
  readonly name: string;
  /** Holds go.mod, go.sum and, when `package` is `.`, the program's own Go files. */
  readonly folder: string;
  /** The main package: `.`, or the import path of one that go.mod requires. */
  readonly package: string;
  /** Package variables that the linker sets. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * The path of the program's binary, built first when the cache has none for these sources and this Go version.
 * @param log receives what is being built: Kubernetes takes minutes the first time.
 */
export async function goBinary(program: GoProgram, log: Log): Promise<string> {
  const version = (await run(['go', 'env', 'GOVERSION'], { cwd: program.folder })).trim();
  const key = buildKey(await sources(program.folder), linkerFlags(program), version);
  const folder = join(cacheDirectory(), 'bin', `${program.name}-${key}`);
  const binary = join(folder, program.name);
  if (existsSync(binary)) return binary;
  const buildOnce = async (): Promise<void> => {
    if (existsSync(binary)) return;
    log(`building ${program.name} with ${version}`);
    const started = performance.now();
    await build(program, folder);
    log(`built ${program.name} in ${Math.round((performance.now() - started) / 1000)} s`);
  };
  await withBuildLock(buildOnce, log);
  return binary;
}

/** Builds beside the final folder and renames, so that a binary in the cache is always a whole one. */
async function build(program: GoProgram, folder: string): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', linkerFlags(program)];
  await run(['go', 'build', ...flags, '-o', join(unfinished, program.name), program.package], {
    cwd: program.folder,
    env: { CGO_ENABLED: '0', GOWORK: 'off' },
  });
  await rename(unfinished, folder);
  await pruneOldest(join(folder, '..'), entry => entry.startsWith(`${program.name}-`), 2);
}

function linkerFlags({ variables = {} }: GoProgram): string {
  const sets = Object.entries(variables).map(([variable, value]) => `-X ${variable}=${value}`);
  return ['-s', '-w', ...sets].join(' ');
}

/** The files that make the binary, by name. */
async function sources(folder: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(folder)).filter(name => /^go\.(mod|sum)$|\.go$/.test(name)).sort();
  return new Map(await Promise.all(names.map(async name => [name, await readFile(join(folder, name))] as const)));
}

/** 16 hex digits that change with any file's name or content, the linker's flags, or the version of Go. */
export function buildKey(files: ReadonlyMap<string, Uint8Array>, flags: string, goVersion: string): string {
  const hash = createHash('sha256').update(JSON.stringify([flags, goVersion]));
  for (const [name, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, content.length])).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}
