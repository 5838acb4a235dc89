import { describe, expect, test } from 'vitest';
import { takoRepositoryStatusSchema } from '../../api/takorepository.ts';
import { parseTakoFile } from '../../workflow/parse.ts';
import type { TakoFile } from '../../workflow/types.ts';
import { summarize } from './summary.ts';

function file(text: string): TakoFile {
  const parsed = parseTakoFile(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed.file;
}

const RELEASE = `
version: 1
artifacts:
  core: {path: .}
workflows:
  release:
    inputs:
      bump: {type: string, default: patch, description: "${'d'.repeat(2000)}"}
      count: {type: number, required: true}
    steps: [echo hi]
  plain:
    steps: [echo hi]
subscriptions:
  - artifact: acme/core-lib:core
    events: [library_built]
    schema_version: ^1.0.0
    filters: ["event.payload.x == 1"]
    workflow: release
    inputs: {bump: "{{ .event.payload.bump }}", count: "1"}
  - {artifact: "acme/other:core", events: [a, b], workflow: plain}
`;

describe('summarize', () => {
  test('given a file, then the status has what others need to know, in the bounds of the CRD', () => {
    const result = summarize(file(RELEASE), ['a note']);
    if (!result.ok) throw new Error(result.message);

    expect(result.summary).toEqual({
      artifacts: ['core'],
      workflows: [
        {
          name: 'release',
          inputs: [
            { name: 'bump', type: 'string', default: 'patch', description: 'd'.repeat(1024) },
            { name: 'count', type: 'number', required: true },
          ],
        },
        { name: 'plain' },
      ],
      subscriptions: [
        {
          index: 0,
          source: 'acme/core-lib:core',
          events: ['library_built'],
          schemaVersion: '^1.0.0',
          filters: ['event.payload.x == 1'],
          workflow: 'release',
          inputs: { bump: '{{ .event.payload.bump }}', count: '1' },
        },
        { index: 1, source: 'acme/other:core', events: ['a', 'b'], workflow: 'plain' },
      ],
      notes: ['a note'],
    });
    expect(takoRepositoryStatusSchema.safeParse(result.summary).success).toBe(true);
  });

  test('given many long notes, then they are cut and counted', () => {
    const result = summarize(
      file(RELEASE),
      Array.from({ length: 40 }, () => 'n'.repeat(2000)),
    );
    if (!result.ok) throw new Error(result.message);

    expect(result.summary.notes).toHaveLength(32);
    expect(result.summary.notes?.[0]).toHaveLength(1024);
    expect(result.summary.notes?.at(-1)).toBe('and 9 more');
  });

  test('given a file of more than 256 KiB as JSON, then it is refused with the bound', () => {
    const script = 'x'.repeat(100 * 1024);
    const large = file(`version: 1\nworkflows:\n  a:\n    steps: [${[1, 2, 3].map(() => script).join(', ')}]\n`);

    expect(summarize(large, [])).toMatchObject({ ok: false, message: expect.stringContaining('262144') });
  });

  test('given more workflows than the status takes, then it is refused and names what is too many', () => {
    const many = file(
      `version: 1\nworkflows:\n${Array.from({ length: 300 }, (_, index) => `  w${index}: {steps: [a]}`).join('\n')}\n`,
    );

    expect(summarize(many, [])).toMatchObject({ ok: false, message: expect.stringContaining('workflows') });
  });

  test('given a subscription with more inputs than the status takes, then it is refused', () => {
    const crowded = file(RELEASE);
    const inputs = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`i${index}`, 'x']));
    const [first] = crowded.subscriptions;

    const result = summarize({ ...crowded, subscriptions: first ? [{ ...first, inputs }] : [] }, []);

    expect(result).toMatchObject({ ok: false, message: expect.stringContaining('subscriptions.0.inputs') });
  });
});
