import { setTimeout as sleep } from 'node:timers/promises';
import { type CheckoutRequest, checkout } from '../git/checkout.ts';
import { GitError } from '../git/errors.ts';
import { parseGitUrl } from '../git/url.ts';
import type { Workflow } from '../workflow/types.ts';
import type { CacheCheckoutOptions } from './cached-checkout.ts';
import { createCondition } from './condition.ts';
import { type AgentResult, type Assignment, type CheckoutFacts, PROTOCOL_VERSION } from './contract.ts';
import type { GatewayClient } from './gateway-client.ts';
import { containerToHold } from './hold.ts';
import { PreparationError } from './preparation-error.ts';
import { openStepContainer, type StepContainer } from './protocol/container.ts';
import { ProtocolError } from './protocol/errors.ts';
import type { Mask } from './protocol/mask.ts';
import { cut, messageOf, TIMEOUT } from './step-end.ts';
import { runSteps } from './steps.ts';

export interface RunAssignmentOptions {
  readonly assignment: Assignment;
  readonly mask: Mask;
  readonly gateway: GatewayClient;
  /** Names of secrets whose values are not known, and so not masked. */
  readonly unmasked: readonly string[];
  /** Aborted with `TIMEOUT` at the deadline, with another reason when the Pod is being deleted. */
  readonly signal: AbortSignal;
  /** From TERM to KILL of a step, milliseconds. */
  readonly graceMs: number;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
  readonly paths: AgentPaths;
}

/** Directories of the agent's container. */
export interface AgentPaths {
  /** The workspace, here and in the step containers. */
  readonly workspace: string;
  /** One directory a step container. */
  readonly io: string;
  /** For what only the agent sees. */
  readonly state: string;
  readonly gitCredentials: string;
  /** The cache of the namespace; there only when the assignment has `cache`. */
  readonly cache: string;
}

/** Time for the gateway to hear that locks are given back, when the run is over otherwise, milliseconds. They go with the Pod anyway. */
const RELEASE_MS = 3_000;

/**
 * Checks the commit out, runs the workflow and says how it ended. The step containers have ended then, or stay for people to look into, as
 * the result says. Never rejects.
 */
export async function runAssignment(options: RunAssignmentOptions): Promise<AgentResult> {
  const { assignment, signal, log, mask, paths, unmasked } = options;
  let containers: StepContainer[] = [];
  let held: AgentResult['held'];
  const dead = new Set<string>();
  const condition = createCondition();
  const closeLocks: ((limitMs: number) => Promise<void>)[] = [];
  try {
    // The step containers wait for their directories: these come first, the checkout runs while the containers start.
    containers = await Promise.all(
      assignment.containers.map(({ name }) => openStepContainer({ name, directory: `${paths.io}/${name}`, mask })),
    );
    for (const { name, ended } of containers) void ended.then(() => dead.add(name));
    const prepared = await prepare(options, close => closeLocks.push(close));
    log('checked out', { commit: assignment.repository.commit, milliseconds: Math.round(performance.now()) });
    await Promise.all(containers.map(container => greet(container, assignment, signal)));
    log('step containers are ready', { milliseconds: Math.round(performance.now()) });
    if (unmasked.length > 0) {
      const names = unmasked.join(', ');
      const message = `the value of ${names} came to be after the Pod and cannot be masked: create the run anew`;
      throw new PreparationError('SecretTooLate', message);
    }
    const result = await runSteps({
      assignment,
      workflow: prepared.workflow,
      facts: prepared.facts,
      containerOf: index => containers[assignment.containers.findIndex(({ steps }) => steps.includes(index))]!,
      gateway: options.gateway,
      mask,
      evaluate: condition.evaluate,
      signal,
      graceMs: options.graceMs,
      workspace: paths.workspace,
    });
    const container = containerToHold(assignment, prepared.workflow, result, name => !dead.has(name));
    held = container === undefined ? undefined : { container, seconds: assignment.retainSeconds! };
    return held === undefined ? result : { ...result, held };
  } catch (error) {
    return { protocol: PROTOCOL_VERSION, state: 'failed', ...causeOf(error, signal, mask), steps: [] };
  } finally {
    await condition.close();
    const holdSeconds = held?.seconds ?? 0;
    await Promise.all([
      ...containers.map(container => container.close({ holdSeconds })),
      ...closeLocks.map(close => close(RELEASE_MS)),
    ]);
  }
}

function causeOf(
  error: unknown,
  signal: AbortSignal,
  mask: Mask,
): Pick<AgentResult, 'errorType' | 'reason' | 'message'> {
  if (signal.aborted && signal.reason === TIMEOUT) {
    return { errorType: 'timeout', reason: 'TimedOut', message: 'the time limit of the run was reached' };
  }
  if (signal.aborted) return { errorType: 'canceled', reason: 'Canceled', message: 'the run was stopped' };
  return {
    errorType: 'execution_failed',
    reason: error instanceof PreparationError ? error.reason : 'AgentFailed',
    message: cut(mask.text(messageOf(error))),
  };
}

async function greet(container: StepContainer, assignment: Assignment, signal: AbortSignal): Promise<void> {
  const late = new AbortController();
  void sleep(assignment.startTimeoutMs, undefined, { signal: late.signal }).then(
    () =>
      late.abort(new PreparationError('StepContainerNotStarted', `container ${container.name} did not start in time`)),
    () => undefined,
  );
  try {
    await container.hello({ signal: AbortSignal.any([signal, late.signal]) });
  } catch (error) {
    if (error instanceof ProtocolError) throw new PreparationError('StepContainerDied', error.message);
    throw error;
  } finally {
    late.abort();
  }
}

async function prepare(
  { assignment, paths, signal, gateway, log }: RunAssignmentOptions,
  onOpen: CacheCheckoutOptions['onOpen'],
): Promise<{ workflow: Workflow; facts: CheckoutFacts }> {
  const { repository, cache } = assignment;
  const gitDirectory = `${paths.state}/git`;
  try {
    const request: CheckoutRequest = {
      url: parseGitUrl(repository.url),
      commit: repository.commit,
      gitDirectory,
      workTree: paths.workspace,
      ...(repository.credentials ? { credentials: { directory: paths.gitCredentials } } : {}),
      timeoutMs: assignment.gitTimeoutMs,
      limits: assignment.checkout,
      description: repository.facts,
      signal,
    };
    const facts =
      cache === undefined
        ? await checkout(request)
        : await useCache(request, { settings: cache, root: paths.cache, gateway, log, onOpen });
    const workflow = assignment.definition ?? (await readLongWorkflow(assignment, gitDirectory, signal));
    return { workflow, facts };
  } catch (error) {
    if (error instanceof GitError) {
      const reason = error.class === 'transient' ? 'GitUnavailable' : 'CheckoutFailed';
      throw new PreparationError(reason, `the checkout of ${repository.slug} failed: ${error.message}`);
    }
    throw error;
  }
}

async function useCache(request: CheckoutRequest, options: CacheCheckoutOptions): Promise<CheckoutFacts> {
  const { checkoutWithCache } = await import('./cached-checkout.ts');
  return await checkoutWithCache(request, options);
}

/** The parser is loaded for it alone: it is most of what the agent could load. */
async function readLongWorkflow(assignment: Assignment, gitDirectory: string, signal: AbortSignal): Promise<Workflow> {
  const { readWorkflow } = await import('./workflow-file.ts');
  return await readWorkflow(assignment, gitDirectory, signal);
}
