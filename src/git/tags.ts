import type { RemoteTag } from './remote.ts';

/**
 * Which of several tags on one commit names it: an annotated one before a lightweight one, then the higher version (a release
 * before its pre-releases), then the name. Undefined when there is none.
 */
export function chooseTag(tags: readonly RemoteTag[]): RemoteTag | undefined {
  return [...tags].sort(compareTags)[0];
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
