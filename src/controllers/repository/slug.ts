import { parseGitUrl } from '../../git/url.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ReadonlyStore } from '../../kube/store.ts';
import type { LiveRepository } from '../run/observed.ts';

/** The slug that a repository's spec asks for: its own, or the URL's last two segments. Undefined when there is none. */
export function slugOf({ slug, url }: LiveRepository['spec']): string | undefined {
  if (slug !== undefined) return slug;
  try {
    return parseGitUrl(url).slug;
  } catch {
    return undefined;
  }
}

/** Who has which slug, kept up to date with a store. */
export interface SlugIndex {
  /** The repository that a slug belongs to: the oldest of the namespace, by creation time and then name. */
  owner(namespace: string, slug: string): LiveRepository | undefined;
  /** Keys of all repositories that ask for the same slug in the same namespace, the given one's among them. */
  sharing(repository: LiveRepository): string[];
}

export function createSlugIndex(store: ReadonlyStore<LiveRepository>): SlugIndex {
  const groups = new Map<string, Map<string, LiveRepository>>();
  const groupOf = ({ metadata, spec }: LiveRepository) => `${metadata.namespace} ${slugOf(spec) ?? ''}`;

  const remove = (key: string, repository: LiveRepository): void => {
    const name = groupOf(repository);
    const group = groups.get(name);
    group?.delete(key);
    if (group?.size === 0) groups.delete(name);
  };
  const add = (key: string, repository: LiveRepository): void => {
    if (repository.metadata.deletionTimestamp !== undefined || slugOf(repository.spec) === undefined) return;
    const name = groupOf(repository);
    const group = groups.get(name) ?? new Map<string, LiveRepository>();
    groups.set(name, group.set(key, repository));
  };

  store.subscribe(event => {
    if (event.type !== 'added') remove(event.key, event.old);
    if (event.type !== 'deleted') add(event.key, event.object);
  });
  return {
    owner(namespace, slug) {
      const group = groups.get(`${namespace} ${slug}`);
      return group === undefined
        ? undefined
        : [...group.values()].reduce((one, other) => (isOlder(other, one) ? other : one));
    },
    sharing: repository => [
      ...new Set([keyOf(repository.metadata), ...(groups.get(groupOf(repository))?.keys() ?? [])]),
    ],
  };
}

function isOlder(one: LiveRepository, other: LiveRepository): boolean {
  const [first, second] = [one.metadata, other.metadata];
  if (first.creationTimestamp !== second.creationTimestamp) return first.creationTimestamp < second.creationTimestamp;
  return first.name < second.name;
}
