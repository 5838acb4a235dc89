import { buildFile } from './build/file.ts';
import { createReader } from './build/reader.ts';
import { type CheckExpression, checkExpressions } from './checks/expressions.ts';
import { checkReferences } from './checks/references.ts';
import { checkSteps } from './checks/steps.ts';
import { checkSubscriptions } from './checks/subscriptions.ts';
import { checkTemplates } from './checks/templates.ts';
import { type FileError, formatFileError, toFileErrors } from './file-error.ts';
import type { TakoFile } from './types.ts';
import { readYaml } from './yaml/read.ts';

export type ParseResult =
  | {
      ok: true;
      file: TakoFile;
      /** Lines in the form of errors: what was ignored, or is legal and looks like a mistake. */
      notes: string[];
    }
  | { ok: false; errors: FileError[] };

export interface ParseOptions {
  /** The file's name in messages. Default `tako.yml`. */
  path?: string;
  /**
   * Compiles filters and conditions; `checkCel` is meant. Default: they are not checked. It is a parameter because the
   * CEL library takes 26 MiB of memory, which the agent, who reads a file that the operator has checked already, does
   * not want to spend.
   */
  checkExpression?: CheckExpression;
}

/**
 * Reads a tako.yml in either spelling. All errors of the file come at once, sorted by place, at most `MAX_FILE_ERRORS`
 * of them. Never throws, whatever the text; bounds: `MAX_FILE_BYTES`, `MAX_VALUES`, `MAX_DEPTH`.
 */
export function parseTakoFile(text: string | Uint8Array, options: ParseOptions = {}): ParseResult {
  const { path = 'tako.yml', checkExpression } = options;
  const yaml = readYaml(text);
  if (!yaml.ok) return { ok: false, errors: toFileErrors(path, yaml.problems) };

  const reader = createReader();
  const draft = buildFile(reader, yaml.value);
  if (draft !== undefined) {
    checkSubscriptions(reader, draft);
    for (const workflow of draft.workflows) {
      checkSteps(reader, workflow, draft.artifactNames);
      checkReferences(reader, workflow);
    }
    checkTemplates(reader, draft);
    if (checkExpression !== undefined) checkExpressions(reader, draft, checkExpression);
  }

  const errors = toFileErrors(path, [...yaml.problems, ...reader.findings.map(yaml.locate)]);
  if (errors.length > 0 || draft === undefined) return { ok: false, errors };
  return { ok: true, file: draft.file, notes: toFileErrors(path, reader.notes.map(yaml.locate)).map(formatFileError) };
}
