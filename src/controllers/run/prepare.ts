import type { CheckoutFacts } from '../../agent/contract.ts';
import type { TakoRunSpec } from '../../api/takorun.ts';
import { isGitError } from '../../git/errors.ts';
import type { ResolvedRef } from '../../git/remote.ts';
import { groupSteps, type StepContainerPlan } from '../../workflow/containers.ts';
import { resolveInputs } from '../../workflow/inputs.ts';
import { nearest } from '../../workflow/nearest.ts';
import { ownValue } from '../../workflow/objects.ts';
import type { TakoFile, Workflow } from '../../workflow/types.ts';
import type { RepositoryReader } from '../repository/reader.ts';
import { WorkflowFileError } from '../repository/reader.ts';
import { readCredentials, type SecretReader } from '../repository/secret.ts';
import { notAllowed } from './allowed.ts';
import type { LiveRepository } from './observed.ts';
import type { RunOptions } from './options.ts';

/** What a Pod needs to know about its workflow, at one commit. */
export interface PreparedWorkflow {
  readonly kind: 'ready';
  readonly slug: string;
  readonly commit: string;
  readonly configDigest: string;
  /** What the commit's tags say, where that is known without its history. */
  readonly facts?: CheckoutFacts | undefined;
  readonly workflow: Workflow;
  readonly containers: readonly StepContainerPlan[];
  readonly inputs: Readonly<Record<string, string | number | boolean>>;
}

export type Preparation =
  | PreparedWorkflow
  /** It may get better: a repository that is applied later, a Git server that comes back. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string }
  /** It will not: the run has to be created anew. */
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string };

export type WorkflowSpec = NonNullable<TakoRunSpec['workflow']>;

export interface PrepareContext {
  readonly reader: RepositoryReader;
  readonly secrets: SecretReader;
  readonly options: RunOptions;
}

const failed = (reason: string, message: string): Preparation => ({ kind: 'failed', reason, message });
const waiting = (reason: string, message: string): Preparation => ({ kind: 'waiting', reason, message });

/** Pins the commit, reads its workflow file and checks the run against it. All before a Pod exists. */
export async function prepareWorkflow(
  spec: WorkflowSpec,
  namespace: string,
  repository: LiveRepository | undefined,
  context: PrepareContext,
  signal: AbortSignal,
): Promise<Preparation> {
  const name = spec.repositoryRef.name;
  if (repository === undefined) {
    return waiting(
      'RepositoryNotFound',
      `there is no TakoRepository ${name} in namespace ${namespace}: create it, or correct spec.workflow.repositoryRef.name`,
    );
  }
  const { status } = repository;
  if (spec.ref === undefined && (status?.revision === undefined || status.slug === undefined)) {
    const ready = status?.conditions?.find(condition => condition.type === 'Ready');
    const unread = `it has not been read yet, does ${repository.spec.url} answer?`;
    return waiting('RepositoryNotReady', `TakoRepository ${name} is not ready: ${ready?.message ?? unread}`);
  }
  try {
    const credentials = await readCredentials(context.secrets, namespace, repository.spec.secretRef, signal);
    const shared = { repository: repository.spec, signal, ...(credentials === undefined ? {} : { credentials }) };
    const resolved: ResolvedRef =
      spec.ref === undefined
        ? { commit: status!.revision! }
        : await context.reader.resolveRef({ ...shared, ref: spec.ref });
    const loaded = await context.reader.loadWorkflowFile({ ...shared, commit: resolved.commit });
    const slug = status?.slug ?? repository.spec.slug;
    if (slug === undefined) return waiting('RepositoryNotReady', `TakoRepository ${name} has no slug yet`);
    const checked = checkWorkflow(spec, repository, { slug, commit: resolved.commit, ...loaded }, context.options);
    if (checked.kind !== 'ready') return checked;
    const last = await context.reader.lastResolved({ ...shared, ref: repository.spec.ref });
    return { ...checked, facts: factsOf(resolved, last) };
  } catch (error) {
    if (error instanceof WorkflowFileError) return failed('InvalidConfig', error.message);
    if (isGitError(error, 'transient', 'auth')) return waiting(error.code, error.message);
    if (isGitError(error)) return failed(error.code, error.message);
    throw error;
  }
}

/**
 * The tags of a commit as its reference was resolved; for the repository's own revision, and for a run that was pinned to it, as the
 * last look at the repository found them.
 */
function factsOf(resolved: ResolvedRef, last: ResolvedRef | undefined): CheckoutFacts | undefined {
  return resolved.description ?? (last?.commit === resolved.commit ? last.description : undefined);
}

interface LoadedAt {
  readonly slug: string;
  readonly commit: string;
  readonly file: TakoFile;
  readonly digest: string;
}

/** The checks that need no I/O: the workflow exists, its inputs fit, and everything that its steps ask for is allowed. */
export function checkWorkflow(
  spec: WorkflowSpec,
  repository: LiveRepository,
  at: LoadedAt,
  options: RunOptions,
): Preparation {
  const workflow = ownValue(at.file.workflows, spec.name);
  const place = `${repository.spec.path} of ${at.slug} at ${at.commit.slice(0, 12)}`;
  if (workflow === undefined) {
    const known = Object.keys(at.file.workflows);
    const guess = nearest(spec.name, known);
    const hint = guess === undefined ? `it has ${known.join(', ') || 'none'}` : `did you mean ${guess}?`;
    return failed('WorkflowNotFound', `${place} has no workflow "${spec.name}": ${hint}`);
  }
  const inputs = resolveInputs(workflow.inputs, spec.inputs ?? {});
  if (!inputs.ok) return failed('InvalidInputs', `workflow ${workflow.name}: ${inputs.errors.join('; ')}`);

  const containers = groupSteps(workflow, { image: options.stepImage });
  const problems = notAllowed(workflow, containers, repository.spec);
  if (problems.length > 0) return failed('NotAllowed', `workflow ${workflow.name}: ${problems.join('; ')}`);
  return {
    kind: 'ready',
    slug: at.slug,
    commit: at.commit,
    configDigest: at.digest,
    workflow,
    containers,
    inputs: inputs.values,
  };
}
