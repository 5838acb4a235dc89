import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { containerOf, groupSteps } from './containers.ts';
import { parseTakoFile } from './parse.ts';
import type { Workflow } from './types.ts';

const DEFAULTS = { image: 'alpine:3' };

/** A workflow from the YAML of its body. */
function workflow(body: string): Workflow {
  const indented = body.trimEnd().replaceAll('\n', '\n    ');
  const result = parseTakoFile(`version: 1\nworkflows:\n  test:\n    ${indented}\n`);
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.file.workflows.test!;
}

const group = (body: string) => groupSteps(workflow(body), DEFAULTS);

describe('groupSteps', () => {
  test('given five steps in one image, then one container has them all', () => {
    const plans = group('steps: [a, b, c, d, e]');
    expect(plans).toEqual([
      {
        name: 'step-0',
        image: 'alpine:3',
        securityProfile: 'default',
        capabilities: [],
        volumes: [],
        resources: {},
        secrets: [],
        longRunning: false,
        steps: [0, 1, 2, 3, 4],
        failureScripts: [],
      },
    ]);
  });

  test('given images of step, workflow and operator, then the nearest counts, in order of first use', () => {
    const plans = group(
      'image: golang:1.22\nsteps:\n- a\n- {run: b, image: node:26}\n- c\n- {run: d, image: golang:1.22}',
    );
    expect(plans.map(({ name, image, steps }) => ({ name, image, steps }))).toEqual([
      { name: 'step-0', image: 'golang:1.22', steps: [0, 2, 3] },
      { name: 'step-1', image: 'node:26', steps: [1] },
    ]);
  });

  test.each([
    ['security_profile', '{run: b, security_profile: strict}'],
    ['capabilities', '{run: b, capabilities: [CHOWN]}'],
    ['volumes', '{run: b, volumes: [{source: v, destination: /v}]}'],
    ['read_only of a volume', '{run: b, volumes: [{source: v, destination: /v, read_only: true}]}'],
    ['resources', '{run: b, resources: {cpu_limit: 2}}'],
    ['secrets', '{run: b, env: {T: TOKEN}}'],
    ['secrets of on_failure', '{run: b, on_failure: [{run: c, env: {T: TOKEN}}]}'],
  ])('given a step that differs in its %s, then it has another container', (_, step) => {
    expect(group(`secrets: [TOKEN]\nsteps:\n- a\n- ${step}\n- c`).map(({ steps }) => steps)).toEqual([[0, 2], [1]]);
  });

  test.each([
    ['variables and names', '{run: b, name: B, env: {X: y}}'],
    ['network', '{run: b, network: default}'],
    ['the spelling of capabilities', '{run: b, capabilities: []}'],
    ['what it produces', '{run: b, produces: {outputs: {v: from_stdout}}}'],
  ])('given a step that differs only in %s, then it shares', (_, step) => {
    expect(group(`steps:\n- a\n- ${step}`)).toHaveLength(1);
  });

  test('given the same things in another order, then they are the same environment', () => {
    const plans = group(`
secrets: [A_TOKEN, B_TOKEN]
steps:
- {run: a, env: {X: B_TOKEN, Y: A_TOKEN}, capabilities: [CAP_CHOWN, KILL], volumes: [{source: v, destination: /v}, {source: w, destination: /w}]}
- {run: b, env: {Z: A_TOKEN, W: B_TOKEN}, capabilities: [KILL, CHOWN], volumes: [{source: w, destination: /w}, {source: v, destination: /v}]}`);
    expect(plans).toHaveLength(1);
    expect(plans[0]).toMatchObject({
      secrets: ['A_TOKEN', 'B_TOKEN'],
      capabilities: ['CHOWN', 'KILL'],
      volumes: [
        { source: 'v', destination: '/v', readOnly: false },
        { source: 'w', destination: '/w', readOnly: false },
      ],
    });
  });

  test("given the workflow's limits, then a step's own replace them one by one", () => {
    const plans = group(
      'resources: {cpu_limit: 1, mem_limit: 1Gi}\nsteps:\n- a\n- {run: b, resources: {cpu_limit: 2}}\n- {run: c, resources: {cpu_limit: 1}}',
    );
    expect(plans.map(({ resources, steps }) => ({ resources, steps }))).toEqual([
      { resources: { cpuLimit: '1', memLimit: '1Gi' }, steps: [0, 2] },
      { resources: { cpuLimit: '2', memLimit: '1Gi' }, steps: [1] },
    ]);
  });

  test('given long-running steps, then each has a container of its own', () => {
    const plans = group('steps:\n- a\n- {run: b, long_running: true}\n- {run: c, long_running: true}\n- d');
    expect(plans.map(({ steps, longRunning }) => ({ steps, longRunning }))).toEqual([
      { steps: [0, 3], longRunning: false },
      { steps: [1], longRunning: true },
      { steps: [2], longRunning: true },
    ]);
  });

  test('given built-in steps, then they need a container only for their on_failure scripts', () => {
    const fanOut = 'uses: tako/fan-out@v1, with: {event_type: built}';
    expect(group(`steps: [{${fanOut}}]`)).toEqual([]);
    const plans = group(
      `steps:\n- a\n- {${fanOut}, on_failure: [rollback]}\n- {${fanOut}, image: "x:1", on_failure: [rollback]}`,
    );
    expect(plans.map(({ image, steps, failureScripts }) => ({ image, steps, failureScripts }))).toEqual([
      { image: 'alpine:3', steps: [0], failureScripts: [1] },
      { image: 'x:1', steps: [], failureScripts: [2] },
    ]);
    expect(containerOf(plans, 2)?.name).toBe('step-1');
  });

  test('given any workflow, then every run step is in exactly one container, with its on_failure scripts and no secret that it does not name', () => {
    const step = fc.record({
      image: fc.constantFrom('', ', image: "a:1"', ', image: "b:1"'),
      secret: fc.constantFrom('', ', env: {X: ONE}', ', env: {X: TWO, Y: ONE}'),
      long: fc.constantFrom('', ', long_running: true'),
      failure: fc.constantFrom('', ', on_failure: [f]'),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), steps => {
        const lines = steps.map(({ image, secret, long, failure }) => `- {run: x${image}${secret}${long}${failure}}`);
        const flow = workflow(`secrets: [ONE, TWO]\nsteps:\n${lines.join('\n')}`);
        const plans = groupSteps(flow, DEFAULTS);
        expect(plans.flatMap(plan => plan.steps).sort((a, b) => a - b)).toEqual(steps.map((_, index) => index));
        expect(new Set(plans.map(({ name }) => name)).size).toBe(plans.length);
        for (const { index, onFailure, env } of flow.steps) {
          const plan = containerOf(plans, index)!;
          expect(plan.failureScripts.includes(index)).toBe(onFailure.length > 0);
          const own = Object.values(env).flatMap(value => (value.kind === 'secret' ? [value.name] : []));
          expect(plan.secrets).toEqual([...new Set(own)].sort());
        }
        for (const plan of plans) if (plan.longRunning) expect(plan.steps).toHaveLength(1);
      }),
      { numRuns: 50 },
    );
  });
});
