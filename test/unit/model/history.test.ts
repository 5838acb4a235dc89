import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTerminal } from '../../../src/api/takorun-status.ts';
import type { Action, Decision } from '../../../src/controllers/run/decision.ts';
import { planEventRun } from '../../../src/controllers/run/plan-event.ts';
import { planWorkflowRun } from '../../../src/controllers/run/plan-workflow.ts';
import type { Planners } from '../../../src/controllers/run/reconciler.ts';
import { histories } from './commands.ts';
import { comeToRest } from './rest.ts';
import { createModelWorld } from './world.ts';

/**
 * Histories that are tried. For a long look: `TAKO_MODEL_RUNS=20000 npm run test:unit -- test/unit/model`. A failure prints its seed and the
 * shortest history that was found to fail.
 */
const RUNS = Number(process.env.TAKO_MODEL_RUNS ?? 150);

const correct: Planners = { workflow: planWorkflowRun, event: planEventRun };

/** Lets random histories happen to an operator with these planners. After each of them all comes to rest, and is looked at. */
function check(
  planners: Planners,
  parameters: Pick<fc.Parameters, 'numRuns' | 'seed' | 'endOnFailure'>,
): Promise<void> {
  const property = fc.asyncProperty(histories(120), async commands => {
    const world = createModelWorld(planners);
    await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
    await comeToRest(world);
  });
  return fc.assert(property, parameters);
}

describe('the run controller', () => {
  it('property: given any history of runs, failures, restarts, clock jumps and API faults, then each run ends once, no attempt runs twice, a parent ends with its children, and the numbers are right', async () => {
    await check(correct, { numRuns: RUNS });
  }, 3_600_000);
});

function changed(decision: Decision, change: (actions: readonly Action[]) => readonly Action[]): Decision {
  return { ...decision, before: change(decision.before), after: change(decision.after) };
}

/** Planners with a bug, and how it shows. */
const planted: Record<string, { readonly planners: Partial<Planners>; readonly shows: RegExp }> = {
  'lets no Pod go': {
    planners: {
      workflow: observation =>
        changed(planWorkflowRun(observation), actions => actions.filter(({ kind }) => kind !== 'releasePod')),
    },
    shows: /was not let go/,
  },
  'names a Pod by the time': {
    planners: {
      workflow: observation =>
        changed(planWorkflowRun(observation), actions =>
          actions.map(action => {
            if (action.kind !== 'createPod') return action;
            const { metadata } = action.pod;
            return {
              ...action,
              pod: { ...action.pod, metadata: { ...metadata, name: `${metadata.name}-${observation.now}` } },
            };
          }),
        ),
    },
    shows: /got a second Pod/,
  },
  'forgets that a run has ended': {
    planners: {
      workflow: observation => {
        const { run } = observation;
        const { phase, ...status } = run.status ?? {};
        return planWorkflowRun(isTerminal(phase) ? { ...observation, run: { ...run, status } } : observation);
      },
    },
    shows: /ended as \w+, and then as/,
  },
  'overlooks children that run': {
    planners: {
      event: observation =>
        planEventRun({
          ...observation,
          children: observation.children.filter(({ status }) => isTerminal(status?.phase)),
        }),
    },
    shows: /ended as \w+ while .* had not/,
  },
  'drops children that succeeded from the numbers': {
    planners: {
      event: observation =>
        planEventRun({
          ...observation,
          children: observation.children.filter(({ status }) => status?.phase !== 'Succeeded'),
        }),
    },
    shows: /completed is 0, there are/,
  },
};

describe('what finds bugs', () => {
  it.each(Object.entries(planted))(
    'given a planner that %s, then a history shows it',
    async (_, { planners, shows }) => {
      const failure = check({ ...correct, ...planners }, { numRuns: 300, seed: 1, endOnFailure: true });
      const error = await failure.then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(String((error?.cause as Error | undefined)?.message)).toMatch(shows);
    },
    120_000,
  );
});
