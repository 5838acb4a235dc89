import { checkRelativePath } from '../workflow/paths.ts';
import type { OutputSource, RunStep } from '../workflow/types.ts';
import type { Captured } from './protocol/capture.ts';
import type { StepContainer } from './protocol/container.ts';
import type { ScriptOutcome } from './protocol/outcome.ts';
import { readFileInContainer } from './protocol/read-file.ts';
import { shellQuote } from './protocol/shell-quote.ts';

/** Longest value of one output, bytes. */
const MAX_OUTPUT_BYTES = 64 * 1024;
/** What to capture of a stream for an output, bytes: with one more than an output may have, a longer one is noticed. */
export const CAPTURE_BYTES = MAX_OUTPUT_BYTES + 1;

const WRITE_IT =
  ' when the script has ended: let the step write it, or correct from_file; paths count from the workspace';

export type StepOutputs = Record<string, string>;

type Rendered =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly error: { readonly message: string } };

export interface CollectOptions {
  readonly step: RunStep;
  readonly outcome: Extract<ScriptOutcome, { kind: 'exited' }>;
  readonly container: Pick<StepContainer, 'name' | 'run'>;
  /** The workspace as the step's container sees it. */
  readonly workspace: string;
  readonly signal: AbortSignal;
  /** Renders a template that may name the outputs collected so far. */
  readonly render: (text: string, own: StepOutputs) => Rendered;
}

export type Collected =
  | { readonly ok: true; readonly outputs: StepOutputs }
  | { readonly ok: false; readonly message: string };

/** Takes a step's declared outputs. Files are read inside the step's container, so that no symlink leads the agent anywhere. */
export async function collectOutputs(options: CollectOptions): Promise<Collected> {
  const outputs: StepOutputs = {};
  for (const [name, source] of Object.entries(options.step.produces.outputs)) {
    const value = await readOutput(name, source, options, outputs);
    if (!value.ok) return { ok: false, message: `output ${name}: ${value.message}` };
    outputs[name] = value.value;
  }
  return { ok: true, outputs };
}

type OutputValue = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly message: string };

async function readOutput(
  name: string,
  source: OutputSource,
  { step, outcome, container, workspace, signal, render }: CollectOptions,
  own: StepOutputs,
): Promise<OutputValue> {
  switch (source.kind) {
    case 'stdout':
      return captured(outcome.stdout, 'standard output');
    case 'stderr':
      return captured(outcome.stderr, 'standard error');
    case 'file': {
      const path = rendered(render(source.path, own));
      if (!path.ok) return path;
      const wrong = checkRelativePath(path.value);
      return wrong === undefined ? await readFile(path.value) : { ok: false, message: wrong };
    }
    case 'env':
      return await readFile(environmentFile(step.index, name));
    case 'template': {
      const value = rendered(render(source.text, own));
      return value.ok ? text(Buffer.from(value.value), 'the value') : value;
    }
  }

  async function readFile(path: string): Promise<OutputValue> {
    const result = await readFileInContainer(container, { workspace, path, maxBytes: MAX_OUTPUT_BYTES, signal });
    if (result.kind === 'refused') {
      const advice = result.reason === 'missing' && source.kind === 'file' ? WRITE_IT : '';
      return { ok: false, message: `${result.message}${advice}` };
    }
    return text(result.bytes, 'the file');
  }
}

function rendered(result: Rendered): OutputValue {
  return result.ok ? result : { ok: false, message: result.error.message };
}

function captured(stream: Captured, what: string): OutputValue {
  return stream.total > MAX_OUTPUT_BYTES ? tooLong(stream.total, what) : text(stream.bytes, what);
}

function tooLong(bytes: number, what: string): OutputValue {
  const message = `${what} has ${bytes} bytes, an output at most ${MAX_OUTPUT_BYTES}: write it to a file that another step reads`;
  return { ok: false, message };
}

/** Without the last newline, as `$(...)` in a shell takes it, but only one. */
function text(bytes: Buffer, what: string): OutputValue {
  if (bytes.length > MAX_OUTPUT_BYTES) return tooLong(bytes.length, what);
  const value = bytes.toString('utf8');
  if (value.includes('\0')) return { ok: false, message: `${what} contains NUL bytes; an output is text` };
  return { ok: true, value: value.replace(/\r?\n$/, '') };
}

function environmentFile(index: number, output: string): string {
  return `.tako/env/${index}.${output}`;
}

/**
 * Lines of a step's prelude that write the variables named by `from_env` to files when the script ends, however it ends; a trap on EXIT
 * that the script sets itself replaces this one.
 */
export function environmentCapture(
  { produces, index }: Pick<RunStep, 'produces' | 'index'>,
  workspace: string,
): string[] {
  const writes = Object.entries(produces.outputs).flatMap(([output, source]) =>
    source.kind === 'env'
      ? [`printf %s "\${${source.name}-}" >${shellQuote(`${workspace}/${environmentFile(index, output)}`)}`]
      : [],
  );
  if (writes.length === 0) return [];
  return [`mkdir -p ${shellQuote(`${workspace}/.tako/env`)}`, `trap ${shellQuote(writes.join('; '))} EXIT`];
}
