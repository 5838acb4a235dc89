import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_MADE_LIST, MAX_MADE_TEXT } from './cel/functions.ts';
import { eventVariables, MAX_PAYLOAD_BYTES } from './cel/variables.ts';
import { bindCel, checkCel, evaluateCel, MAX_EXPRESSION_BYTES } from './cel.ts';
import type { JsonObject, JsonValue } from './types.ts';

const VARIABLES = {
  ...eventVariables({
    type: 'library_built',
    schemaVersion: '1.2.0',
    source: 'acme/core-lib:core',
    payload: {
      count: 3,
      ratio: 1.5,
      version: '1.4.2',
      breaking: 'true',
      flag: false,
      nothing: null,
      services: ' User-Service, billing',
      items: [{ name: 'a' }, { name: 'b' }],
      numbers: [1, 2, 3],
      index: 1,
      'hyphen-ated': 'yes',
      constructor: 'mine',
    },
  }),
  inputs: { bump: 'minor', 'version-bump': 'major', 'a-b': { 'c-d': 'deep' }, n: 5, m: 2, 'dry-run': false },
  steps: { 'prepare-data': { outputs: { 'dataset-id': 'd1' } }, build: { outputs: { version: '1.0.0' } } },
  env: { CI: 'true' },
  outputs: { version: '2.0.0' },
};

const value = (expression: string) => evaluateCel(expression, VARIABLES);

describe('what filters and conditions say', () => {
  test.each<[string, JsonValue]>([
    ['semver.major(event.payload.version) > 0 || semver.minor(event.payload.version) > 0', true],
    ['has(event.payload.version) && !has(event.payload.commit_sha)', true],
    ['payload.version == event.payload.version', true],
    ['event_type == "library_built" && event.type == event_type', true],
    ['schema_version + " " + event.schema_version', '1.2.0 1.2.0'],
    ['source == "acme/core-lib:core" && event.source == source', true],
    ['inputs.bump != "none"', true],
    ['.inputs.bump == "minor" && !.inputs.n.flag.x || true', true],
    ['!.event.payload.flag', true],
    ['steps.build.outputs.version == "1.0.0"', true],
    ['env.CI + outputs.version', 'true2.0.0'],
    ["'user-service' in event.payload.services.split(',').map(s, s.trim().lower())", true],
    ['event.payload.items.exists(i, i.name == "b") && event.payload.items.all(i, i.name < "c")', true],
    ['event.payload.items.map(i, i.name)', ['a', 'b']],
    ['event.payload.numbers[event.payload.index]', 2],
    ['event.payload.nothing == null', true],
    ['event.payload["hyphen-ated"]', 'yes'],
    ['event.payload.constructor', 'mine'],
    ['"hyphen-ated" in event.payload', true],
    ['payload.breaking == "true" ? 1 : 2', 1],
    ['{"a": [1, 2.5, {"b": null}], "c": "d"}', { a: [1, 2.5, { b: null }], c: 'd' }],
    ['5u', 5],
  ])('given %s, then it is %j', (expression, expected) => {
    expect(value(expression)).toEqual({ ok: true, value: expected });
  });

  test.each<[string, JsonValue]>([
    ['payload.count > 2 && payload.count >= 3 && payload.count < 4 && 2 < payload.count', true],
    ['payload.count == 3 && 3 == payload.count && payload.count != 4', true],
    ['payload.count in [1, 3] && 2 in payload.numbers', true],
    ['payload.numbers == [1, 2, 3]', true],
    ['payload.count + 1', 4],
    ['10 - payload.count', 7],
    ['payload.count * 2', 6],
    ['7 / payload.ratio > 4.6', true],
    ['payload.count % 2', 1],
    ['7 % payload.count', 1],
    ['payload.count % payload.ratio', 0],
    ['size(payload.numbers) == payload.count', true],
    ['string(payload.count) + "/" + string(payload.ratio)', '3/1.5'],
    ['int(payload.ratio)', 1],
  ])('given numbers of JSON and of CEL, then %s is %j', (expression, expected) => {
    expect(value(expression)).toEqual({ ok: true, value: expected });
  });

  test.each<[string, JsonValue]>([
    ['"aÉ".lower()', 'aé'],
    ['"aé".upper()', 'AÉ'],
    ['"AÉ".lowerAscii()', 'aÉ'],
    ['"aé".upperAscii()', 'Aé'],
    ['" a ".trim()', 'a'],
    ['"a-b-c".split("-")', ['a', 'b', 'c']],
    ['"a-b-c".replace("-", "+")', 'a+b+c'],
    ['"a-b-c".replace("-", "+", 1)', 'a+b-c'],
    ['"a-b-c".replace("-", "+", 0)', 'a-b-c'],
    ['"a-b-c".replace("-", "+", -1)', 'a+b+c'],
    ['"ab".replace("x", "y")', 'ab'],
    ['["a", "b"].join()', 'ab'],
    ['["a", "b"].join(", ")', 'a, b'],
    ['[].join(",")', ''],
    ['"core-lib".startsWith("core") && "abc".contains("b") && "abc".matches("^a.c$")', true],
    ['"tacocat".indexOf("c")', 2],
    ['"hello".substring(1, 3)', 'el'],
    ['semver.minor("1.4.2") * 10 + semver.patch("1.4.2")', 42],
    ['semver.satisfies("1.5.0", "(1.1.0...2.0.0]") && !semver.satisfies("2.1.0", "^1.2.0")', true],
    ['[1] + [2]', [1, 2]],
  ])('given the extensions, then %s is %j', (expression, expected) => {
    expect(value(expression)).toEqual({ ok: true, value: expected });
  });
});

describe('names with hyphens', () => {
  test.each<[string, JsonValue]>([
    ['inputs.version-bump != "none"', true],
    ['.inputs.version-bump', 'major'],
    ['!inputs.dry-run', true],
    ['inputs.a-b.c-d == "deep"', true],
    ['steps.prepare-data.outputs.dataset-id', 'd1'],
    ['steps.prepare-data.outputs.dataset-id.startsWith("d")', true],
    ['"x" + inputs.version-bump', 'xmajor'],
    ['inputs.n-inputs.m', 3],
    ['inputs.n - inputs.m - 1', 2],
    ['[1].map(x, inputs.n-x)', [4]],
    ['[1].map(x, [3].map(y, y-x))', [[2]]],
    ['inputs["version-bump"]', 'major'],
  ])('given %s, then it is %j', (expression, expected) => {
    expect(value(expression)).toEqual({ ok: true, value: expected });
  });
});

describe('what is wrong, for the author', () => {
  test.each([
    ['', 'expected a CEL expression, got ""'],
    ['1 +', 'this is not valid CEL at character 3: found + but expecting end of input'],
    ['1 ==\n\n)', 'this is not valid CEL at character 3: found = but expecting end of input'],
    ['evnt.payload.x', 'there is no variable evnt, did you mean "event"?'],
    [
      'trigger.x',
      'there is no variable trigger, expected one of event, payload, event_type, schema_version, source, inputs, steps, env, outputs',
    ],
    ['constructor', 'there is no variable constructor'],
    ['[1].all(x, y > x)', 'there is no variable y'],
    ['{"a": zz}', 'there is no variable zz'],
    ['payload.x.lowr()', 'there is no function lowr, did you mean "lower"?'],
    ['semver.mayor(payload.x)', 'there is no function semver.mayor, did you mean "semver.major"?'],
    ['foo(1)', 'there is no function foo'],
    ['"%s".format([1])', 'there is no function format'],
    [`"${'x'.repeat(MAX_EXPRESSION_BYTES)}"`, `at most ${MAX_EXPRESSION_BYTES} are allowed`],
    [`${'('.repeat(2_000)}1${')'.repeat(2_000)}`, 'the expression is nested too deeply'],
    [`payload${'.a'.repeat(150)}`, 'the expression is nested too deeply'],
    [`1${' + 1'.repeat(150)}`, 'the expression is nested too deeply'],
  ])('given %j, then it does not compile: %s', (expression, message) => {
    expect(checkCel(expression)).toContain(message);
    expect(value(expression)).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  });

  test('given a filter, then it cannot speak of the run', () => {
    expect(checkCel('inputs.x == "1"', 'filter')).toContain('there is no variable inputs');
    expect(checkCel('inputs.x == "1"', 'if')).toBeUndefined();
    expect(checkCel('event.payload.x == payload.x && event_type != schema_version + source', 'filter')).toBeUndefined();
  });

  test.each([
    ['event.payload.nope', 'event.payload.nope: there is no nope here; has(...) asks whether there is one'],
    ['inputs.__proto__', 'there is no __proto__ here'],
    ['inputs.toString', 'there is no toString here'],
    ['payload.items[7]', 'the list has no item 7'],
    ['payload.version > 3', 'payload.version > 3: > cannot be used with (string, int)'],
    ['"a" + 1', '+ cannot be used with (string, int)'],
    ['semver.major("x")', 'semver.major("x"): expected a version x.y.z, got "x"'],
    ['semver.satisfies("1.0.0", "^^")', 'expected a version range such as'],
    ['"a".matches("(")', 'missing closing )'],
    [`"a".matches("${'a'.repeat(600)}")`, 'a pattern may have at most 512 characters'],
    ['[1].join(",")', 'expected a list of text to join'],
    ['1 / 0', 'divide by zero'],
    ['1.0 / 0.0', 'the result is Infinity, which is no number'],
    ['9223372036854775807', 'the result 9223372036854775807 is too large to be exact'],
    ['timestamp("2024-01-01T00:00:00Z")', 'the result is neither text, number, boolean, list nor map'],
    ['type(1)', 'the result is neither'],
    ['b"x" + b"y"', 'bytes cannot be made here'],
    ['bytes("x")', 'bytes cannot be made here'],
    ['int("x")', ''],
  ])('given %s, then its evaluation says %s', (expression, message) => {
    expect(checkCel(expression)).toBeUndefined();
    expect(value(expression)).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  });

  test('given a variable that is absent, then it has no value', () => {
    expect(evaluateCel('inputs.x', {})).toEqual({ ok: false, message: 'inputs: has no value here' });
    expect(evaluateCel('has(inputs.x)', {})).toEqual({ ok: true, value: false });
  });
});

describe('bounds', () => {
  test.each([
    [`["xxxxxxxxxx"]${'.map(x, x + x)'.repeat(20)}`, `a text of more than ${MAX_MADE_TEXT} characters`],
    [
      `["xxxxxxxxxx"]${'.map(x, x + x)'.repeat(12)}.map(x, x.replace("x", "yyyyyyyyyyyyyyyyyyyy"))`,
      'a text of more than',
    ],
    [`["xxxxxxxxxx"]${'.map(x, x + x)'.repeat(12)}.map(x, [x, x, x].join(x + x + x + x))`, 'a text of more than'],
    [`[[1, 2, 3, 4]]${'.map(x, x + x)'.repeat(20)}`, `a list of more than ${MAX_MADE_LIST} items`],
    [`["xxxxxxxxxx"]${'.map(x, x + x)'.repeat(13)}.map(x, [x, x])`, 'the result has more than 65536 characters'],
    [`[[1, 2, 3, 4]]${'.map(x, x + x)'.repeat(10)}.map(x, [x, x, x])`, 'the result has more than 10000 values'],
  ])('given an expression that makes much of little, then it is stopped: %s', (expression, message) => {
    expect(value(expression)).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  });

  test('given a payload of more than 256 KiB, then nothing is evaluated', () => {
    const payload = (size: number): JsonObject => ({ t: 'x'.repeat(size - '{"t":""}'.length) });
    const event = (size: number) => eventVariables({ type: 't', source: 'a/b:c', payload: payload(size) });
    expect(evaluateCel('size(payload.t) > 1', event(MAX_PAYLOAD_BYTES))).toEqual({ ok: true, value: true });
    expect(evaluateCel('true', event(MAX_PAYLOAD_BYTES + 1))).toEqual({
      ok: false,
      message: `the payload has ${MAX_PAYLOAD_BYTES + 1} bytes, at most ${MAX_PAYLOAD_BYTES} are allowed`,
    });
    const outputs = { steps: { a: { outputs: { x: 'x'.repeat(2_100_000) } } } };
    expect(evaluateCel('true', outputs)).toMatchObject({
      ok: false,
      message: expect.stringContaining('the variables have'),
    });
  });

  test('given variables that are no JSON, then it is an error, not an exception', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(evaluateCel('true', { inputs: circle })).toMatchObject({ ok: false });
    expect(evaluateCel('true', { inputs: { f: () => 1 } })).toMatchObject({
      ok: false,
      message: 'a variable holds a function, which is not JSON',
    });
    const deep = JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`);
    expect(evaluateCel('true', { inputs: deep })).toMatchObject({
      ok: false,
      message: 'the variables are nested more than 100 levels deep',
    });
    expect(evaluateCel('has(inputs.a)', { inputs: { a: undefined } })).toEqual({ ok: true, value: false });
  });

  test('given many expressions over the same variables, then they are converted once and each has its own result', () => {
    const evaluate = bindCel(VARIABLES);
    expect(['inputs.n', 'nope', 'payload.count'].map(evaluate)).toEqual([
      { ok: true, value: 5 },
      { ok: false, message: expect.stringContaining('no variable nope') },
      { ok: true, value: 3 },
    ]);
  });
});

describe('any JSON, any expression', () => {
  test('given any payload, then it comes back as it went in', () => {
    const key = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('constructor', 'toString', 'hasOwnProperty'));
    const json = fc.letrec<{ value: JsonValue }>(tie => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string({ maxLength: 10 }),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map(number => number + 0),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          key.filter(name => name !== '__proto__'),
          tie('value'),
          { maxKeys: 4 },
        ),
      ),
    })).value;
    fc.assert(
      fc.property(json, payload => {
        expect(evaluateCel('payload', { payload })).toEqual({ ok: true, value: JSON.parse(JSON.stringify(payload)) });
      }),
    );
  });

  test('given any text as an expression, then nothing throws and the checker agrees with the evaluation', () => {
    const token = fc.constantFrom(
      'event',
      '.payload',
      '.x',
      'inputs',
      '.a',
      '-b',
      '(',
      ')',
      '[',
      ']',
      '1',
      '"s"',
      ' + ',
      ' == ',
      ' && ',
      '!',
      '?',
      ':',
      ', ',
      '.map(x, ',
      'has(',
      '{',
      '}',
      'true',
      '\0',
      'é',
      'semver.major(',
    );
    const text = fc.oneof(
      fc.array(token, { maxLength: 12 }).map(tokens => tokens.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(text, expression => {
        const wrong = checkCel(expression);
        const result = evaluateCel(expression, { event: { payload: { x: 1 } }, inputs: { a: 1, 'a-b': 2 } });
        if (wrong !== undefined) expect(result).toEqual({ ok: false, message: wrong });
        expect(JSON.parse(JSON.stringify(result))).toEqual(result);
      }),
      { numRuns: 500 },
    );
  });
});
