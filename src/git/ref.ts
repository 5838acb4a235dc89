import { GitError } from './errors.ts';

/**
 * What to look up in a repository: a branch, a tag or a commit, or a text that may be any of them; undefined is the default branch.
 * A text is read as a full reference name (`refs/...`), a full commit name, a tag, then a branch, as git itself does.
 */
export type GitRef =
  | { readonly branch?: string | undefined; readonly tag?: string | undefined; readonly commit?: string | undefined }
  | string
  | undefined;

/** The field that a reference stands in, for messages: a repository's has its kind, a run's is a text. */
type RefField = 'spec.ref' | 'spec.workflow.ref';

/** A GitRef after its check: a commit needs no look-up, names are full and in the order in which they are tried. */
export type RefQuery =
  | { readonly kind: 'commit'; readonly commit: string }
  | { readonly kind: 'names'; readonly names: readonly string[]; readonly shown: string; readonly field: RefField }
  | { readonly kind: 'default' };

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Whether a text is a full commit name, SHA-1 or SHA-256, in lower case. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}

/** Throws GitError `InvalidRef` unless `text` is a full commit name. */
export function requireCommit(text: string): string {
  if (!isCommit(text)) throw invalid(text, 'a commit is given by its full hexadecimal name (40 or 64 digits)');
  return text;
}

/** Checks a reference and says what to ask the server for. Throws GitError `InvalidRef`. */
export function parseRef(ref: GitRef): RefQuery {
  if (ref === undefined) return { kind: 'default' };
  if (typeof ref === 'string') return parseText(ref);
  const given = [ref.branch, ref.tag, ref.commit].filter(value => value !== undefined);
  if (given.length > 1) throw invalid(given.join(', '), 'give one of branch, tag and commit');
  if (ref.commit !== undefined) return { kind: 'commit', commit: requireCommit(ref.commit) };
  if (ref.tag !== undefined) {
    return { kind: 'names', names: [`refs/tags/${checkName(ref.tag)}`], shown: `tag ${ref.tag}`, field: 'spec.ref' };
  }
  if (ref.branch !== undefined) {
    return {
      kind: 'names',
      names: [`refs/heads/${checkName(ref.branch)}`],
      shown: `branch ${ref.branch}`,
      field: 'spec.ref',
    };
  }
  return { kind: 'default' };
}

function parseText(text: string): RefQuery {
  if (isCommit(text)) return { kind: 'commit', commit: text };
  const name = checkName(text);
  const field = 'spec.workflow.ref';
  if (name.startsWith('refs/')) return { kind: 'names', names: [name], shown: name, field };
  return { kind: 'names', names: [`refs/tags/${name}`, `refs/heads/${name}`], shown: `branch or tag ${name}`, field };
}

/** The rules of git-check-ref-format(1) for the part after refs/heads/, and no leading dash. */
export function isRefName(name: string): boolean {
  return (
    name !== '' &&
    name.length <= 255 &&
    name !== '@' &&
    !name.startsWith('-') &&
    !/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$/.test(name) &&
    name.split('/').every(part => !part.startsWith('.') && !part.endsWith('.lock'))
  );
}

function checkName(name: string): string {
  if (!isRefName(name)) throw invalid(name, 'it is not a valid name of a branch or tag');
  return name;
}

function invalid(text: string, why: string): GitError {
  const shown = text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
  return new GitError('InvalidRef', `the reference "${shown}" cannot be used: ${why}`);
}
