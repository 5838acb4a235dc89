import type { OutputSource, RunStep } from '../workflow/types.ts';
import { PATHS } from './contract.ts';
import type { StepContainer } from './protocol/container.ts';
import type { Captured, ScriptOutcome } from './protocol/outcome.ts';
import { readFileInContainer } from './protocol/read-file.ts';

/** Longest value of one output, bytes. */
const MAX_OUTPUT_BYTES = 64 * 1024;

export type StepOutputs = Record<string, string>;

export interface CollectOptions {
  readonly step: RunStep;
  readonly outcome: Extract<ScriptOutcome, { kind: 'exited' }>;
  readonly container: StepContainer;
  readonly signal: AbortSignal;
  /** Renders a template that may name the outputs collected so far. */
  readonly render: (
    text: string,
    own: StepOutputs,
  ) => { ok: true; value: string } | { ok: false; error: { message: string } };
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
  { step, outcome, container, signal, render }: CollectOptions,
  own: StepOutputs,
): Promise<OutputValue> {
  switch (source.kind) {
    case 'stdout':
      return captured(outcome.stdout, 'standard output');
    case 'stderr':
      return captured(outcome.stderr, 'standard error');
    case 'file':
      return await readFile(source.path);
    case 'env':
      return await readFile(environmentFile(step.index, name));
    case 'template': {
      const rendered = render(source.text, own);
      return rendered.ok ? rendered : { ok: false, message: rendered.error.message };
    }
  }

  async function readFile(path: string): Promise<OutputValue> {
    const result = await readFileInContainer(container, {
      workspace: PATHS.workspace,
      path,
      maxBytes: MAX_OUTPUT_BYTES,
      signal,
    });
    if (result.kind === 'refused') return { ok: false, message: result.message };
    return text(result.bytes);
  }
}

function captured(stream: Captured, what: string): OutputValue {
  if (stream.total > MAX_OUTPUT_BYTES) {
    return {
      ok: false,
      message: `${what} has ${stream.total} bytes, an output at most ${MAX_OUTPUT_BYTES}: write it to a file that another step reads`,
    };
  }
  return text(stream.bytes);
}

/** Without the last newline, as `$(...)` in a shell takes it, but only one. */
function text(bytes: Buffer): OutputValue {
  const value = bytes.toString('utf8');
  if (value.includes('\0')) return { ok: false, message: 'the value contains NUL bytes; an output is text' };
  return { ok: true, value: value.replace(/\r?\n$/, '') };
}

function environmentFile(index: number, output: string): string {
  return `.tako/env/${index}.${output}`;
}

/**
 * Lines of a step's prelude that write the variables named by `from_env` to files when the script ends, however it ends; a trap on EXIT
 * that the script sets itself replaces this one.
 */
export function environmentCapture(outputs: Readonly<Record<string, OutputSource>>, index: number): string[] {
  const variables = Object.entries(outputs).filter(([, source]) => source.kind === 'env');
  if (variables.length === 0) return [];
  const writes = variables.map(([output, source]) => {
    const name = source.kind === 'env' ? source.name : '';
    return `printf %s "\${${name}-}" >${PATHS.workspace}/${environmentFile(index, output)}`;
  });
  return [`mkdir -p ${PATHS.workspace}/.tako/env`, `trap '${writes.join('; ')}' EXIT`];
}
