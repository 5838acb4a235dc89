import type { EnvValue, Resources, SecurityProfile, Step, VolumeMount, Workflow } from './types.ts';

/** What a container is made with. Steps that agree in all of it share one. */
interface StepEnvironment {
  image: string;
  securityProfile: SecurityProfile;
  /** Sorted. */
  capabilities: string[];
  /** In order of destination. */
  volumes: VolumeMount[];
  /** The step's own, completed by the workflow's. */
  resources: Resources;
  /**
   * Names of the secrets that its scripts get, sorted. A container is one trust domain: whoever runs in it can get at
   * all of them.
   */
  secrets: string[];
}

/** One step container of a run's Pod. */
export interface StepContainerPlan extends StepEnvironment {
  /** `step-0`, `step-1`, ... in order of first use. */
  name: string;
  /** It belongs to one long-running step alone. */
  longRunning: boolean;
  /** Indices of the `run` steps that run here, ascending. */
  steps: number[];
  /** Indices of the steps whose `on_failure` scripts run here, ascending: those of `steps`, and of `uses` steps. */
  failureScripts: number[];
}

export interface ContainerDefaults {
  /** Image of the steps for which neither step nor workflow names one. */
  image: string;
}

/**
 * Sorts a workflow's scripts into as few containers as their differences allow: one for each distinct environment, in
 * order of first use, and one for each long-running step. Every `run` step is in exactly one container, its
 * `on_failure` scripts with it. A `uses` step runs in the agent (or in its tools container) and is in none, unless it
 * has `on_failure` scripts: those need a container with a shell.
 */
export function groupSteps(workflow: Workflow, defaults: ContainerDefaults): StepContainerPlan[] {
  const plans: StepContainerPlan[] = [];
  const shared = new Map<string, StepContainerPlan>();
  for (const step of workflow.steps) {
    if (step.kind === 'uses' && step.onFailure.length === 0) continue;
    const environment = environmentOf(step, workflow, defaults);
    const key = JSON.stringify(environment);
    let plan = step.longRunning ? undefined : shared.get(key);
    if (plan === undefined) {
      plan = {
        name: `step-${plans.length}`,
        ...environment,
        longRunning: step.longRunning,
        steps: [],
        failureScripts: [],
      };
      plans.push(plan);
      if (!step.longRunning) shared.set(key, plan);
    }
    if (step.kind === 'run') plan.steps.push(step.index);
    if (step.onFailure.length > 0) plan.failureScripts.push(step.index);
  }
  return plans;
}

/** The container in which a step's scripts run; undefined for a `uses` step without any. */
export function containerOf(plans: readonly StepContainerPlan[], stepIndex: number): StepContainerPlan | undefined {
  return plans.find(plan => plan.steps.includes(stepIndex) || plan.failureScripts.includes(stepIndex));
}

function environmentOf(step: Step, workflow: Workflow, defaults: ContainerDefaults): StepEnvironment {
  return {
    image: step.image ?? workflow.image ?? defaults.image,
    securityProfile: step.securityProfile,
    capabilities: [...step.capabilities].sort(),
    volumes: [...step.volumes].sort((a, b) => compare(a.destination, b.destination) || compare(a.source, b.source)),
    resources: resourcesOf(step.resources, workflow.resources),
    secrets: secretsOf(step),
  };
}

/** With a fixed order of keys, so that equal limits look equal as text. */
function resourcesOf(own: Resources = {}, common: Resources = {}): Resources {
  const cpuLimit = own.cpuLimit ?? common.cpuLimit;
  const memLimit = own.memLimit ?? common.memLimit;
  const diskLimit = own.diskLimit ?? common.diskLimit;
  return {
    ...(cpuLimit !== undefined && { cpuLimit }),
    ...(memLimit !== undefined && { memLimit }),
    ...(diskLimit !== undefined && { diskLimit }),
  };
}

function secretsOf(step: Step): string[] {
  const values: EnvValue[] = [step, ...step.onFailure].flatMap(({ env }) => Object.values(env));
  return [...new Set(values.flatMap(value => (value.kind === 'secret' ? [value.name] : [])))].sort(compare);
}

/** By code unit: the same on every machine, whatever its locale. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
