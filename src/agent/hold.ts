import type { Workflow } from '../workflow/types.ts';
import type { AgentResult, Assignment } from './contract.ts';

/**
 * The step container that somebody would look into after a failure: that of the step which failed, or else the first that still lives, as
 * all of them have the workspace. undefined: nothing is to be kept, or nothing is left of it. A run that was stopped is not kept, since
 * whoever stopped it wants it gone, nor one of which no step has run.
 */
export function containerToHold(
  { retainSeconds = 0, containers }: Pick<Assignment, 'retainSeconds' | 'containers'>,
  { steps }: Pick<Workflow, 'steps'>,
  result: Pick<AgentResult, 'state' | 'errorType' | 'steps'>,
  isAlive: (container: string) => boolean,
): string | undefined {
  if (retainSeconds === 0 || result.state === 'succeeded' || result.errorType === 'canceled') return undefined;
  const ran = result.steps.filter(({ phase }) => phase !== 'Skipped');
  if (ran.length === 0) return undefined;
  const failed = ran.find(({ phase }) => phase === 'Failed' || phase === 'TimedOut');
  const index = steps.find(({ id }) => id === failed?.id)?.index ?? -1;
  const own = containers.find(container => container.steps.includes(index));
  return [...(own === undefined ? [] : [own]), ...containers].find(({ name }) => isAlive(name))?.name;
}
