import { withoutUndefined } from '../objects.ts';
import { got } from '../schema/fields.ts';
import { artifactSchema, eventsSchema, fileSchema, producedEventSchema } from '../schema/file.ts';
import { NAME } from '../schema/patterns.ts';
import type { Artifact, ProducedEvent, TakoFile } from '../types.ts';
import { isYamlMap, type YamlValue } from '../yaml/value.ts';
import { listParts, namedParts, part, type Reader } from './reader.ts';
import { buildSubscriptions, type SubscriptionDraft } from './subscription.ts';
import { buildWorkflow, type WorkflowDraft } from './workflow.ts';

/** A file as far as it could be read, with what the checks across its parts need. */
export interface FileDraft {
  file: TakoFile;
  /** Names of all artifacts, broken ones included, and `default`. */
  artifactNames: Set<string>;
  workflows: WorkflowDraft[];
  /** Names of all workflows, those with a bad name too: one error each is enough. */
  workflowNames: Set<string>;
  subscriptions: SubscriptionDraft[];
}

const DEFAULT_ARTIFACT: Artifact = { name: 'default', path: '.' };

/** The whole file, in either spelling. Undefined when it is not even a map. */
export function buildFile(reader: Reader, value: YamlValue): FileDraft | undefined {
  if (!isYamlMap(value)) {
    reader.report(
      [],
      value === null
        ? 'the file is empty, expected version and workflows'
        : `expected a map with version and workflows, ${got(value)}`,
    );
    return undefined;
  }
  const head = reader.read(fileSchema, value, []);
  const events = part(value, 'events');
  if (events !== undefined) reader.read(eventsSchema, events, ['events']);
  if (part(value, 'repos') !== undefined) {
    reader.note(['repos'], 'is ignored: Tako knows its repositories from the TakoRepository objects of the cluster');
  }

  const artifactParts = namedParts(reader, part(value, 'artifacts'), ['artifacts'], NAME);
  const artifacts = artifactParts.flatMap(([name, entry, at]): Artifact[] => {
    const read = reader.read(artifactSchema, entry ?? {}, at);
    if (read === undefined) return [];
    const { path, ecosystem, description } = read;
    return [{ name, path, ...withoutUndefined({ ecosystem, description }) }];
  });
  if (artifactParts.length === 0) artifacts.push(DEFAULT_ARTIFACT);

  const workflows = namedParts(reader, part(value, 'workflows'), ['workflows'], NAME).map(([name, entry, at]) =>
    buildWorkflow(reader, name, entry, at),
  );
  const subscriptions = buildAllSubscriptions(reader, value);
  const producedEvents = listParts(reader, part(events, 'produces'), ['events', 'produces']).flatMap(
    ([entry, at]): ProducedEvent[] => {
      const read = reader.read(producedEventSchema, entry, at);
      if (read === undefined) return [];
      const { type, schema_version: schemaVersion, artifact, description } = read;
      return [{ type, ...withoutUndefined({ schemaVersion, artifact, description }) }];
    },
  );

  return {
    file: {
      version: head?.version ?? '',
      artifacts: Object.fromEntries(artifacts.map(artifact => [artifact.name, artifact])),
      workflows: Object.fromEntries(workflows.map(draft => [draft.name, draft.workflow])),
      subscriptions: subscriptions.flatMap(draft => draft.subscriptions),
      producedEvents,
    },
    artifactNames: new Set(['default', ...artifactParts.map(([name]) => name)]),
    workflows,
    workflowNames: new Set(Object.keys(isYamlMap(value.workflows) ? value.workflows : {})),
    subscriptions,
  };
}

/** Both places where subscriptions may stand, in the file's order: the first that matches wins. */
function buildAllSubscriptions(reader: Reader, value: YamlValue): SubscriptionDraft[] {
  const drafts: SubscriptionDraft[] = [];
  const count = () => drafts.reduce((sum, { subscriptions }) => sum + subscriptions.length, 0);
  for (const key of Object.keys(value ?? {})) {
    if (key === 'subscriptions') {
      drafts.push(...buildSubscriptions(reader, part(value, key), [key], count()));
    } else if (key === 'events') {
      const nested = part(part(value, key), 'subscriptions');
      drafts.push(...buildSubscriptions(reader, nested, [key, 'subscriptions'], count()));
    }
  }
  return drafts;
}
