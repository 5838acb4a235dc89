import type { TakoRepositorySpec } from '../../api/takorepository.ts';
import type { StepContainerPlan } from '../../workflow/containers.ts';
import type { Step, Workflow } from '../../workflow/types.ts';
import { isOfCache } from '../cache/claim.ts';

/** Built-ins that this version runs. */
const SUPPORTED_BUILTINS = new Set(['tako/fan-out@v1']);

/**
 * Types of volumes that a repository may hand to its steps: those of Pod Security `restricted` without `projected`, which could mount a
 * token for the API server.
 */
const VOLUME_TYPES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'secret',
]);

/** Step containers of a Pod. With more there would be no room for a result in the agent's termination message. */
export const MAX_STEP_CONTAINERS = 16;

type Spec = Pick<TakoRepositorySpec, 'secrets' | 'runTemplate'>;

/** What the steps ask for and the repository or this version does not give; each a clause for a user. */
export function notAllowed(workflow: Workflow, containers: readonly StepContainerPlan[], spec: Spec): string[] {
  const problems = workflow.steps.flatMap(step =>
    stepProblems(step, spec).map(problem => `step ${step.id}: ${problem}`),
  );
  if (containers.length > MAX_STEP_CONTAINERS) {
    problems.push(
      `its steps need ${containers.length} containers, a Pod has at most ${MAX_STEP_CONTAINERS}: let steps share image, resources, volumes and secrets`,
    );
  }
  const provided = new Set(spec.secrets?.map(({ name }) => name));
  for (const secret of new Set(containers.flatMap(container => container.secrets))) {
    if (!provided.has(secret)) {
      problems.push(`secret ${secret} is not in spec.secrets of the TakoRepository: map it to a key of a Secret`);
    }
  }
  return problems;
}

function stepProblems(step: Step, { runTemplate }: Spec): string[] {
  const problems: string[] = [];
  if (step.kind === 'uses' && !SUPPORTED_BUILTINS.has(step.uses)) {
    problems.push(`${step.uses} cannot be run by this version of Tako`);
  }
  if (step.capabilities.length > 0) {
    problems.push(`capabilities ${step.capabilities.join(', ')} are not allowed by the operator`);
  }
  const volumes = new Map(runTemplate?.volumes?.map(({ name, volume }) => [name, volume]));
  const destinations = new Set<string>();
  for (const { source, destination } of step.volumes) {
    const volume = volumes.get(source);
    const place = destination.replace(/(?<=.)\/+$/, '');
    if (volume === undefined) {
      problems.push(`volume "${source}" is not in spec.runTemplate.volumes of the TakoRepository`);
    } else {
      const [type, ...more] = Object.keys(volume);
      if (type === undefined || more.length > 0 || !VOLUME_TYPES.has(type)) {
        const kinds = [...VOLUME_TYPES].join(', ');
        problems.push(`volume "${source}" of the TakoRepository must be exactly one of ${kinds}`);
      }
      if (isOfCache(volume))
        problems.push(`volume "${source}" of the TakoRepository is the cache, which no step may have`);
    }
    if (destinations.has(place)) problems.push(`two volumes are mounted at ${place}`);
    destinations.add(place);
  }
  return problems;
}
