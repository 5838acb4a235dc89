import type { SubscriptionStatus, TakoRepositorySpec } from '../api/takorepository.ts';
import { compareText } from './fingerprint.ts';
import type { ObjectName, RepositoryObject } from './objects.ts';

/** One subscription of a repository, with what decides whether it may run. */
export interface Subscriber {
  readonly namespace: string;
  /** Name of the TakoRepository. */
  readonly repository: string;
  /** owner/repo */
  readonly slug: string;
  /** The commit whose tako.yml holds the subscription. The child is pinned to it. */
  readonly revision: string | undefined;
  readonly suspended: boolean;
  /** The TakoRepository is being deleted. */
  readonly deleting: boolean;
  readonly acceptEvents: TakoRepositorySpec['acceptEvents'];
  readonly subscription: SubscriptionStatus;
}

/** Who listens to what, over all namespaces. Kept up to date by a store's transitions: one change costs one repository. */
export interface SubscriberIndex {
  /** Takes a new or changed repository. One without a slug or subscriptions listens to nothing. */
  upsert(repository: RepositoryObject): void;
  /** Forgets a repository; an unknown one is no error. */
  remove(repository: ObjectName): void;
  /**
   * The subscriptions to an event type of a source (`owner/repo:artifact`), sorted by slug, namespace, name of the TakoRepository and
   * position in its file.
   */
  find(source: string, type: string): readonly Subscriber[];
  /** How many repositories listen to anything. */
  readonly size: number;
}

export function buildSubscriberIndex(repositories: Iterable<RepositoryObject> = []): SubscriberIndex {
  /** By topic, then by repository. */
  const topics = new Map<string, Map<string, Subscriber[]>>();
  const topicsOf = new Map<string, ReadonlySet<string>>();

  const remove = (repository: ObjectName): void => {
    const key = keyOf(repository);
    for (const topic of topicsOf.get(key) ?? []) {
      const subscribers = topics.get(topic);
      subscribers?.delete(key);
      if (subscribers?.size === 0) topics.delete(topic);
    }
    topicsOf.delete(key);
  };

  const upsert = (repository: RepositoryObject): void => {
    const name = nameOf(repository);
    remove(name);
    const key = keyOf(name);
    const own = new Set<string>();
    for (const subscriber of subscribersOf(repository)) {
      for (const type of new Set(subscriber.subscription.events)) {
        const topic = topicOf(subscriber.subscription.source, type);
        own.add(topic);
        const ofTopic = topics.get(topic) ?? new Map<string, Subscriber[]>();
        topics.set(topic, ofTopic);
        const ofRepository = ofTopic.get(key) ?? [];
        ofTopic.set(key, ofRepository);
        ofRepository.push(subscriber);
      }
    }
    if (own.size > 0) topicsOf.set(key, own);
  };

  const find = (source: string, type: string): readonly Subscriber[] =>
    [...(topics.get(topicOf(source, type))?.values() ?? [])].flat().sort(compareSubscribers);

  for (const repository of repositories) upsert(repository);
  return {
    upsert,
    remove,
    find,
    get size() {
      return topicsOf.size;
    },
  };
}

function subscribersOf(repository: RepositoryObject): Subscriber[] {
  const { spec, status } = repository;
  const { slug } = status ?? {};
  if (slug === undefined) return [];
  const { namespace, name } = nameOf(repository);
  return (status?.subscriptions ?? []).map(subscription => ({
    namespace,
    repository: name,
    slug,
    revision: status?.revision,
    suspended: spec.suspend === true,
    deleting: repository.metadata.deletionTimestamp !== undefined,
    acceptEvents: spec.acceptEvents,
    subscription,
  }));
}

function compareSubscribers(one: Subscriber, other: Subscriber): number {
  return (
    compareText(one.slug, other.slug) ||
    compareText(one.namespace, other.namespace) ||
    compareText(one.repository, other.repository) ||
    one.subscription.index - other.subscription.index
  );
}

function nameOf(repository: RepositoryObject): ObjectName {
  return { namespace: repository.metadata.namespace ?? '', name: repository.metadata.name ?? '' };
}

/** Neither part of these keys can hold a blank. */
function keyOf(name: ObjectName): string {
  return `${name.namespace} ${name.name}`;
}
function topicOf(source: string, type: string): string {
  return `${source} ${type}`;
}
