import { describe, expect, test } from 'vitest';
import { checkCel } from './cel.ts';
import { formatFileError } from './file-error.ts';
import { parseTakoFile } from './parse.ts';

/** All errors of a file, as its author reads them. */
function errorsOf(text: string | Uint8Array): string[] {
  const result = parseTakoFile(text, { checkExpression: checkCel });
  return result.ok ? [] : result.errors.map(formatFileError);
}

describe('files that are no tako.yml at all', () => {
  test.each<[string | Uint8Array, string[]]>([
    ['', ['tako.yml:1:1 the file is empty, expected version and workflows']],
    ['[]', ['tako.yml:1:1 expected a map with version and workflows, got a list']],
    ['hello', ['tako.yml:1:1 expected a map with version and workflows, got "hello"']],
    ['a: b: c', ['tako.yml:1:4 this is not valid YAML: Nested mappings are not allowed in compact mappings']],
    ['version: 1\n\tx: 1', ['tako.yml:2:1 YAML does not allow tabs as indentation, use spaces']],
    ['version: 1\n---\nversion: 1', ['tako.yml:2:1 expected one YAML document, got a second one after ---']],
    [
      'version: 1\nx: !!js/function "y"',
      [
        'tako.yml:2:1 x: unknown key "x", expected one of version, artifacts, workflows, subscriptions, events, repos',
        'tako.yml:2:4 tags are not supported here: Unresolved tag: tag:yaml.org,2002:js/function',
      ],
    ],
    ['%YAML 1.1\n---\nversion: 1', ['tako.yml:1:1 expected YAML 1.2, got the directive %YAML 1.1']],
    ['version: 1\nversion: 1', ['tako.yml:2:1 version: this key is given twice']],
    ['? [a]\n: 1\nversion: 1', ['tako.yml:1:3 expected a key that is plain text']],
    ['version: 1\n__proto__: {}', ['tako.yml:2:1 __proto__: this key is not allowed']],
    [
      'version: 1\nartifacts: {constructor: {}}',
      ['tako.yml:2:13 artifacts.constructor: the name constructor is reserved'],
    ],
    [
      'version: 1\nx: *nope',
      [
        'tako.yml:2:1 x: unknown key "x", expected one of version, artifacts, workflows, subscriptions, events, repos',
        'tako.yml:2:4 x: there is no anchor &nope before this alias',
      ],
    ],
    ['version: 1\nx: "a', ['tako.yml:2:6 this is not valid YAML: Missing closing "quote']],
    ['version: 1\n<<: 3', ['tako.yml:2:1 ["<<"]: expected a map, or a list of maps, to merge']],
    [new Uint8Array([118, 255]), ['tako.yml:1:2 the file is not UTF-8 text from here on']],
    ['version: 1\na: \0', ['tako.yml:2:4 the character U+0000 is not allowed in YAML']],
    [
      new Uint8Array([118, 101, 114, 115, 105, 111, 110, 58, 32, 49, 10, 35, 32, 233, 10, 120, 58, 32, 233, 255]),
      ['tako.yml:2:3 the file is not UTF-8 text from here on'],
    ],
  ])('given %j, then the error says what is wrong with it', (text, errors) => {
    expect(errorsOf(text)).toEqual(errors);
  });
});

describe('all errors of a file at once, in its order, each with its place', () => {
  test('given mistakes in the first level', () => {
    const text = `version: 2
workflow: {}
whatever: 1`;
    expect(errorsOf(text)).toEqual([
      'tako.yml:1:1 version: expected the version of the file format, 0.1.0 (1, v1 and 1.0 are the same), got 2',
      'tako.yml:2:1 workflow: unknown key "workflow", did you mean "workflows"?',
      'tako.yml:3:1 whatever: unknown key "whatever", expected one of version, artifacts, workflows, subscriptions, events, repos',
    ]);
  });

  test('given mistakes in artifacts and collections of the wrong kind', () => {
    const text = `version: 1
artifacts:
  core: {path: ../x, ecosytem: go}
  "a b": {}
  c: 3
workflows: []
subscriptions: {}
events: 3`;
    expect(errorsOf(text)).toEqual([
      'tako.yml:3:10 artifacts.core.path: expected a path that stays inside the repository (no ..), got "../x"',
      'tako.yml:3:22 artifacts.core.ecosytem: unknown key "ecosytem", did you mean "ecosystem"?',
      'tako.yml:4:3 artifacts["a b"]: expected a name of at most 100 letters, digits, _ and -, got "a b"',
      'tako.yml:5:3 artifacts.c: expected a map, got 3',
      'tako.yml:6:1 workflows: expected a map, got a list',
      'tako.yml:7:1 subscriptions: expected a list, got a map',
      'tako.yml:8:1 events: expected a map, got 3',
    ]);
  });

  test('given mistakes in steps', () => {
    const text = `version: 1
workflows:
  w:
    on: push
    image: "golang:{{ .inputs.go }}"
    secrets: [A-B, A]
    env: {TAKO_X: 1, a b: 2, C: [1]}
    step: 1
    steps:
    - {id: a, name: b}
    - {run: x, uses: tako/fan-out@v1}
    - {uses: tako/deploy@v1}
    - {run: x, with: {a: 1}}
    - 3.5
    - [a]
    - {run: [a], if: "", iff: "x", env: [A, B=1, 1C=2, B=2], network: host, capabilities: [net_admin], security_profile: Strict, volumes: [{source: A, destination: /proc/x, ro: true}], resources: {cpu_limit: 0, mem_limit: lots}, image: "a b", long_running: yes, cache_key_files: /etc}
    - {script: make}
    - {uses: tako/checkout@v1, long_running: true}
`;
    expect(errorsOf(text)).toEqual([
      'tako.yml:4:5 workflows.w.on: expected exec, got "push"',
      'tako.yml:5:5 workflows.w.image: expected a container image such as golang:1.22 (without templates), got "golang:{{ .inputs.go }}"',
      'tako.yml:6:15 workflows.w.secrets[0]: expected a variable name of letters, digits and _ that does not start with a digit, got "A-B"',
      'tako.yml:7:11 workflows.w.env.TAKO_X: expected a variable name of letters, digits and _ that starts with neither a digit nor TAKO_, got "TAKO_X"',
      'tako.yml:7:22 workflows.w.env["a b"]: expected a variable name of letters, digits and _ that starts with neither a digit nor TAKO_, got "a b"',
      'tako.yml:7:30 workflows.w.env.C: expected text, got a list',
      'tako.yml:8:5 workflows.w.step: unknown key "step", did you mean "steps"?',
      'tako.yml:10:7 workflows.w.steps[0]: expected run (a script) or uses (a built-in step)',
      'tako.yml:11:16 workflows.w.steps[1].uses: a step has either run or uses, not both',
      'tako.yml:12:8 workflows.w.steps[2].uses: expected one of tako/checkout@v1, tako/fan-out@v1, tako/update-dependency@v1, tako/create-pull-request@v1, tako/poll@v1, got "tako/deploy@v1"',
      'tako.yml:13:16 workflows.w.steps[3].with: is only for steps with uses',
      'tako.yml:15:7 workflows.w.steps[5]: expected a command or a map, got a list',
      'tako.yml:16:8 workflows.w.steps[6].run: expected text, got a list',
      'tako.yml:16:18 workflows.w.steps[6].if: expected text, got ""',
      'tako.yml:16:26 workflows.w.steps[6].iff: unknown key "iff", did you mean "if"?',
      'tako.yml:16:42 workflows.w.steps[6].env[0]: expected NAME=value, got "A"',
      'tako.yml:16:50 workflows.w.steps[6].env[2]: expected a variable name of letters, digits and _ that starts with neither a digit nor TAKO_, got "1C"',
      'tako.yml:16:56 workflows.w.steps[6].env[3]: the variable B is given twice',
      'tako.yml:16:62 workflows.w.steps[6].network: expected one of none, default, got "host"',
      'tako.yml:16:92 workflows.w.steps[6].capabilities[0]: expected a Linux capability such as NET_BIND_SERVICE, got "net_admin"',
      'tako.yml:16:104 workflows.w.steps[6].security_profile: expected one of default, strict, got "Strict", did you mean strict?',
      'tako.yml:16:141 workflows.w.steps[6].volumes[0].source: expected the name of a volume that the repository allows (lower case letters, digits and -), got "A"',
      'tako.yml:16:152 workflows.w.steps[6].volumes[0].destination: a volume cannot be mounted at or below /proc, got "/proc/x"',
      'tako.yml:16:174 workflows.w.steps[6].volumes[0].ro: unknown key "ro", expected one of source, destination, read_only',
      'tako.yml:16:198 workflows.w.steps[6].resources.cpu_limit: expected a quantity such as "1.0", 500m or 512Mi, got 0',
      'tako.yml:16:212 workflows.w.steps[6].resources.mem_limit: expected a quantity such as "1.0", 500m or 512Mi, got "lots"',
      'tako.yml:16:230 workflows.w.steps[6].image: expected a container image such as golang:1.22 (without templates), got "a b"',
      'tako.yml:16:244 workflows.w.steps[6].long_running: expected true or false, got "yes"',
      'tako.yml:16:263 workflows.w.steps[6].cache_key_files: expected a path relative to the repository, got "/etc"',
      'tako.yml:17:7 workflows.w.steps[7]: expected run (a script) or uses (a built-in step)',
      'tako.yml:17:8 workflows.w.steps[7].script: unknown key "script", did you mean "run"?',
      'tako.yml:18:32 workflows.w.steps[8].long_running: is only for steps with run',
    ]);
  });

  test('given mistakes in produces and on_failure', () => {
    const text = `version: 1
workflows:
  w:
    steps:
    - run: a
      produces:
        artifact: cor
        artifacts: [{path: /x}, {paht: y}, ../z]
        outputs: {a: from_stdin, b: "from_file:../x", c: "from_env:1", "d e": from_stdout, e: [x], f: from_file:a%2fb, g: "from_file:"}
        events: [{type: LibraryBuilt}, {type: x, schema_version: 1.2, payload: []}, {schema_version: 1.0.0}]
      on_failure: [{uses: tako/checkout@v1}, {rn: x}, [x]]
`;
    expect(errorsOf(text)).toEqual([
      'tako.yml:7:9 workflows.w.steps[0].produces.artifact: there is no artifact "cor", expected default',
      'tako.yml:8:22 workflows.w.steps[0].produces.artifacts[0].path: expected a path relative to the repository, got "/x"',
      'tako.yml:8:33 workflows.w.steps[0].produces.artifacts[1].path: is required',
      'tako.yml:8:34 workflows.w.steps[0].produces.artifacts[1].paht: unknown key "paht", did you mean "path"?',
      'tako.yml:8:44 workflows.w.steps[0].produces.artifacts[2]: expected a path that stays inside the repository (no ..), got "../z"',
      'tako.yml:9:19 workflows.w.steps[0].produces.outputs.a: expected from_stdout, from_stderr, from_file:path, from_env:NAME or a template, got "from_stdin"',
      'tako.yml:9:34 workflows.w.steps[0].produces.outputs.b: expected a path that stays inside the repository (no ..), got "../x"',
      'tako.yml:9:55 workflows.w.steps[0].produces.outputs.c: expected a variable name of letters, digits and _ that does not start with a digit, got 1',
      'tako.yml:9:72 workflows.w.steps[0].produces.outputs["d e"]: expected a name of at most 100 letters, digits, _ and -, got "d e"',
      'tako.yml:9:92 workflows.w.steps[0].produces.outputs.e: expected from_stdout, from_stderr, from_file:path, from_env:NAME or a template, got a list',
      'tako.yml:9:100 workflows.w.steps[0].produces.outputs.f: expected a path without percent-encoded dots or separators, got "a%2fb"',
      'tako.yml:9:120 workflows.w.steps[0].produces.outputs.g: expected a path, got ""',
      'tako.yml:10:19 workflows.w.steps[0].produces.events[0].type: expected an event type in snake_case such as library_built, got "LibraryBuilt"',
      'tako.yml:10:50 workflows.w.steps[0].produces.events[1].schema_version: expected a schema version x.y.z such as 1.2.0, got 1.2',
      'tako.yml:10:71 workflows.w.steps[0].produces.events[1].payload: expected a map, got a list',
      'tako.yml:10:85 workflows.w.steps[0].produces.events[2].type: is required',
      'tako.yml:11:21 workflows.w.steps[0].on_failure[0].uses: on_failure holds scripts only, use run',
      'tako.yml:11:46 workflows.w.steps[0].on_failure[1].run: is required',
      'tako.yml:11:47 workflows.w.steps[0].on_failure[1].rn: unknown key "rn", did you mean "run"?',
      'tako.yml:11:55 workflows.w.steps[0].on_failure[2]: expected a command or a map, got a list',
    ]);
  });

  test('given mistakes in built-in steps', () => {
    const text = `version: 1
workflows:
  w:
    steps:
    - {uses: tako/fan-out@v1}
    - {uses: tako/fan-out@v1, with: {event_typ: a, event_type: Aa, wait_for_children: "true", timeout: 2, concurrency_limit: 0, schema_version: v1, payload: x, artifact: nope, idempotent: 1}}
    - {uses: tako/checkout@v1, with: {depth: -1, path: /x}}
    - {uses: tako/update-dependency@v1, with: {ecosystem: nmp}}
    - {uses: tako/create-pull-request@v1, with: {titel: x}}
    - {uses: tako/poll@v1, with: {target: file, path: a, interval: 1ms}}
    - {uses: tako/poll@v1, with: {target: files}}
    - {uses: tako/poll@v1, with: {target: http, url: "ftp://x", success_on_status: 99}}
    - {uses: tako/poll@v1, with: {target: step, step_id: nope}}
    - {id: s, run: x}
    - {uses: tako/poll@v1, with: {target: step, step_id: s}}
    - {uses: tako/poll@v1, with: {target: step, step_id: z}}
    - {id: z, run: x, long_running: true}
    - {uses: tako/fan-out@v1, with: {event_type: x, payload: {n: 12345678901234567890, i: .inf}}}
`;
    expect(errorsOf(text)).toEqual([
      'tako.yml:5:7 workflows.w.steps[0].with.event_type: is required',
      'tako.yml:6:38 workflows.w.steps[1].with.event_typ: unknown key "event_typ", did you mean "event_type"?',
      'tako.yml:6:52 workflows.w.steps[1].with.event_type: expected an event type in snake_case such as library_built, got "Aa"',
      'tako.yml:6:68 workflows.w.steps[1].with.wait_for_children: expected true or false, got "true"',
      'tako.yml:6:95 workflows.w.steps[1].with.timeout: expected a duration such as 30s, 2h or 1h30m, got "2"',
      'tako.yml:6:107 workflows.w.steps[1].with.concurrency_limit: expected a whole number from 1 to 10000, got 0',
      'tako.yml:6:129 workflows.w.steps[1].with.schema_version: expected a schema version x.y.z such as 1.2.0, got "v1"',
      'tako.yml:6:149 workflows.w.steps[1].with.payload: expected a map, got "x"',
      'tako.yml:6:161 workflows.w.steps[1].with.artifact: there is no artifact "nope", expected default',
      'tako.yml:6:177 workflows.w.steps[1].with.idempotent: expected true or false, got 1',
      'tako.yml:7:39 workflows.w.steps[2].with.depth: expected a whole number from 0 to 1000000, got -1',
      'tako.yml:7:50 workflows.w.steps[2].with.path: expected a path relative to the repository, got "/x"',
      'tako.yml:8:41 workflows.w.steps[3].with.name: is required',
      'tako.yml:8:41 workflows.w.steps[3].with.version: is required',
      'tako.yml:8:48 workflows.w.steps[3].with.ecosystem: expected one of npm, go, maven, pip, cargo, got "nmp", did you mean npm?',
      'tako.yml:9:43 workflows.w.steps[4].with.title: is required',
      'tako.yml:9:50 workflows.w.steps[4].with.titel: unknown key "titel", did you mean "title"?',
      'tako.yml:10:58 workflows.w.steps[5].with.interval: expected at least 1s, got 1ms',
      'tako.yml:11:35 workflows.w.steps[6].with.target: expected one of file, http, step, got "files", did you mean file?',
      'tako.yml:12:49 workflows.w.steps[7].with.url: expected an http or https URL, got "ftp://x"',
      'tako.yml:12:65 workflows.w.steps[7].with.success_on_status: expected a whole number from 100 to 599, got 99',
      'tako.yml:13:49 workflows.w.steps[8].with.step_id: there is no step "nope", expected one of step-1, step-2, step-3, step-4, step-5, step-6, step-7, step-8',
      'tako.yml:15:49 workflows.w.steps[10].with.step_id: the step s is not long_running: it has ended before this step starts',
      'tako.yml:16:49 workflows.w.steps[11].with.step_id: the step z does not come before this one',
      'tako.yml:18:63 workflows.w.steps[13].with.payload.n: expected a number that JSON can hold exactly, got 12345678901234567890; quote it to keep it as text',
      'tako.yml:18:88 workflows.w.steps[13].with.payload.i: expected a number that JSON can hold exactly, got .inf; quote it to keep it as text',
    ]);
  });

  test('given mistakes in inputs', () => {
    const text = `version: 1
workflows:
  release:
    inputs:
      bump:
        type: string
        default: huge
        validation: {enum: [major, minor, patch]}
      n: {type: number, default: 20, validation: {min: 5, max: 1, enum: [x]}}
      m: {type: number, default: 20, validation: {max: 10}}
      b: {type: boolean, default: yes, validation: {enum: [true]}}
      s: {type: string, validation: {min: 1, enum: [], regex: x}}
      t: {type: int}
      "bad name": {}
    steps: []
  other: {}
  third:
`;
    expect(errorsOf(text)).toEqual([
      'tako.yml:7:9 workflows.release.inputs.bump.default: expected one of major, minor, patch, got "huge"',
      'tako.yml:9:25 workflows.release.inputs.n.default: expected at most 1, got 20',
      'tako.yml:9:51 workflows.release.inputs.n.validation.min: expected at most max (1), got 5',
      'tako.yml:9:74 workflows.release.inputs.n.validation.enum[0]: expected a number, got "x"',
      'tako.yml:10:25 workflows.release.inputs.m.default: expected at most 10, got 20',
      'tako.yml:11:26 workflows.release.inputs.b.default: expected true or false, got "yes"',
      'tako.yml:11:53 workflows.release.inputs.b.validation.enum: is not for inputs of type boolean',
      'tako.yml:12:56 workflows.release.inputs.s.validation.regex: unknown key "regex", expected one of enum, min, max',
      'tako.yml:13:11 workflows.release.inputs.t.type: expected one of string, number, boolean, got "int"',
      'tako.yml:14:7 workflows.release.inputs["bad name"]: expected a name of at most 100 letters, digits, _ and -, got "bad name"',
      'tako.yml:15:5 workflows.release.steps: expected at least one step',
      'tako.yml:16:3 workflows.other.steps: expected at least one step',
      'tako.yml:17:3 workflows.third: expected a map with steps, got nothing',
    ]);
  });

  test('given mistakes in references, conditions, ids and templates', () => {
    const text = `version: 1
workflows:
  w:
    steps:
    - {id: a, run: "echo {{ .steps.b.outputs.x }} {{ .inputs.z }}", if: steps.c.outputs.x == '1' && inputs.q}
    - {id: b, run: x, if: "1 +"}
    - {id: a, run: x}
    - {id: step-5, run: x}
    - run: "{{ .steps.step-5.outputs.x"
    - {run: "{{ .input.x }} {{ .steps.create_pr.y }} {{ .secrets.TOKEN }}"}
    - {id: create-pr, run: x, produces: {outputs: {v: "{{ .steps.create-pr.outputs.x | nope }}"}}}
`;
    expect(errorsOf(text)).toEqual([
      'tako.yml:5:15 workflows.w.steps[0].run: the step b comes after this step',
      'tako.yml:5:15 workflows.w.steps[0].run: there is no input "z", the workflow has none',
      'tako.yml:5:69 workflows.w.steps[0].if: there is no step "c", and none comes before this one',
      'tako.yml:5:69 workflows.w.steps[0].if: there is no input "q", the workflow has none',
      'tako.yml:6:23 workflows.w.steps[1].if: this is not valid CEL at character 3: found + but expecting end of input',
      'tako.yml:7:8 workflows.w.steps[2].id: the id a is already that of steps[0]',
      'tako.yml:9:7 workflows.w.steps[4]: the id step-5 is already that of steps[3]',
      'tako.yml:9:7 workflows.w.steps[4].run: {{ .steps.step-5.outputs.x: {{ without }}; to write two braces, use {{ "{{" }}',
      'tako.yml:10:8 workflows.w.steps[5].run: there is no step "create_pr", did you mean "create-pr"?',
      'tako.yml:10:8 workflows.w.steps[5].run: {{ .input.x }}: there is no .input, did you mean "inputs"?',
      "tako.yml:10:8 workflows.w.steps[5].run: {{ .secrets.TOKEN }}: there is no .secrets: templates cannot name secrets; list the secret under the workflow's secrets, give it to the step by env (TOKEN: NAME), and read $TOKEN in the script",
      'tako.yml:11:52 workflows.w.steps[6].produces.outputs.v: {{ .steps.create-pr.outputs.x | nope }}: there is no pipe "nope", expected one of shell_quote, json_escape, url_encode, html_escape, base64, trim, upper, lower, default, replace, split, join, first, last, len, toJson, semver_major, semver_minor, semver_patch',
    ]);
  });

  test('given mistakes in subscriptions', () => {
    const text = `version: 1
workflows:
  integration_test: {inputs: {version: {required: true}, n: {type: number}}, steps: [x]}
subscriptions:
  - {artifact: core-lib, events: [LibraryBuilt], schema_version: abc, filters: ["event.paylod.x ==", "inputs.x", "evnt.x"], workflow: intergration_test}
  - {artifact: a/b:c, events: [], workflow: integration_test, inputs: {vresion: x, n: abc}}
  - {artifact: ../b:c, events: library_built, workflow: integration_test, inputs: {version: "{{ .inputs.x }}"}}
  - {events: [{tpye: x}], filter: "payload.x == '1'"}
`;
    expect(errorsOf(text)).toEqual([
      'tako.yml:5:6 subscriptions[0].artifact: expected an artifact of a repository, owner/repo:artifact, got "core-lib"',
      'tako.yml:5:35 subscriptions[0].events[0]: expected an event type in snake_case such as library_built, got "LibraryBuilt"',
      'tako.yml:5:50 subscriptions[0].schema_version: expected a version range such as ^1.2.0, ~1.2, ">=1.0.0 <2.0.0", "(1.1.0...2.0.0]" or 1.2.0, got "abc"',
      'tako.yml:5:81 subscriptions[0].filters[0]: this is not valid CEL at character 16: found = but expecting end of input',
      'tako.yml:5:102 subscriptions[0].filters[1]: there is no variable inputs, expected one of event, payload, event_type, schema_version, source',
      'tako.yml:5:114 subscriptions[0].filters[2]: there is no variable evnt, did you mean "event"?',
      'tako.yml:5:125 subscriptions[0].workflow: there is no workflow "intergration_test", did you mean "integration_test"?',
      'tako.yml:6:23 subscriptions[1].events: expected at least one event type',
      'tako.yml:6:63 subscriptions[1].inputs: the workflow integration_test requires the input version, which is not given here',
      'tako.yml:6:72 subscriptions[1].inputs.vresion: the workflow integration_test has no such input, did you mean "version"?',
      'tako.yml:6:84 subscriptions[1].inputs.n: expected a number, got "abc"',
      'tako.yml:7:6 subscriptions[2].artifact: expected an artifact of a repository, owner/repo:artifact, got "../b:c"',
      'tako.yml:7:24 subscriptions[2].events: expected a list, got "library_built"',
      'tako.yml:7:84 subscriptions[2].inputs.version: {{ .inputs.x }}: there is no .inputs, expected one of event, payload',
      'tako.yml:8:5 subscriptions[3].artifact: is required',
      'tako.yml:8:5 subscriptions[3].workflow: is required',
      'tako.yml:8:15 subscriptions[3].events[0].type: is required',
      'tako.yml:8:16 subscriptions[3].events[0].tpye: unknown key "tpye", did you mean "type"?',
    ]);
  });

  test('given a template in a long script, then the error says in which of its lines', () => {
    const text =
      'version: 1\nworkflows:\n  w:\n    inputs: {v: {}}\n    steps:\n    - run: |\n        make\n        $({{ .inputs.v }}\n';
    const errors = errorsOf(text);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^tako\.yml:6:7 workflows\.w\.steps\[0\]\.run: in line 2, /);
  });

  test('given text in which hyphens are subtractions, then names are found all the same', () => {
    const text = (condition: string) =>
      `version: 1\nworkflows: {w: {inputs: {a: {type: number}, a-b: {type: number}}, steps: [{run: x, if: '${condition}'}]}}`;
    expect(errorsOf(text('inputs.a-b > inputs.a-1 && inputs.a-inputs.a == 0'))).toEqual([]);
    expect(errorsOf(text('"inputs.zzz" != string(inputs.a)'))).toEqual([]);
    expect(errorsOf(text('inputs.ab > 1'))).toEqual([
      'tako.yml:2:84 workflows.w.steps[0].if: there is no input "ab", did you mean "a-b"?',
    ]);
  });

  test('given values of the wrong kind where a map, a list or a number belongs, then each says what was expected', () => {
    const text = `version: 1
workflows:
  w:
    env: 3
    secrets: TOKEN
    inputs: {n: {type: number, required: "true", validation: {min: "1"}}}
    steps:
    - {run: x, produces: {outputs: [a]}, volumes: {}, on_failure: 1, capabilities: [true]}
    - {id: self, run: "echo {{ .steps.self.outputs.x }}", if: steps.self.outputs.x == "1"}
subscriptions:
- {artifact: a/b:c, events: [x], workflow: w, inputs: {constructor: x, "a b": y}}
`;
    expect(errorsOf(text)).toEqual([
      'tako.yml:4:5 workflows.w.env: expected a map of variables or a list of NAME=value, got 3',
      'tako.yml:5:5 workflows.w.secrets: expected a list, got "TOKEN"',
      'tako.yml:6:32 workflows.w.inputs.n.required: expected true or false, got "true"',
      'tako.yml:6:63 workflows.w.inputs.n.validation.min: expected a number, got "1"',
      'tako.yml:8:27 workflows.w.steps[0].produces.outputs: expected a map, got a list',
      'tako.yml:8:42 workflows.w.steps[0].volumes: expected a list, got a map',
      'tako.yml:8:55 workflows.w.steps[0].on_failure: expected a list, got 1',
      'tako.yml:8:85 workflows.w.steps[0].capabilities[0]: expected a Linux capability such as NET_BIND_SERVICE, got true',
      'tako.yml:9:18 workflows.w.steps[1].run: the step self is this step, which has not run yet',
      'tako.yml:9:59 workflows.w.steps[1].if: the step self is this step, which has not run yet',
      'tako.yml:11:56 subscriptions[0].inputs.constructor: the name constructor is reserved',
      'tako.yml:11:72 subscriptions[0].inputs["a b"]: expected a name of at most 100 letters, digits, _ and -, got "a b"',
    ]);
  });
});
