import type { Step } from '../workflow/types.ts';

/**
 * Whether a waiting fan-out may let its Pod go: the run then waits for the children without one.
 *
 * That is so in last position, when nothing is left for the Pod to do afterwards: no further step (one with an `if` counts, for the condition
 * can depend on how the fan-out ended), no `on_failure` of the fan-out, and no long-running step that the children may want beside them.
 */
export function releasesPod(steps: readonly Step[], index: number): boolean {
  const step = steps[index];
  if (step === undefined || step.kind !== 'uses' || step.uses !== 'tako/fan-out@v1') return false;
  return (
    step.with.waitForChildren &&
    index === steps.length - 1 &&
    step.onFailure.length === 0 &&
    !steps.some(other => other.longRunning)
  );
}

/** Whether a run of these steps will wait for children with its Pod in its hands. */
export function keepsPodWaiting(steps: readonly Step[]): boolean {
  return steps.some(
    (step, index) =>
      step.kind === 'uses' &&
      step.uses === 'tako/fan-out@v1' &&
      step.with.waitForChildren &&
      !releasesPod(steps, index),
  );
}
