import path from 'node:path';
import type { HighWaterMark } from './compare.ts';

interface Position {
  readonly line: number;
  readonly column: number;
}
interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** One file of Istanbul's coverage-final.json, as far as it is read here. */
export interface FileCoverage {
  readonly path: string;
  readonly statementMap: Readonly<Record<string, Range>>;
  readonly s: Readonly<Record<string, number>>;
  readonly fnMap: Readonly<Record<string, { readonly name: string; readonly loc: Range }>>;
}

/** Line and function coverage from Istanbul's statements: a line ran when a statement that starts on it ran. */
export function readCoverage(files: Readonly<Record<string, FileCoverage>>, root: string): HighWaterMark {
  let lines = 0;
  let ran = 0;
  const functions: Record<string, number> = {};
  for (const file of Object.values(files)) {
    const hits = new Map<number, number>();
    for (const [id, { start }] of Object.entries(file.statementMap)) {
      hits.set(start.line, Math.max(hits.get(start.line) ?? 0, file.s[id] ?? 0));
    }
    lines += hits.size;
    ran += [...hits.values()].filter(count => count > 0).length;
    Object.assign(functions, functionCoverage(file, path.relative(root, file.path)));
  }
  return { total: percent(ran, lines), functions };
}

function functionCoverage(file: FileCoverage, name: string): Record<string, number> {
  const result: Record<string, number> = {};
  for (const fn of Object.values(file.fnMap)) {
    // Functions without a name cannot be followed from one version of a file to the next.
    if (fn.name === '' || fn.name.startsWith('(')) continue;
    const inside = Object.entries(file.statementMap).filter(([, range]) => contains(fn.loc, range));
    if (inside.length === 0) continue;
    const covered = inside.filter(([id]) => (file.s[id] ?? 0) > 0).length;
    const key = `${name} ${fn.name}`;
    result[key] = Math.max(result[key] ?? 0, percent(covered, inside.length));
  }
  return result;
}

function contains(outer: Range, inner: Range): boolean {
  return !before(inner.start, outer.start) && !before(outer.end, inner.end);
}

function before(a: Position, b: Position): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.round((part / whole) * 10_000) / 100;
}
