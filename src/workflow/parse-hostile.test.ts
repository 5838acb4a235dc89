import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cpuMilliseconds } from '../../test/fixtures/cpu-time.ts';
import { checkCel } from './cel.ts';
import { formatFileError, MAX_FILE_ERRORS } from './file-error.ts';
import { parseTakoFile } from './parse.ts';
import { MAX_FILE_BYTES } from './yaml/text.ts';

/** What an honest machine needs a tenth of: these bounds are there to notice minutes, not milliseconds. */
const SOON_MS = 3_000;

function parse(text: string | Uint8Array) {
  let result!: ReturnType<typeof parseTakoFile>;
  const milliseconds = cpuMilliseconds(() => {
    result = parseTakoFile(text, { checkExpression: checkCel });
  });
  return { result, milliseconds, first: result.ok ? undefined : formatFileError(result.errors[0]!) };
}

/** Lines until the file is as large as it may be. */
function fill(line: (index: number) => string, head = ''): string {
  const lines = [head];
  for (let length = head.length, index = 0; ; index++) {
    const next = line(index);
    length += next.length + 1;
    if (length >= MAX_FILE_BYTES) return lines.join('\n');
    lines.push(next);
  }
}

describe('files that are made to cost much', () => {
  test('given 10 MB, then it is refused before it is parsed', () => {
    const { milliseconds, first } = parse(Buffer.alloc(10_000_000, 'a: [x]\n'));
    expect(first).toBe('tako.yml:1:1 the file has 10000000 bytes, at most 1048576 are read');
    expect(milliseconds).toBeLessThan(100);
    expect(parse('é'.repeat(600_000)).first).toContain('the file has 1200000 bytes');
  });

  test('given an alias bomb, then it is refused at once, in maps, lists and merges', () => {
    const bombs = [
      (index: number) =>
        `[${Array(10)
          .fill(`*a${index - 1}`)
          .join(', ')}]`,
      (index: number) => `{${'abcdefghij'.split('').map(key => `${key}: *a${index - 1}`)}}`,
      (index: number) => `{<<: [*a${index - 1}, *a${index - 1}], x${index}: *a${index - 1}, y: *a${index - 1}}`,
    ];
    for (const bomb of bombs) {
      const lines = Array.from(
        { length: 40 },
        (_, index) => `a${index}: &a${index} ${index === 0 ? '{k: v}' : bomb(index)}`,
      );
      const { milliseconds, first } = parse(lines.join('\n'));
      expect(first).toContain('more than 100000 values once its aliases are followed');
      expect(milliseconds).toBeLessThan(500);
    }
  });

  test('given aliases that nest deeply or circle, then they are refused', () => {
    const chain = Array.from(
      { length: 60 },
      (_, index) => `a${index}: &a${index} [${index === 0 ? 'x' : `*a${index - 1}`}]`,
    );
    expect(parse(chain.join('\n')).first).toContain('nested more than 32 levels deep');
    const { result } = parse('version: 1\nworkflows: &w {a: *w}');
    const errors = result.ok ? [] : result.errors.map(formatFileError);
    expect(errors).toContain('tako.yml:2:19 workflows.a: the alias *w stands inside what it refers to');
  });

  test.each<[string, () => string]>([
    ['keys', () => fill(index => `k${index}: v`)],
    ['items', () => fill(() => '- a')],
    ['open brackets', () => '['.repeat(MAX_FILE_BYTES - 1)],
    ['nested brackets', () => `a: ${'['.repeat(2_000)}${']'.repeat(2_000)}`],
    ['nested maps', () => '{a: '.repeat(10_000)],
    ['nested dashes', () => '- '.repeat(50_000)],
    ['an open quote', () => fill(() => 'x', 'a: "')],
    ['syntax errors', () => fill(() => '}')],
    ['blanks', () => ' '.repeat(MAX_FILE_BYTES - 1)],
    ['anchors', () => fill(index => `- &a${index} x`)],
    ['steps', () => fill(() => '    - make', 'version: 1\nworkflows:\n  a:\n    steps:').slice(0, 150_000)],
    [
      'broken steps',
      () => fill(() => '    - {id: x, rnu: make}', 'version: 1\nworkflows:\n  a:\n    steps:').slice(0, 200_000),
    ],
    [
      'variables',
      () =>
        `version: 1\nworkflows: {a: {env: [${Array.from({ length: 40_000 }, (_, index) => `A${index}=1`)}], steps: [x]}}`,
    ],
    ['unknown keys', () => fill(index => `workflow${index}: 1`, 'version: 1').slice(0, 400_000)],
    ['templates', () => `version: 1\nworkflows: {a: {steps: ["${'echo {{ .inputs.x }} '.repeat(40_000)}"]}}`],
    ['open templates', () => `version: 1\nworkflows: {a: {steps: ["${'{{ '.repeat(200_000)}"]}}`],
    ['a long key', () => `version: 1\n${'k'.repeat(1_000_000)}: 1`],
    ['a long range', () => `version: 1\nsubscriptions: [{schema_version: "${'1.2.0 || '.repeat(100_000)}"}]`],
    [
      'a long duration',
      () =>
        `version: 1\nworkflows: {a: {steps: [{uses: tako/fan-out@v1, with: {timeout: "${'1h'.repeat(400_000)}"}}]}}`,
    ],
    [
      'filters',
      () =>
        fill(
          () => `- {artifact: a/b:c, events: [x], workflow: a, filters: ['event${'.a'.repeat(2_000)}']}`,
          'version: 1\nsubscriptions:',
        ),
    ],
  ])('given a file full of %s, then it is done soon and its errors are bounded', (_, text) => {
    const { result, milliseconds } = parse(text());
    expect(milliseconds).toBeLessThan(SOON_MS);
    if (!result.ok) {
      expect(result.errors.length).toBeLessThanOrEqual(MAX_FILE_ERRORS + 1);
      for (const error of result.errors) expect(formatFileError(error).length).toBeLessThan(2_000);
    }
  });

  test('given more expressions than may be compiled, then the file is refused', () => {
    const filter = `'payload.x == "${'x'.repeat(3_500)}"'`;
    const text = `version: 1\nworkflows: {w: {steps: [a]}}\nsubscriptions:\n- {artifact: a/b:c, events: [x], workflow: w, filters: [${Array(40).fill(filter)}]}`;
    expect(parse(text).first).toContain('may have at most 131072 bytes together');
  });
});

const SAMPLE = `version: 1
artifacts: &artifacts
  core: {path: ./go.mod}
workflows:
  release:
    env: [CI=true]
    secrets: [TOKEN]
    inputs: {bump: {type: string, default: patch, validation: {enum: [major, patch]}}}
    steps:
      - make
      - id: build
        if: inputs.bump != "none"
        run: echo {{ .inputs.bump }}
        env: {T: TOKEN}
        produces: {artifact: core, outputs: {v: from_stdout, f: "from_file:out/v"}, events: [{type: built, payload: {v: "{{ .outputs.v }}"}}]}
        on_failure: [rollback]
      - uses: tako/fan-out@v1
        with: {event_type: built, timeout: 2h, payload: {v: "{{ .steps.build.outputs.v }}"}}
subscriptions:
  - {artifact: acme/lib:core, events: [built], schema_version: "(1.0.0...2.0.0]", filters: [has(payload.v)], workflow: release}
`;

describe('any text at all', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '*a',
      '&a',
      '<<',
      ': ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '\n',
      '\t',
      '\r\n',
      '#',
      '|',
      '>',
      '---',
      '!!',
      '%',
      '{{',
      '}}',
      '\0',
      '\uFEFF',
      '__proto__',
      'constructor',
      'null',
      '1e9',
      '..',
      '/',
      '\ud800',
    ),
    fc.string({ maxLength: 6 }),
  );
  const mutation = fc.record({ at: fc.nat({ max: SAMPLE.length }), remove: fc.nat({ max: 30 }), insert: piece });

  const neverThrows = (text: string | Uint8Array) => {
    const result = parseTakoFile(text, { checkExpression: checkCel });
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    if (result.ok) return;
    expect(result.errors.length).toBeGreaterThan(0);
    for (const error of result.errors) {
      expect(error.line).toBeGreaterThanOrEqual(1);
      expect(error.column).toBeGreaterThanOrEqual(1);
      expect(error.message).not.toBe('');
    }
  };

  test('given the sample, then it is a file', () => {
    expect(parseTakoFile(SAMPLE, { checkExpression: checkCel })).toMatchObject({ ok: true, notes: [] });
  });

  test('given a file with mutations, then the result round-trips through JSON and nothing throws', () => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 5 }), mutations => {
        neverThrows(
          mutations.reduce(
            (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
            SAMPLE,
          ),
        );
      }),
      { numRuns: 400 },
    );
  });

  test('given any value at any key, then the result round-trips through JSON and nothing throws', () => {
    const lines = SAMPLE.split('\n');
    const value = fc.oneof(
      fc.constantFrom(
        '',
        '[]',
        '{}',
        '[[]]',
        '{a: {b: c}}',
        '1',
        '-1.5',
        'true',
        '~',
        '"text"',
        '.nan',
        '0x10',
        '|',
        '*artifacts',
      ),
      fc.jsonValue().map(json => JSON.stringify(json)),
    );
    fc.assert(
      fc.property(fc.nat({ max: lines.length - 1 }), value, (index, replacement) => {
        const changed = lines.map((line, at) => (at === index ? line.replace(/: .*|:$/, `: ${replacement}`) : line));
        neverThrows(changed.join('\n'));
      }),
      { numRuns: 400 },
    );
  });

  test('given any text or bytes, then nothing throws', () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 40 }).map(pieces => pieces.join('')),
        neverThrows,
      ),
      { numRuns: 300 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), neverThrows), { numRuns: 200 });
  });
});
