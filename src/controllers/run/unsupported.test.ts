import { describe, expect, it } from 'vitest';
import type { TakoRunSpec } from '../../api/takorun.ts';
import { planEventRun } from './plan-event.ts';
import { planStart } from './plan-start.ts';
import { eventObservation, eventRun, workflowObservation, workflowRun } from './testing/builders.ts';
import { unsupportedFields, unsupportedMessage } from './unsupported.ts';

describe('fields that this version does not act on', () => {
  it.each<[string, Partial<TakoRunSpec>]>([['spec.dedupe: Tree', { dedupe: 'Tree' }]])(
    'given %s, then it is named',
    (field, spec) => {
      expect(unsupportedFields(spec)).toEqual([field]);
      expect(unsupportedMessage(spec)).toContain(`does not act on ${field}: leave it out`);
    },
  );

  it('given what asks for nothing, then nothing is refused', () => {
    const spec: TakoRunSpec = {
      dedupe: 'Event',
      idempotent: true,
    };
    expect(unsupportedMessage(spec)).toBeUndefined();
  });

  it('given such a run of a workflow, then it fails before it has a Pod', () => {
    const decision = planStart(workflowObservation({ run: workflowRun({ spec: { dedupe: 'Tree' } }) }));
    expect(decision.verdict).toMatchObject({ phase: 'Failed', reason: 'NotSupported' });
    expect(decision.before).toEqual([]);
  });

  it('given such a run of an event, then it fails before it has children', () => {
    const decision = planEventRun(eventObservation({ run: eventRun({ spec: { dedupe: 'Tree' } }) }));
    expect(decision.verdict).toMatchObject({ phase: 'Failed', reason: 'NotSupported' });
  });
});
