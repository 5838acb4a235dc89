import type { KeyPath } from '../key-path.ts';
import { withoutUndefined } from '../objects.ts';
import { type SubscriptionSection, subscriptionSchema } from '../schema/file.ts';
import type { Subscription } from '../types.ts';
import type { YamlValue } from '../yaml/value.ts';
import { listParts, type Reader } from './reader.ts';

/** A subscription and its place in the file. */
export interface SubscriptionDraft {
  at: KeyPath;
  /** Places of the filters, in the order of `subscription.filters`. */
  filtersAt: KeyPath[];
  subscription: Subscription;
}

/**
 * A list of subscriptions. In the second spelling each event may have a range of its own: such an entry becomes one subscription for each
 * range, in the order of the events. `firstIndex` is the number of subscriptions before it.
 */
export function buildSubscriptions(
  reader: Reader,
  value: YamlValue | undefined,
  at: KeyPath,
  firstIndex: number,
): SubscriptionDraft[] {
  const drafts: SubscriptionDraft[] = [];
  for (const [entry, place] of listParts(reader, value, at)) {
    const section = reader.read(subscriptionSchema, entry, place);
    if (section === undefined) continue;
    if (section.events.length === 0) reader.report([...place, 'events'], 'expected at least one event type');
    const filters = [
      ...(section.filters ?? []).map((text, position) => ({ text, at: [...place, 'filters', position] })),
      ...(section.filter === undefined ? [] : [{ text: section.filter, at: [...place, 'filter'] }]),
    ];
    for (const [schemaVersion, events] of eventsByRange(section)) {
      const subscription = {
        index: firstIndex + drafts.length,
        artifact: section.artifact,
        events,
        ...withoutUndefined({ schemaVersion }),
        filters: filters.map(({ text }) => text),
        workflow: section.workflow,
        inputs: section.inputs,
      };
      drafts.push({ at: place, filtersAt: filters.map(filter => filter.at), subscription });
    }
  }
  return drafts;
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
