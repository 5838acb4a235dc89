import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { customResourceDefinition } from './crd.ts';
import { takoRepositoryKind, takoRunKind } from './kinds.ts';

/** The files of crds/ by name. A test compares them with what is committed. */
export function crdFiles(): Record<string, string> {
  const files: Record<string, string> = {};
  for (const kind of [takoRunKind, takoRepositoryKind]) {
    const yaml = stringify(customResourceDefinition(kind), { lineWidth: 0, aliasDuplicateObjects: false });
    files[`${kind.group}_${kind.plural}.yaml`] =
      `# Generated from src/api by \`npm run generate\`. Do not edit.\n${yaml}`;
  }
  return files;
}

if (import.meta.main) {
  const directory = path.join(import.meta.dirname, '../../crds');
  await mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries(crdFiles())) await writeFile(path.join(directory, name), text);
}
