export interface RemoteTag {
  readonly name: string;
  readonly annotated: boolean;
}

/** What a repository's tags say about a commit. */
export interface TagDescription {
  /** The nearest tag at or before the commit. */
  readonly tag?: string;
  /** 0 when the commit itself is tagged. Approximate where merged branches began before the commits that were looked at. */
  readonly commitsSinceTag?: number;
  /** As `git describe --tags`: `v1.2.0`, or `v1.2.0-3-gabcdef0` three commits later. */
  readonly describe?: string;
}

/**
 * What the list of tags alone says about a commit: its own tag, or nothing where the repository has none.
 * Undefined when it takes the history to know which tag is the nearest.
 *
 * @param tags all tags of the repository, by the commit they point to
 */
export function describeWithoutHistory(
  commit: string,
  tags: ReadonlyMap<string, readonly RemoteTag[]>,
): TagDescription | undefined {
  const own = chooseTag(tags.get(commit) ?? []);
  if (own !== undefined) return { tag: own.name, commitsSinceTag: 0, describe: own.name };
  return tags.size === 0 ? {} : undefined;
}

/** Tags of one commit that are looked at: a server can list hundreds of thousands, with names that take long to compare. */
const MAX_TAGS_OF_A_COMMIT = 100;

/**
 * Which of several tags on one commit names it: an annotated one before a lightweight one, then the higher version (a release
 * before its pre-releases), then the name. Of more than 100 the first 100 count. Undefined when there is none.
 */
export function chooseTag(tags: readonly RemoteTag[]): RemoteTag | undefined {
  return tags.slice(0, MAX_TAGS_OF_A_COMMIT).sort(compareTags)[0];
}

function compareTags(left: RemoteTag, right: RemoteTag): number {
  if (left.annotated !== right.annotated) return left.annotated ? -1 : 1;
  const [leftMain, leftPre] = splitVersion(left.name);
  const [rightMain, rightPre] = splitVersion(right.name);
  return (
    compareNumeric(rightMain, leftMain) ||
    Number(leftPre !== '') - Number(rightPre !== '') ||
    compareNumeric(rightPre, leftPre) ||
    (left.name < right.name ? -1 : Number(left.name > right.name))
  );
}

/** `v1.2.0-rc.1` is `v1.2.0` and `rc.1`. Only what looks like a version has a pre-release. */
function splitVersion(name: string): [main: string, prerelease: string] {
  const match = /^(.*?[0-9]+(?:\.[0-9]+)+)-(.+)$/.exec(name);
  return match ? [match[1] ?? name, match[2] ?? ''] : [name, ''];
}

/** Compares texts with runs of digits as numbers: v1.9 before v1.10. */
function compareNumeric(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true });
}

/** What `git describe --long` prints: name, commits since, abbreviated commit. Names may have dashes of their own. */
export function parseDescription(text: string): { tag: string; commitsSince: number; commit: string } | undefined {
  const match = /^(.+)-([0-9]+)-g([0-9a-f]+)$/.exec(text.trim());
  if (!match) return undefined;
  return { tag: match[1] ?? '', commitsSince: Number(match[2]), commit: match[3] ?? '' };
}
