import { describe, expect, it } from 'vitest';
import type { EnvValue } from '../workflow/types.ts';
import { conditionVariables, resolveEnv, type ScopeSource, templateScope } from './scope.ts';
import { assignmentOf } from './testing/builders.ts';

const trigger = { type: 'built', source: 'acme/core:default', schemaVersion: '1.2.0', payload: { version: '1.4.0' } };

const source = (changes: Partial<ScopeSource> = {}): ScopeSource => ({
  assignment: assignmentOf({ inputs: { bump: 'patch' }, trigger }),
  workflow: { env: {} },
  facts: { tag: 'v1' },
  outputs: { build: { version: '1.4.0' } },
  ...changes,
});
const literal = (value: string): EnvValue => ({ kind: 'literal', value });

describe('the scope of templates', () => {
  it('given a triggered run, then all names have their values', () => {
    expect(templateScope(source(), { A: 'b' })).toEqual({
      inputs: { bump: 'patch' },
      steps: { build: { outputs: { version: '1.4.0' } } },
      outputs: {},
      env: { A: 'b' },
      event: { type: 'built', source: 'acme/core:default', schema_version: '1.2.0', payload: { version: '1.4.0' } },
      payload: { version: '1.4.0' },
      trigger: {
        repository: 'acme/core-lib',
        commit: 'a'.repeat(40),
        tag: 'v1',
        run_id: 'exec-20260101-000000-00000000',
      },
      artifacts: {},
    });
  });

  it('given a run that a person started, then the event is empty', () => {
    expect(templateScope(source({ assignment: assignmentOf() }))).toMatchObject({ event: {}, payload: {} });
  });

  it('given a condition, then it sees the same, and the short names of an event', () => {
    const variables = conditionVariables(
      source({ workflow: { env: { A: '{{ .inputs.bump }}', B: '{{ .steps.no.outputs.x }}' } } }),
    );
    expect(variables).toMatchObject({
      inputs: { bump: 'patch' },
      env: { A: 'patch' },
      event_type: 'built',
      schema_version: '1.2.0',
      source: 'acme/core:default',
    });
    expect(variables.env).not.toHaveProperty('B');
  });

  it('given a condition of a run without an event, then the short names are empty', () => {
    expect(conditionVariables(source({ assignment: assignmentOf() }))).toMatchObject({
      event: {},
      event_type: '',
      source: '',
    });
  });
});

describe('the variables of a step', () => {
  it("given templates, then they are rendered, and the step's own may speak of the workflow's", () => {
    const env = resolveEnv(source({ workflow: { env: { BASE: 'v{{ .inputs.bump }}' } } }), {
      FULL: literal('{{ .env.BASE }}-{{ .steps.build.outputs.version }}'),
      GH: { kind: 'secret', name: 'TOKEN' },
    });
    expect(env).toEqual({
      ok: true,
      env: {
        BASE: { kind: 'literal', value: 'vpatch' },
        FULL: { kind: 'literal', value: 'vpatch-1.4.0' },
        GH: { kind: 'secret', name: 'TOKEN' },
      },
      literals: { BASE: 'vpatch', FULL: 'vpatch-1.4.0' },
    });
  });

  it('given a secret under the name of a variable of the workflow, then templates do not see the old value', () => {
    const env = resolveEnv(source({ workflow: { env: { GH: 'plain' } } }), { GH: { kind: 'secret', name: 'TOKEN' } });
    expect(env).toEqual({ ok: true, literals: {}, env: { GH: { kind: 'secret', name: 'TOKEN' } } });
  });

  it.each([
    ['a template that cannot be rendered', { A: literal('{{ .inputs.none }}') }, 'env.A: '],
    ['a reserved name', { IFS: literal('x') }, 'env: IFS is reserved'],
  ])('given %s, then the message names the variable', (_, own, text) => {
    const env = resolveEnv(source(), own);
    expect(env.ok).toBe(false);
    expect(!env.ok && env.message).toContain(text);
  });
});
