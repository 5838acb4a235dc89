import { type TakoRepositoryStatus, takoRepositoryStatusSchema } from '../../api/takorepository.ts';
import type { InputDefinition, TakoFile } from '../../workflow/types.ts';

/** Longest parsed workflow file, bytes of JSON. Together with the rest the object stays far below etcd's 1.5 MiB. */
const MAX_CONFIG_BYTES = 256 * 1024;

/** The part of the status that says what a workflow file offers. */
export type ConfigSummary = Pick<TakoRepositoryStatus, 'artifacts' | 'workflows' | 'subscriptions' | 'notes'>;

export type SummaryResult =
  | { readonly ok: true; readonly summary: ConfigSummary }
  | { readonly ok: false; readonly message: string };

const MAX_NOTES = 32;
const MAX_NOTE_LENGTH = 1024;
const MAX_DESCRIPTION_LENGTH = 1024;
const MAX_DEFAULT_LENGTH = 16_384;
const MAX_MAP_ENTRIES = 64;

/**
 * What a workflow file offers, as the status shows it. Texts for people are cut to their bounds; when what others rely on does not
 * fit, it says which bound, and nothing of the file is taken.
 */
export function summarize(file: TakoFile, notes: readonly string[]): SummaryResult {
  const bytes = Buffer.byteLength(JSON.stringify(file));
  if (bytes > MAX_CONFIG_BYTES) {
    return {
      ok: false,
      message: `the workflow file is ${bytes} bytes as JSON, at most ${MAX_CONFIG_BYTES} are taken: make it smaller, for instance by moving scripts into files`,
    };
  }
  const summary: ConfigSummary = {
    artifacts: Object.keys(file.artifacts),
    workflows: Object.values(file.workflows).map(({ name, inputs }) => ({
      name,
      ...(Object.keys(inputs).length === 0 ? {} : { inputs: Object.values(inputs).map(summarizeInput) }),
    })),
    subscriptions: file.subscriptions.map(({ index, artifact, events, schemaVersion, filters, workflow, inputs }) => ({
      index,
      source: artifact,
      events,
      ...(schemaVersion === undefined ? {} : { schemaVersion }),
      ...(filters.length === 0 ? {} : { filters }),
      workflow,
      ...(Object.keys(inputs).length === 0 ? {} : { inputs }),
    })),
    ...(notes.length === 0 ? {} : { notes: boundedNotes(notes) }),
  };
  const broken = firstBrokenBound(summary);
  return broken === undefined ? { ok: true, summary } : { ok: false, message: broken };
}

function summarizeInput(
  input: InputDefinition,
): NonNullable<NonNullable<ConfigSummary['workflows']>[number]['inputs']>[number] {
  return {
    name: input.name,
    type: input.type,
    ...(input.required ? { required: true } : {}),
    ...(input.default === undefined ? {} : { default: String(input.default).slice(0, MAX_DEFAULT_LENGTH) }),
    ...(input.description === undefined ? {} : { description: input.description.slice(0, MAX_DESCRIPTION_LENGTH) }),
  };
}

function boundedNotes(notes: readonly string[]): string[] {
  const kept = notes.length <= MAX_NOTES ? notes : notes.slice(0, MAX_NOTES - 1);
  const more = notes.length - kept.length;
  return [...kept.map(note => note.slice(0, MAX_NOTE_LENGTH)), ...(more === 0 ? [] : [`and ${more} more`])];
}

/** The CRD's own bounds, so that the API server never has to refuse the status. */
function firstBrokenBound(summary: ConfigSummary): string | undefined {
  const parsed = takoRepositoryStatusSchema.safeParse(summary);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `the workflow file is too large for the status: ${issue?.path.join('.')}: ${issue?.message}`;
  }
  const crowded = summary.subscriptions?.find(({ inputs }) => Object.keys(inputs ?? {}).length > MAX_MAP_ENTRIES);
  if (crowded === undefined) return undefined;
  return `the workflow file is too large for the status: subscriptions.${crowded.index}.inputs: at most ${MAX_MAP_ENTRIES} entries`;
}
