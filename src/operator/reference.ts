import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Metric, Registry } from 'prom-client';
import { z } from 'zod';
import { takoRepositoryKind, takoRunKind } from '../api/kinds.ts';
import { GENERATED_NOTE, kindReference, table } from '../api/reference.ts';
import { systemClock } from '../kube/clock.ts';
import { formatDuration } from '../workflow/duration.ts';
import { configSchema, readConfig } from './config.ts';
import { createMetrics } from './metrics.ts';
import { observeQueue } from './queue-metrics.ts';

const ROOT = path.join(import.meta.dirname, '../..');

/** The generated pages of docs/reference by name. A test compares them with what is committed. */
export async function referenceFiles(): Promise<Record<string, string>> {
  const samples = (...names: string[]) =>
    Promise.all(names.map(name => readFile(path.join(ROOT, 'manifests/samples', name), 'utf8')));
  const runs = await samples('takorun-workflow.yaml', 'takorun-event.yaml');
  const repositories = await samples('takorepository.yaml');
  return {
    'takorun.md': `${kindReference(takoRunKind, runs.join('---\n'))}\n`,
    'takorepository.md': `${kindReference(takoRepositoryKind, repositories.join('---\n'))}\n`,
    'configuration.md': `${configurationReference()}\n`,
    'metrics.md': `${metricsReference()}\n`,
  };
}

interface Variable {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
}

/** The operator's settings, from the schema that reads them. */
function configurationReference(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  const variables = Object.entries(schema.properties ?? {}) as [string, Variable][];
  const required = new Set(schema.required);
  // What becomes of the text, such as milliseconds, is only known to the schema: so the defaults are read, not looked up.
  const defaults: Record<string, unknown> = readConfig(Object.fromEntries([...required].map(name => [name, 'x'])));
  const rows = variables.map(([name, variable]) => [
    `\`${name}\``,
    typeOf(variable, defaults[name]),
    required.has(name) ? 'none: it is required' : defaultOf(variable, defaults[name]),
    variable.description ?? '',
  ]);
  return [
    GENERATED_NOTE,
    '',
    '# Configuration of the operator',
    '',
    "All settings are environment variables of the operator's container; an empty one counts as absent. The operator checks all of them when it starts, and ends with exit code 78 and a message that names every wrong one. How to set them in an installation: [Operating Tako](../guides/operating.md#settings).",
    '',
    'Durations are written as `90s`, `30m` or `1h30m`; lists are separated by commas.',
    '',
    ...table(['Variable', 'Type', 'Default', 'Meaning'], rows),
  ].join('\n');
}

/** Durations and lists arrive as text; the default tells what they become. */
function typeOf({ type, enum: words, minimum, maximum }: Variable, fallback: unknown): string {
  if (words !== undefined) return words.map(word => `\`${word}\``).join(', ');
  if (Array.isArray(fallback)) return 'list';
  if (type === 'string') return typeof fallback === 'number' ? 'duration' : 'text';
  const kind = type === 'integer' ? 'whole number' : 'number';
  return minimum === undefined || maximum === undefined ? kind : `${kind}, ${minimum} to ${maximum}`;
}

function defaultOf({ type }: Variable, fallback: unknown): string {
  if (fallback === '' || (Array.isArray(fallback) && fallback.length === 0)) return 'empty';
  return `\`${type === 'string' && typeof fallback === 'number' ? formatDuration(fallback) : fallback}\``;
}

/** Nothing is scraped here: the names of the metrics are all that is wanted. */
const EMPTY_QUEUE = { counts: () => [], running: () => new Map() };

/** The operator's own metrics; those of Node.js and the process come from prom-client, whose version decides. */
function metricsReference(): string {
  const { registry } = createMetrics();
  observeQueue(registry, EMPTY_QUEUE, systemClock);
  const own = registry.getMetricsAsArray().filter(({ name }) => !/^(process|nodejs)_/.test(name));
  const rows = own.map(({ name, type, help }) => [
    `\`${name}\``,
    String(type),
    labelsOf(registry, name)
      .map(label => `\`${label}\``)
      .join(', '),
    `${help}.`,
  ]);
  return [
    GENERATED_NOTE,
    '',
    '# Metrics of the operator',
    '',
    "Every replica serves them in the Prometheus text format at `/metrics` on `TAKO_HTTP_PORT` (8080). Names follow controller-runtime's where it has one, so that its dashboards work.",
    '',
    ...table(['Metric', 'Type', 'Labels', 'Meaning'], rows),
    '',
    "Besides, prom-client's default metrics: `process_*` (CPU, memory, file descriptors) and `nodejs_*` (event loop lag, heap, garbage collection).",
  ].join('\n');
}

/** The names of a metric's labels, which prom-client keeps but does not declare. */
function labelsOf(registry: Registry, name: string): readonly string[] {
  const metric = registry.getSingleMetric(name) as (Metric & { labelNames?: readonly string[] }) | undefined;
  return metric?.labelNames ?? [];
}

if (import.meta.main) {
  const directory = path.join(ROOT, 'docs/reference');
  await mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries(await referenceFiles())) await writeFile(path.join(directory, name), text);
}
