import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One import or re-export in a file of src. */
export interface Import {
  /** The file that has it, from the project's root: `src/kube/client.ts`. */
  readonly from: string;
  /** What is imported: a file of src, or a package or module by its name, such as `node:fs`. */
  readonly to: string;
  /** Erased before the program runs. */
  readonly isType: boolean;
}

const ROOT = path.join(import.meta.dirname, '../..');
/** What tests alone use; it is no part of the program. */
const FOR_TESTS = /\.test\.ts$|\.conformance\.ts$|\/testing(\/|\.ts$)/;
const STATIC = /^(?:import|export)\s+(type\s+)?(?:[\w*{][^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Every import of the program's own files, tests left out. */
export function importsOfSource(): Import[] {
  return globSync('src/**/*.ts', { cwd: ROOT })
    .filter(file => !FOR_TESTS.test(file))
    .sort()
    .flatMap(file => importsOf(file, readFileSync(path.join(ROOT, file), 'utf8')));
}

/** The imports in a file's text. Comments that quote an import at the start of a line would count too: there are none. */
export function importsOf(file: string, text: string): Import[] {
  const resolve = (specifier: string) =>
    specifier.startsWith('.') ? path.join(path.dirname(file), specifier) : specifier;
  return [
    ...[...text.matchAll(STATIC)].map(([, type, specifier]) => ({
      from: file,
      to: resolve(specifier!),
      isType: type !== undefined,
    })),
    ...[...text.matchAll(DYNAMIC)].map(([, specifier]) => ({ from: file, to: resolve(specifier!), isType: false })),
  ];
}

/** The folder of src that a file is in, such as `kube`; undefined for a package or module. */
export function folderOf(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1];
}

/**
 * The files and modules that are loaded when one of `files` is, each with the way that leads to it. Types are erased and do not count.
 */
export function loadedBy(files: readonly string[], imports: readonly Import[]): Map<string, readonly string[]> {
  const byFile = Map.groupBy(
    imports.filter(({ isType }) => !isType),
    ({ from }) => from,
  );
  const ways = new Map<string, readonly string[]>(files.map(file => [file, [file]]));
  for (const [file, way] of ways) {
    for (const { to } of byFile.get(file) ?? []) if (!ways.has(to)) ways.set(to, [...way, to]);
  }
  return ways;
}
