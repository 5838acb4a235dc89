import type { KeyPath } from '../key-path.ts';
import { withoutUndefined } from '../objects.ts';
import { type SubscriptionSection, subscriptionSchema } from '../schema/file.ts';
import type { Subscription } from '../types.ts';
import { isYamlMap, type YamlMap, type YamlValue } from '../yaml/value.ts';
import { listParts, type Reader } from './reader.ts';

/** An entry of `subscriptions` as far as it could be read. */
export interface SubscriptionDraft {
  at: KeyPath;
  source: YamlMap;
  /** None when the entry is broken; several when its events have ranges of their own. */
  subscriptions: Subscription[];
}

/**
 * A list of subscriptions. In the second spelling each event may have a range of its own: such an entry becomes one
 * subscription for each range, in the order of the events. `firstIndex` is the number of subscriptions before it.
 */
export function buildSubscriptions(
  reader: Reader,
  value: YamlValue | undefined,
  at: KeyPath,
  firstIndex: number,
): SubscriptionDraft[] {
  let index = firstIndex;
  return listParts(reader, value, at).map(([entry, place]): SubscriptionDraft => {
    const section = reader.read(subscriptionSchema, entry, place);
    const source = isYamlMap(entry) ? entry : {};
    if (section === undefined) return { at: place, source, subscriptions: [] };
    if (section.events.length === 0) reader.report([...place, 'events'], 'expected at least one event type');
    const filters = [...(section.filters ?? []), ...(section.filter === undefined ? [] : [section.filter])];
    const subscriptions = Array.from(eventsByRange(section), ([schemaVersion, events]) => ({
      index: index++,
      artifact: section.artifact,
      events,
      ...withoutUndefined({ schemaVersion }),
      filters,
      workflow: section.workflow,
      inputs: section.inputs,
    }));
    return { at: place, source, subscriptions };
  });
}

function eventsByRange(section: SubscriptionSection): Map<string | undefined, string[]> {
  const groups = new Map<string | undefined, string[]>();
  for (const { type, schema_version: own } of section.events) {
    const range = own ?? section.schema_version;
    const types = groups.get(range) ?? [];
    if (!types.includes(type)) types.push(type);
    groups.set(range, types);
  }
  return groups;
}
