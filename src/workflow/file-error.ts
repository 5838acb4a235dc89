import { formatKeyPath, type KeyPath } from './key-path.ts';

/** One thing that is wrong in a file, and where. */
export interface FileError {
  /** The file, as the caller named it. */
  path: string;
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 code units, as editors count. */
  column: number;
  /** `workflows.release.steps[2].if`; empty when the error is the whole file's. */
  keyPath: string;
  /** What was expected and what is there. */
  message: string;
}

/** A place in a file. Both from 1. */
export interface Position {
  line: number;
  column: number;
}

/** A finding before its place is known: checks speak of keys, the file's reader knows where they stand. */
export interface Finding {
  at: KeyPath;
  message: string;
}

/** A finding with its place. */
export interface Problem extends Finding {
  position: Position;
}

/** At most this many errors of one file are returned; a last one says how many were left out. */
export const MAX_FILE_ERRORS = 100;

/**
 * One line, the way compilers write it, so that editors and terminals make it a link:
 * `tako.yml:14:9 workflows.release.inputs.bump.default: expected one of major, minor, patch, got "huge"`.
 */
export function formatFileError(error: FileError): string {
  const where = `${error.path}:${error.line}:${error.column}`;
  return error.keyPath === '' ? `${where} ${error.message}` : `${where} ${error.keyPath}: ${error.message}`;
}

/** Sorts by position, drops repetitions, and bounds the number. */
export function toFileErrors(path: string, problems: readonly Problem[]): FileError[] {
  const sorted = problems
    .map(({ at, message, position }) => ({ path, ...position, keyPath: formatKeyPath(at), message }))
    .sort((a, b) => a.line - b.line || a.column - b.column);
  const seen = new Set<string>();
  const distinct = sorted.filter(error => {
    const text = formatFileError(error);
    return !seen.has(text) && seen.add(text);
  });
  if (distinct.length <= MAX_FILE_ERRORS) return distinct;
  const kept = distinct.slice(0, MAX_FILE_ERRORS);
  const last = kept.at(-1)!;
  kept.push({ ...last, keyPath: '', message: `and ${distinct.length - MAX_FILE_ERRORS} more errors` });
  return kept;
}
