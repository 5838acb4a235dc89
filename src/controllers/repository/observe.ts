import { isGitError } from '../../git/errors.ts';
import type { LiveRepository } from '../run/observed.ts';
import type { Finding } from './finding.ts';
import { type RepositoryReader, WorkflowFileError } from './reader.ts';
import { readCredentials, type SecretReader } from './secret.ts';
import type { SlugIndex } from './slug.ts';
import { slugOf } from './slug.ts';
import { summarize } from './summary.ts';

export interface ObserveContext {
  readonly reader: RepositoryReader;
  readonly secrets: SecretReader;
  readonly slugs: Pick<SlugIndex, 'owner'>;
  readonly signal: AbortSignal;
}

/**
 * Looks at a repository: its URL, its slug, its credentials, its reference and its workflow file, in this order, up to the first thing
 * that is wrong. Throws only what is not the repository's fault (the API server, an abort).
 */
export async function observe(repository: LiveRepository, context: ObserveContext): Promise<Finding> {
  const { spec } = repository;
  if (spec.suspend === true) return { kind: 'suspended' };
  let commit: string | undefined;
  try {
    await context.reader.checkUrl(spec.url);
    const slug = claimSlug(repository, context.slugs);
    if (typeof slug !== 'string') return slug;
    const { reader, secrets, signal } = context;
    const credentials = await readCredentials(secrets, repository.metadata.namespace ?? '', spec.secretRef, signal);
    const request = { repository: spec, credentials, signal };
    const { ref, commit: found } = await reader.resolveRef({ ...request, ref: spec.ref });
    commit = found;
    const { file, digest, notes } = await reader.loadWorkflowFile({ ...request, commit });
    const summarized = summarize(file, notes);
    if (!summarized.ok) return { kind: 'failed', reason: 'ConfigTooLarge', message: summarized.message, commit };
    return { kind: 'found', slug, commit, ...(ref === undefined ? {} : { ref }), digest, summary: summarized.summary };
  } catch (error) {
    return failureOf(error, commit);
  }
}

function claimSlug(repository: LiveRepository, slugs: Pick<SlugIndex, 'owner'>): string | Finding {
  const slug = slugOf(repository.spec);
  if (slug === undefined) {
    return {
      kind: 'failed',
      reason: 'SlugMissing',
      message: `the last two segments of ${repository.spec.url} do not make a name owner/repo: set spec.slug`,
    };
  }
  const owner = slugs.owner(repository.metadata.namespace ?? '', slug);
  if (owner === undefined || owner.metadata.uid === repository.metadata.uid) return slug;
  return {
    kind: 'failed',
    reason: 'SlugConflict',
    message: `the older TakoRepository ${owner.metadata.name} of this namespace has the slug ${slug} already: set another spec.slug, or delete one of the two`,
  };
}

function failureOf(error: unknown, commit: string | undefined): Finding {
  const at = commit === undefined ? {} : { commit };
  if (isGitError(error)) return { kind: 'failed', reason: error.code, message: error.message, ...at };
  if (error instanceof WorkflowFileError) return { kind: 'failed', reason: error.code, message: error.message, ...at };
  throw error;
}
