import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { containerOf, groupSteps } from '../../workflow/containers.ts';
import type { Workflow } from '../../workflow/types.ts';
import { createCondition } from '../condition.ts';
import { type AgentResult, type Assignment, type CheckoutFacts, secretVariable } from '../contract.ts';
import { compileMask } from '../protocol/mask.ts';
import { startTestContainer, type TestContainer } from '../protocol/testing.ts';
import { runSteps, type StepsOptions } from '../steps.ts';
import { assignmentOf, createMemoryGateway, workflowOf } from './builders.ts';

export interface RunWorkflowOptions {
  readonly gateway?: StepsOptions['gateway'];
  readonly assignment?: Partial<Assignment>;
  readonly facts?: CheckoutFacts;
  /** Values of the secrets that steps may name. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly graceMs?: number;
  /** Called when the step containers are ready. */
  readonly onReady?: (containers: readonly TestContainer[], workspace: string) => void;
}

export interface RunWorkflowResult {
  readonly result: AgentResult;
  /** What the step containers have logged, by name. */
  readonly logs: Readonly<Record<string, string>>;
}

/** Runs a workflow (its body as YAML) in step containers that are plain processes, one for each distinct environment. */
export async function runWorkflow(body: string, options: RunWorkflowOptions = {}): Promise<RunWorkflowResult> {
  const { secrets = {}, gateway = createMemoryGateway(), facts = {}, graceMs = 1_000, onReady } = options;
  const workflow: Workflow = workflowOf(body);
  const plans = groupSteps(workflow, { image: 'default' });
  const workspace = mkdtempSync(path.join(tmpdir(), 'tako-workspace-'));
  chmodSync(workspace, 0o777);
  const mask = compileMask(Object.entries(secrets).map(([name, value]) => ({ name, value })));
  const condition = createCondition();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rmSync(workspace, { recursive: true, force: true }));
  cleanup.defer(() => condition.close());
  const containers = new Map<string, TestContainer>();
  for (const plan of plans) {
    const env = Object.fromEntries(plan.secrets.map(name => [secretVariable(name), secrets[name] ?? '']));
    const started = await startTestContainer({ shell: 'dash', name: plan.name, mask, env });
    containers.set(plan.name, cleanup.use(started));
  }
  onReady?.([...containers.values()], workspace);
  const result = await runSteps({
    assignment: assignmentOf(options.assignment),
    workflow,
    facts,
    containerOf: index => containers.get(containerOf(plans, index)?.name ?? '')!.container,
    gateway,
    mask,
    evaluate: condition.evaluate,
    signal: options.signal ?? new AbortController().signal,
    graceMs,
    workspace,
  });
  for (const { container, logged } of containers.values()) {
    await container.close();
    await logged;
  }
  const logs = Object.fromEntries([...containers].map(([name, { log }]) => [name, log().toString('utf8')]));
  return { result, logs };
}
