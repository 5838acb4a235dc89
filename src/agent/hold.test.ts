import { describe, expect, it } from 'vitest';
import type { AgentResult } from './contract.ts';
import { containerToHold } from './hold.ts';
import { workflowOf } from './testing/builders.ts';

const workflow = workflowOf(`steps:
  - {id: build, run: make}
  - {id: test, image: other, run: make test}
  - {id: tell, uses: tako/fan-out@v1, with: {event_type: built}}`);
const containers = [
  { name: 'step-0', steps: [0] },
  { name: 'step-1', steps: [1] },
];
const assignment = { retainSeconds: 60, containers };

function failed(phases: readonly AgentResult['steps'][number]['phase'][], changes: Partial<AgentResult> = {}) {
  const steps = phases.map((phase, index) => ({ id: workflow.steps[index]!.id, phase }));
  return { state: 'failed' as const, errorType: 'workflow_failed' as const, steps, ...changes };
}

const hold = (
  result: Pick<AgentResult, 'state' | 'errorType' | 'steps'>,
  dead: readonly string[] = [],
  given: Parameters<typeof containerToHold>[0] = assignment,
) => containerToHold(given, workflow, result, name => !dead.includes(name));

describe('the container that is held for a look', () => {
  it("given a step that failed, then it is that step's", () => {
    expect(hold(failed(['Succeeded', 'Failed', 'Skipped']))).toBe('step-1');
    expect(hold(failed(['Failed', 'Skipped', 'Skipped']))).toBe('step-0');
  });

  it("given a step that ran out of time, then it is that step's", () => {
    expect(hold(failed(['Succeeded', 'TimedOut'], { errorType: 'timeout' }))).toBe('step-1');
  });

  it('given a failed step without a container, then it is the first', () => {
    expect(hold(failed(['Succeeded', 'Succeeded', 'Failed']))).toBe('step-0');
  });

  it('given that its container died, then another one has the workspace too', () => {
    expect(hold(failed(['Succeeded', 'Failed']), ['step-1'])).toBe('step-0');
    expect(hold(failed(['Succeeded', 'Failed']), ['step-0', 'step-1'])).toBeUndefined();
  });

  it.each<[string, Pick<AgentResult, 'state' | 'errorType' | 'steps'>, Parameters<typeof containerToHold>[0]]>([
    ['a run that nobody wants kept', failed(['Failed']), { containers }],
    ['a success', failed(['Succeeded'], { state: 'succeeded' }), assignment],
    ['a run that was stopped', failed(['Canceled'], { errorType: 'canceled' }), assignment],
    ['a run of which no step ran', failed(['Skipped', 'Skipped']), assignment],
    ['a run that was not even prepared', failed([], { errorType: 'execution_failed' }), assignment],
  ])('given %s, then none', (_, result, given) => {
    expect(hold(result, [], given)).toBeUndefined();
  });
});
