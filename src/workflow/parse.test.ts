import { describe, expect, test } from 'vitest';
import { checkCel } from './cel.ts';
import { formatFileError } from './file-error.ts';
import { parseTakoFile } from './parse.ts';
import type { StepBase, TakoFile } from './types.ts';

function parse(text: string): { file: TakoFile; notes: string[] } {
  const result = parseTakoFile(text, { checkExpression: checkCel });
  if (!result.ok) throw new Error(result.errors.map(formatFileError).join('\n'));
  return result;
}

const PLAIN_STEP: Omit<StepBase, 'index' | 'id' | 'name'> = {
  env: {},
  longRunning: false,
  network: 'none',
  capabilities: [],
  securityProfile: 'default',
  volumes: [],
  produces: { artifacts: [], outputs: {}, events: [] },
  onFailure: [],
};

/** The first spelling, with every key that it has. */
const EVERYTHING = `
version: 0.1.0
artifacts:
  core: {path: ./go.mod, ecosystem: go}
workflows:
  release:
    on: exec
    image: golang:1.22
    env: [CI=true]
    secrets: [GITHUB_TOKEN]
    resources: {cpu_limit: "1.0", mem_limit: 512Mi, disk_limit: 2Gi}
    inputs:
      bump: {type: string, description: "What to bump", default: patch, validation: {enum: [major, minor, patch]}}
      count: {type: number, required: true, validation: {min: 1, max: 10}}
      dry: {type: boolean, default: false}
    steps:
      - ./scripts/prepare.sh
      - id: build
        name: Build
        if: inputs.bump != "none"
        run: ./scripts/build.sh --bump {{ .inputs.bump }}
        image: golang:1.22-alpine
        env: {GH_TOKEN: GITHUB_TOKEN, PORT: 8080, RATIO: 1.10}
        long_running: false
        network: default
        capabilities: [CAP_NET_BIND_SERVICE, CHOWN]
        security_profile: strict
        volumes: [{source: name, destination: /data, read_only: true}]
        cache_key_files: "src/**/*.go"
        resources: {cpu_limit: "2"}
        produces:
          artifact: core
          artifacts: [{path: ./my-app}]
          outputs: {version: from_stdout, log: from_stderr, status: "from_file:./out/status.json", sha: "from_env:SHA", note: "v{{ .outputs.version }}"}
          events: [{type: library_built, schema_version: 1.2.0, payload: {version: "{{ .outputs.version }}"}}]
        on_failure:
          - ./scripts/rollback.sh
      - uses: tako/fan-out@v1
        with: {event_type: library_built, wait_for_children: true, timeout: 2h, concurrency_limit: 4, schema_version: 1.2.0, payload: {version: "{{ .steps.build.outputs.version }}"}}
  integration_test:
    inputs: {version: {}, breaking: {type: boolean}}
    steps: [make test]
subscriptions:
  - artifact: acme/core-lib:core
    events: [library_built]
    schema_version: "(1.1.0...2.0.0]"
    filters: ["semver.major(event.payload.version) > 0", "has(event.payload.commit_sha)"]
    workflow: integration_test
    inputs: {version: "{{ .event.payload.version }}", breaking: "{{ .event.payload.breaking == 'true' }}"}
`;

describe('the first spelling', () => {
  const { file, notes } = parse(EVERYTHING);
  const release = file.workflows.release!;

  test('given every key, then nothing is noted', () => {
    expect(notes).toEqual([]);
    expect(file.version).toBe('0.1.0');
    expect(file.producedEvents).toEqual([]);
  });

  test('given artifacts, then they are by name', () => {
    expect(file.artifacts).toEqual({ core: { name: 'core', path: './go.mod', ecosystem: 'go' } });
  });

  test('given a workflow, then its head is read', () => {
    expect(release).toMatchObject({
      name: 'release',
      onExec: true,
      image: 'golang:1.22',
      env: { CI: 'true' },
      secrets: ['GITHUB_TOKEN'],
      resources: { cpuLimit: '1.0', memLimit: '512Mi', diskLimit: '2Gi' },
    });
    expect(file.workflows.integration_test).toMatchObject({ onExec: false, env: {}, secrets: [] });
  });

  test('given inputs, then types, defaults and bounds are read', () => {
    expect(release.inputs).toEqual({
      bump: {
        name: 'bump',
        type: 'string',
        description: 'What to bump',
        required: false,
        default: 'patch',
        enum: ['major', 'minor', 'patch'],
      },
      count: { name: 'count', type: 'number', required: true, min: 1, max: 10 },
      dry: { name: 'dry', type: 'boolean', required: false, default: false },
    });
  });

  test('given a plain string, then it is a run step with a generated id', () => {
    expect(release.steps[0]).toEqual({
      ...PLAIN_STEP,
      kind: 'run',
      index: 0,
      id: 'step-1',
      name: 'step-1',
      run: './scripts/prepare.sh',
    });
  });

  test('given a step with every key, then all of it is read', () => {
    expect(release.steps[1]).toEqual({
      kind: 'run',
      index: 1,
      id: 'build',
      name: 'Build',
      if: 'inputs.bump != "none"',
      run: './scripts/build.sh --bump {{ .inputs.bump }}',
      image: 'golang:1.22-alpine',
      env: {
        GH_TOKEN: { kind: 'secret', name: 'GITHUB_TOKEN' },
        PORT: { kind: 'literal', value: '8080' },
        RATIO: { kind: 'literal', value: '1.10' },
      },
      longRunning: false,
      network: 'default',
      capabilities: ['CHOWN', 'NET_BIND_SERVICE'],
      securityProfile: 'strict',
      volumes: [{ source: 'name', destination: '/data', readOnly: true }],
      cacheKeyFiles: 'src/**/*.go',
      resources: { cpuLimit: '2' },
      produces: {
        artifact: 'core',
        artifacts: [{ path: './my-app' }],
        outputs: {
          version: { kind: 'stdout' },
          log: { kind: 'stderr' },
          status: { kind: 'file', path: './out/status.json' },
          sha: { kind: 'env', name: 'SHA' },
          note: { kind: 'template', text: 'v{{ .outputs.version }}' },
        },
        events: [{ type: 'library_built', schemaVersion: '1.2.0', payload: { version: '{{ .outputs.version }}' } }],
      },
      onFailure: [{ id: 'build-on-failure-1', name: 'build-on-failure-1', run: './scripts/rollback.sh', env: {} }],
    });
  });

  test('given a fan-out, then its parameters are typed', () => {
    expect(release.steps[2]).toEqual({
      ...PLAIN_STEP,
      kind: 'uses',
      uses: 'tako/fan-out@v1',
      index: 2,
      id: 'step-3',
      name: 'step-3',
      with: {
        eventType: 'library_built',
        waitForChildren: true,
        timeoutMs: 7_200_000,
        concurrencyLimit: 4,
        schemaVersion: '1.2.0',
        payload: { version: '{{ .steps.build.outputs.version }}' },
        idempotent: false,
      },
    });
  });

  test('given a subscription, then it is read', () => {
    expect(file.subscriptions).toEqual([
      {
        index: 0,
        artifact: 'acme/core-lib:core',
        events: ['library_built'],
        schemaVersion: '(1.1.0...2.0.0]',
        filters: ['semver.major(event.payload.version) > 0', 'has(event.payload.commit_sha)'],
        workflow: 'integration_test',
        inputs: { version: '{{ .event.payload.version }}', breaking: "{{ .event.payload.breaking == 'true' }}" },
      },
    ]);
  });

  test('given the model, then JSON keeps all of it', () => {
    expect(JSON.parse(JSON.stringify(file))).toEqual(file);
  });
});

describe('the second spelling', () => {
  const SECOND = `
version: v1
repos:
  - acme/subscriber
workflows:
  on_library_built:
    steps:
      - id: react
        name: "React"
        run: echo "{{ .Inputs.library_name }} {{ .inputs.version }}"
  deploy:
    inputs:
      api_version: { type: string }
    steps:
      - run: "./scripts/deploy.sh {{ .Inputs.api_version }}"
events:
  produces:
    - type: app_built
      schema_version: "1.0.0"
    - app_tested
  subscriptions:
    - artifact: acme/publisher:default
      events:
        - type: library_built
          schema_version: "^1.0.0"
        - type: library_tested
        - type: library_tagged
          schema_version: "^1.0.0"
      workflow: on_library_built
      filter: 'payload.build_status == "success"'
      inputs:
        library_name: "{{ .event.payload.library_name }}"
        version: "{{ .event.payload.version }}"
    - artifact: acme/api:main
      events: [api_published]
      workflow: deploy
      inputs: {api_version: "{{ .event.payload.git_tag }}"}
`;
  const { file, notes } = parse(SECOND);

  test('given events with ranges of their own, then each range is a subscription, in the order of the file', () => {
    const common = {
      artifact: 'acme/publisher:default',
      filters: ['payload.build_status == "success"'],
      workflow: 'on_library_built',
      inputs: {
        library_name: '{{ .event.payload.library_name }}',
        version: '{{ .event.payload.version }}',
      },
    };
    expect(file.subscriptions).toEqual([
      { ...common, index: 0, events: ['library_built', 'library_tagged'], schemaVersion: '^1.0.0' },
      { ...common, index: 1, events: ['library_tested'] },
      {
        index: 2,
        artifact: 'acme/api:main',
        events: ['api_published'],
        filters: [],
        workflow: 'deploy',
        inputs: { api_version: '{{ .event.payload.git_tag }}' },
      },
    ]);
  });

  test('given events.produces, then it is kept as documentation', () => {
    expect(file.producedEvents).toEqual([{ type: 'app_built', schemaVersion: '1.0.0' }, { type: 'app_tested' }]);
  });

  test('given a workflow that declares no inputs, then what its subscription gives becomes optional strings', () => {
    expect(file.workflows.on_library_built?.inputs).toEqual({
      library_name: { name: 'library_name', type: 'string', required: false },
      version: { name: 'version', type: 'string', required: false },
    });
    expect(file.workflows.deploy?.inputs).toEqual({
      api_version: { name: 'api_version', type: 'string', required: false },
    });
  });

  test('given repos and undeclared inputs, then notes say what was made of them, each once', () => {
    expect(notes).toEqual([
      'tako.yml:3:1 repos: is ignored: Tako knows its repositories from the TakoRepository objects of the cluster',
      'tako.yml:32:9 events.subscriptions[0].inputs.library_name: the workflow on_library_built declares no inputs: library_name is taken as an optional string',
      'tako.yml:33:9 events.subscriptions[0].inputs.version: the workflow on_library_built declares no inputs: version is taken as an optional string',
    ]);
  });

  test('given the same subscription in both spellings, then the models are equal', () => {
    const workflows = 'workflows: {w: {inputs: {v: {}}, steps: [make]}}';
    const first = parse(
      `version: 1\n${workflows}\nsubscriptions: [{artifact: a/b:c, events: [x_y], schema_version: ^1.0.0, filters: [has(payload.v)], workflow: w, inputs: {v: x}}]`,
    );
    const second = parse(
      `version: 1\n${workflows}\nevents: {subscriptions: [{artifact: a/b:c, events: [{type: x_y, schema_version: ^1.0.0}], filter: has(payload.v), workflow: w, inputs: {v: x}}]}`,
    );
    expect(second.file).toEqual(first.file);
  });

  test('given subscriptions in both places, then the order of the file counts', () => {
    const subscription = (workflow: string) => `[{artifact: a/b:c, events: [x], workflow: ${workflow}}]`;
    const { file: both } = parse(
      `version: 1\nevents: {subscriptions: ${subscription('one')}}\nsubscriptions: ${subscription('two')}\nworkflows: {one: {steps: [a]}, two: {steps: [b]}}`,
    );
    expect(both.subscriptions.map(({ index, workflow }) => [index, workflow])).toEqual([
      [0, 'one'],
      [1, 'two'],
    ]);
  });
});

describe('defaults and shorthands', () => {
  const only = (steps: string, head = '') =>
    parse(`version: 1\nworkflows:\n  w:\n    ${head}\n    steps:\n${steps}`).file;

  test.each(['0.1.0', '1', 'v1', '"1.0"', '1.0', '1.0.0'])('given version %s, then it is accepted', version => {
    expect(parse(`version: ${version}`).file.version).toBe(version.replaceAll('"', ''));
  });

  test('given no artifacts, then there is a default one', () => {
    expect(parse('version: 1').file).toEqual({
      version: '1',
      artifacts: { default: { name: 'default', path: '.' } },
      workflows: {},
      subscriptions: [],
      producedEvents: [],
    });
  });

  test('given keys without a value, then they are absent', () => {
    const { file } = parse(
      'version: 1\nartifacts:\n  core:\nworkflows:\n  w:\n    env:\n    inputs:\n      x:\n    steps:\n    - run: a\n      env:\n        EMPTY:\nsubscriptions:\n',
    );
    expect(file.artifacts.core).toEqual({ name: 'core', path: '.' });
    expect(file.workflows.w?.inputs.x).toEqual({ name: 'x', type: 'string', required: false });
    expect(file.workflows.w?.steps[0]?.env).toEqual({ EMPTY: { kind: 'literal', value: '' } });
  });

  test('given a fan-out with its event only, then it waits without limits', () => {
    const step = only('    - {uses: tako/fan-out@v1, with: {event_type: built}}').workflows.w?.steps[0];
    expect(step).toMatchObject({ with: { eventType: 'built', waitForChildren: true, payload: {}, idempotent: false } });
    expect(Object.keys((step as { with: object }).with)).toHaveLength(4);
  });

  test('given each other built-in, then its parameters are typed', () => {
    const { steps } = only(
      `
    - {id: server, run: serve, long_running: true}
    - {uses: tako/checkout@v1}
    - {uses: tako/checkout@v1, with: {ref: "{{ .inputs.x }}", depth: 0, path: src}}
    - {uses: tako/update-dependency@v1, with: {name: lib, version: "1.2.3", ecosystem: go, update_lock_files: false}}
    - {uses: tako/create-pull-request@v1, env: {TOKEN: TOKEN}, with: {title: T, body: "", base: main, head: h, commit_message: m}}
    - {uses: tako/poll@v1, with: {target: file, path: "out/{{ .inputs.x }}.json", timeout: 60m}}
    - {uses: tako/poll@v1, with: {target: http, url: "http://localhost/", interval: 2s}}
    - {uses: tako/poll@v1, with: {target: step, step_id: server, success_on_exit_code: 3}}`,
      '{inputs: {x: {}}, secrets: [TOKEN]}'.slice(1, -1).replace(', ', '\n    '),
    ).workflows.w!;
    expect(steps.slice(1).map(step => step.kind === 'uses' && step.with)).toEqual([
      {},
      { ref: '{{ .inputs.x }}', depth: 0, path: 'src' },
      { name: 'lib', version: '1.2.3', ecosystem: 'go', updateLockFiles: false },
      { title: 'T', body: '', base: 'main', head: 'h', commitMessage: 'm' },
      { target: 'file', path: 'out/{{ .inputs.x }}.json', intervalMs: 10_000, timeoutMs: 3_600_000 },
      { target: 'http', url: 'http://localhost/', successOnStatus: 200, intervalMs: 2_000 },
      { target: 'step', stepId: 'server', successOnExitCode: 3, intervalMs: 10_000 },
    ]);
  });

  test('given on_failure entries as maps, then ids, names, conditions and variables are theirs', () => {
    const { steps } = only(
      `
    - run: a
      on_failure: [{id: undo, name: Undo, if: "true", run: b, env: {T: TOKEN}}, true]`,
      'secrets: [TOKEN]',
    ).workflows.w!;
    expect(steps[0]?.onFailure).toEqual([
      { id: 'undo', name: 'Undo', if: 'true', run: 'b', env: { T: { kind: 'secret', name: 'TOKEN' } } },
      { id: 'step-1-on-failure-2', name: 'step-1-on-failure-2', run: 'true', env: {} },
    ]);
  });

  test('given variables as a map or as a list, for workflows and steps, then both are read', () => {
    const { w } = only('    - {run: a, env: ["X=a=b", Y=]}', 'env: {Z: {{z}}}'.replace('{{z}}', '1e3')).workflows;
    expect(w?.env).toEqual({ Z: '1e3' });
    expect(w?.steps[0]?.env).toEqual({ X: { kind: 'literal', value: 'a=b' }, Y: { kind: 'literal', value: '' } });
  });

  test('given a payload of any JSON, then it is kept', () => {
    const step = only(
      '    - {uses: tako/fan-out@v1, with: {event_type: built, payload: {a: [1, -2.5, true, null, {b: ""}], hex: 0x10}}}',
    ).workflows.w?.steps[0];
    expect(step).toMatchObject({ with: { payload: { a: [1, -2.5, true, null, { b: '' }], hex: 16 } } });
  });

  test('given anchors, aliases and merge keys, then they are followed', () => {
    const { file } = parse(`
version: 1
workflows:
  one: &one
    image: a:1
    steps: &steps [make]
  two: {<<: *one, image: b:2}
  three: {<<: [{image: c:3}, *one]}
  four: {steps: *steps}
`);
    expect(Object.values(file.workflows).map(({ image, steps }) => [image, steps.length])).toEqual([
      ['a:1', 1],
      ['b:2', 1],
      ['c:3', 1],
      [undefined, 1],
    ]);
  });

  test('given a byte order mark and CRLF, then the file is read as any other', () => {
    const text = EVERYTHING.trimStart().replaceAll('\n', '\r\n');
    expect(parse(`\uFEFF${text}`).file).toEqual(parse(EVERYTHING).file);
    expect(parseTakoFile(Buffer.from(`\uFEFF${text}`)).ok).toBe(true);
  });

  test('given no checker of expressions, then they are not checked', () => {
    const text = 'version: 1\nworkflows: {w: {steps: [{run: a, if: "1 +"}]}}';
    expect(parseTakoFile(text).ok).toBe(true);
    expect(parseTakoFile(text, { checkExpression: checkCel }).ok).toBe(false);
  });
});

describe('notes', () => {
  const notes = (text: string) => parse(`version: 1\nworkflows:\n  w:\n${text}`).notes;

  test('given a secret that no step gets, then it is noted', () => {
    expect(notes('    secrets: [TOKEN]\n    steps: [make]')).toEqual([
      'tako.yml:4:15 workflows.w.secrets[0]: no step gets the secret TOKEN: name it as a value in the env of a step',
    ]);
  });

  test('given a value close to a secret, then it stays a literal and is noted', () => {
    const text = '    secrets: [GITHUB_TOKEN]\n    steps: [{run: a, env: {A: GITHUB_TOKEN, B: GITHUB_TOKN}}]';
    expect(notes(text)).toEqual([
      'tako.yml:5:45 workflows.w.steps[0].env.B: "GITHUB_TOKN" is taken as it is: it is close to the secret GITHUB_TOKEN, but not the same',
    ]);
  });

  test('given an output that its step does not declare, then it is noted, but not for long-running steps and built-ins', () => {
    const text = `    steps:
    - {id: a, run: x, produces: {outputs: {version: from_stdout}}}
    - {id: b, run: x, long_running: true}
    - {id: c, uses: tako/checkout@v1}
    - 'echo {{ .steps.a.outputs.verison }} {{ .steps.a.outputs.version }} {{ .steps.b.outputs.x }} {{ .steps.c.outputs.y }}'`;
    expect(notes(text)).toEqual([
      'tako.yml:8:7 workflows.w.steps[3]: the step a declares no output "verison", did you mean "version"?',
    ]);
  });
});
