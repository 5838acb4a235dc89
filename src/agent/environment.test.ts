import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkVariableName, environmentPrelude, takoVariables } from './environment.ts';
import { assignmentOf } from './testing/builders.ts';

function run(prelude: string, body: string, env: Record<string, string> = {}): string {
  return execFileSync('sh', ['-c', `${prelude}\n${body}`], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', ...env },
  });
}

describe('the variables of a step', () => {
  it('given a checkout, then Tako tells what is known of it', () => {
    expect(takoVariables(assignmentOf(), { tag: 'v1.2.0', describe: 'v1.2.0-3-gabcdef0' }, '/workspace')).toEqual({
      TAKO_RUN_ID: 'exec-20260101-000000-00000000',
      TAKO_ATTEMPT: '1',
      TAKO_WORKFLOW: 'release',
      TAKO_REPOSITORY: 'acme/core-lib',
      TAKO_COMMIT: 'a'.repeat(40),
      TAKO_GIT_TAG: 'v1.2.0',
      TAKO_GIT_DESCRIBE: 'v1.2.0-3-gabcdef0',
      TAKO_WORKSPACE: '/workspace',
    });
  });

  it('given a commit without a tag, then the variables are there and empty, for scripts with set -u', () => {
    const variables = takoVariables(assignmentOf(), {}, '/workspace');
    expect(variables).toMatchObject({ TAKO_GIT_TAG: '', TAKO_GIT_DESCRIBE: '' });
  });

  it.each(['PATH', 'HOME', '_x', 'A1'])('given the name %s, then it is good', name => {
    expect(checkVariableName(name)).toBeUndefined();
  });

  it.each(['1A', 'A-B', 'A B', '', 'A;rm'])('given the name "%s", then the message says what a name is', name => {
    expect(checkVariableName(name)).toContain('is not a valid variable name');
  });

  it.each(['TAKO_X', 'IFS', 'ENV', 'BASH_ENV', 'PS4', 'LD_PRELOAD', 'SHELLOPTS'])(
    'given the name %s, then it is reserved',
    name => {
      expect(checkVariableName(name)).toContain('is reserved');
    },
  );

  it('property: every value arrives in the script as it is', () => {
    const value = fc.string({ unit: fc.constantFrom("'", '"', '$', '`', '\\', '\n', 'é', ' ', '(', '#', '%') });
    fc.assert(
      fc.property(value, text => {
        const prelude = environmentPrelude('/', {}, { V: { kind: 'literal', value: text } });
        expect(run(prelude, 'printf %s "$V"; sh -c \'printf "|%s" "$V"\'')).toBe(`${text}|${text}`);
      }),
      { numRuns: 40 },
    );
  });

  it('given a secret, then it is there under the name that the step gave it, and not under its own', () => {
    const prelude = environmentPrelude('/', {}, { GH: { kind: 'secret', name: 'TOKEN' } });
    expect(
      run(prelude, 'sh -c \'printf "%s %s" "$GH" "${TAKO_SECRET_TOKEN-gone}"\'', { TAKO_SECRET_TOKEN: "s'3" }),
    ).toBe("s'3 gone");
    expect(prelude).not.toContain("s'3");
  });

  it('given one secret under two names, then both have it', () => {
    const secret = { kind: 'secret', name: 'TOKEN' } as const;
    const prelude = environmentPrelude('/', {}, { A: secret, B: secret });
    expect(run(prelude, 'printf "%s%s" "$A" "$B"', { TAKO_SECRET_TOKEN: 'x' })).toBe('xx');
  });

  it('given a command that fails, then the script ends there', () => {
    expect(() => run(environmentPrelude('/', {}, {}), 'false; echo on')).toThrow();
  });

  it('given a workspace that is not there, then the script does not run somewhere else', () => {
    expect(() => run(environmentPrelude('/no/such/place', {}, {}), 'echo here')).toThrow();
  });
});
