import type { KeyPath } from '../key-path.ts';
import { withoutUndefined } from '../objects.ts';
import { asText, got } from '../schema/fields.ts';
import { failureScriptSchema, type resourcesSchema, type StepSection, stepSchema } from '../schema/step.ts';
import type { EnvValue, FailureScript, Resources, Step, StepBase } from '../types.ts';
import { isYamlMap, type YamlMap, type YamlValue } from '../yaml/value.ts';
import { listParts, part, type Reader } from './reader.ts';
import { buildUses } from './uses.ts';

/** A step as far as it could be read: later checks need its name and place even when the step itself is broken. */
export interface StepDraft {
  index: number;
  id: string;
  at: KeyPath;
  source: YamlMap;
  /** Where its script stands: at `run`, or at the step itself when that is a plain string. */
  runAt: KeyPath;
  failureSources: ScriptSource[];
  step?: Step;
}

/** An entry of `steps` or `on_failure` as written; a plain string as the map that it stands for. */
export interface ScriptSource {
  at: KeyPath;
  source: YamlMap;
  runAt: KeyPath;
}

/** One entry of `steps`. `secrets` are the names that the workflow declares. */
export function buildStep(
  reader: Reader,
  value: YamlValue,
  index: number,
  at: KeyPath,
  secrets: ReadonlySet<string>,
): StepDraft {
  const script = scriptSource(value, at);
  const source = script?.source ?? {};
  const id = asText(part(source, 'id')) ?? `step-${index + 1}`;
  const draft: StepDraft = { index, id, at, source, runAt: script?.runAt ?? at, failureSources: [] };
  if (script === undefined) {
    reader.report(at, `expected a command or a map, ${got(value)}`);
    return draft;
  }
  const section = reader.read(stepSchema, source, at);
  const onFailure = listParts(reader, part(source, 'on_failure'), [...at, 'on_failure']).flatMap(
    ([entry, place], position) => {
      const failure = scriptSource(entry, place);
      if (failure !== undefined) draft.failureSources.push(failure);
      return buildFailureScript(reader, entry, `${id}-on-failure-${position + 1}`, place, secrets) ?? [];
    },
  );
  const action = buildAction(reader, source, at);
  if (section === undefined || action === undefined) return draft;
  return { ...draft, step: { ...base(section, { index, id, onFailure }, secrets), ...action } as Step };
}

/** What the step does: exactly one of `run` and `uses`. */
function buildAction(reader: Reader, source: YamlMap, at: KeyPath) {
  const run = asText(part(source, 'run'));
  const uses = asText(part(source, 'uses'));
  if (run !== undefined && uses !== undefined) {
    reader.report([...at, 'uses'], 'a step has either run or uses, not both');
    return undefined;
  }
  if (uses !== undefined) {
    const longRunning = part(source, 'long_running');
    if (longRunning !== undefined && asText(longRunning) === 'true') {
      reader.report([...at, 'long_running'], 'is only for steps with run');
    }
    return buildUses(reader, uses, part(source, 'with'), at);
  }
  if (part(source, 'with') !== undefined) reader.report([...at, 'with'], 'is only for steps with uses');
  if (run === undefined && part(source, 'run') === undefined && part(source, 'uses') === undefined) {
    reader.report(at, 'expected run (a script) or uses (a built-in step)');
  }
  return run === undefined ? undefined : { kind: 'run' as const, run };
}

function base(
  section: StepSection,
  { index, id, onFailure }: Pick<StepBase, 'index' | 'id' | 'onFailure'>,
  secrets: ReadonlySet<string>,
): StepBase {
  const { produces } = section;
  return {
    index,
    id,
    name: section.name ?? id,
    ...withoutUndefined({
      if: section.if,
      image: section.image,
      resources: section.resources && buildResources(section.resources),
      cacheKeyFiles: section.cache_key_files,
    }),
    env: buildEnv(section.env, secrets),
    longRunning: section.long_running,
    network: section.network,
    capabilities: [...new Set(section.capabilities.map(name => name.replace(/^CAP_/, '')))].sort(),
    securityProfile: section.security_profile,
    volumes: section.volumes.map(({ source, destination, read_only: readOnly }) => ({ source, destination, readOnly })),
    produces: {
      ...withoutUndefined({ artifact: produces?.artifact }),
      artifacts: produces?.artifacts.map(({ path, name }) => ({ path, ...withoutUndefined({ name }) })) ?? [],
      outputs: produces?.outputs ?? {},
      events:
        produces?.events.map(({ type, schema_version: schemaVersion, payload }) => ({
          type,
          ...withoutUndefined({ schemaVersion }),
          payload: payload ?? {},
        })) ?? [],
    },
    onFailure,
  };
}

export function buildResources(section: NonNullable<ReturnType<typeof resourcesSchema.parse>>): Resources {
  return withoutUndefined({ cpuLimit: section.cpu_limit, memLimit: section.mem_limit, diskLimit: section.disk_limit });
}

/** A value that names a declared secret is that secret, everything else is itself. */
function buildEnv(env: Record<string, string>, secrets: ReadonlySet<string>): Record<string, EnvValue> {
  const entries = Object.entries(env).map(([name, value]): [string, EnvValue] => {
    return [name, secrets.has(value) ? { kind: 'secret', name: value } : { kind: 'literal', value }];
  });
  return Object.fromEntries(entries);
}

function buildFailureScript(
  reader: Reader,
  value: YamlValue,
  defaultId: string,
  at: KeyPath,
  secrets: ReadonlySet<string>,
): FailureScript | undefined {
  const source = scriptSource(value, at)?.source;
  if (source === undefined) {
    reader.report(at, `expected a command or a map, ${got(value)}`);
    return undefined;
  }
  if (part(source, 'uses') !== undefined) {
    reader.report([...at, 'uses'], 'on_failure holds scripts only, use run');
    return undefined;
  }
  const section = reader.read(failureScriptSchema, source, at);
  if (section === undefined) return undefined;
  const id = section.id ?? defaultId;
  return {
    id,
    name: section.name ?? id,
    ...withoutUndefined({ if: section.if }),
    run: section.run,
    env: buildEnv(section.env, secrets),
  };
}

/** A plain string is a `run`; so is `- true`, which is a command. */
function scriptSource(value: YamlValue, at: KeyPath): ScriptSource | undefined {
  if (isYamlMap(value)) return { at, source: value, runAt: [...at, 'run'] };
  const run = asText(value);
  return run === undefined ? undefined : { at, source: { run }, runAt: at };
}
