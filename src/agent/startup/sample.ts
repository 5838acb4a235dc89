import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseTakoFile } from '../../workflow/parse.ts';
import type { Workflow } from '../../workflow/types.ts';
import type { AgentOptions } from '../agent.ts';
import { type AgentResult, PROTOCOL_VERSION } from '../contract.ts';
import { STEP_LOOP } from '../protocol/loop.ts';

/** What most workflows have: values in scripts, variables, outputs that a later step uses. */
const WORKFLOW = `version: 0.1.0
workflows:
  sample:
    env: [CI=true]
    inputs:
      bump: {type: string, default: patch}
    steps:
      - echo started
      - id: build
        env: {LEVEL: "{{ .inputs.bump }}"}
        run: |
          echo "building {{ .inputs.bump }}" >&2
          echo "1.2.3-$LEVEL"
        produces: {outputs: {version: from_stdout}}
      - run: echo "{{ .steps.build.outputs.version | upper }}"
`;

/** Runs a small workflow of a small repository with the given agent, in directories of its own. Needs git and mkfifo. */
export async function runSample(runAgent: (options: AgentOptions) => Promise<AgentResult>): Promise<AgentResult> {
  const root = mkdtempSync(path.join(tmpdir(), 'tako-sample-'));
  const at = (name: string) => path.join(root, name);
  for (const name of ['repository', 'io/step-0', 'state', 'workspace', 'secrets', 'credentials']) {
    mkdirSync(at(name), { recursive: true });
  }
  const commit = createCommit(at('repository'));
  const loop = spawn('/bin/sh', ['-c', STEP_LOOP, 'tako-step', at('io/step-0')], { stdio: 'ignore' });
  try {
    return await runAgent({
      assignment: {
        protocol: PROTOCOL_VERSION,
        run: { namespace: 'sample', name: 'sample', uid: 'sample', runId: 'exec-20260101-000000-00000000', attempt: 1 },
        repository: {
          url: `file://${at('repository')}`,
          slug: 'acme/sample',
          path: 'tako.yml',
          commit,
          configDigest: '',
          credentials: false,
        },
        workflow: 'sample',
        definition: parsed(),
        inputs: { bump: 'minor' },
        containers: [{ name: 'step-0', steps: [0, 1, 2] }],
        secrets: [],
        deadline: new Date(Date.now() + 60_000).toISOString(),
        startTimeoutMs: 10_000,
        gitTimeoutMs: 20_000,
        gateway: { url: 'https://localhost', ca: '' },
        resultBytes: 4_096,
      },
      paths: {
        workspace: at('workspace'),
        io: at('io'),
        state: at('state'),
        gitCredentials: at('credentials'),
        cache: at('cache'),
        secrets: at('secrets'),
        token: at('token'),
        terminationLog: at('termination-log'),
      },
      stop: new AbortController().signal,
      print: () => undefined,
    });
  } finally {
    loop.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  }
}

function parsed(): Workflow {
  const result = parseTakoFile(WORKFLOW);
  const workflow = result.ok ? result.file.workflows.sample : undefined;
  if (workflow === undefined) throw new Error('the sample is not a valid workflow file');
  return workflow;
}

function createCommit(directory: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: directory, encoding: 'utf8', env: GIT }).trim();
  writeFileSync(path.join(directory, 'tako.yml'), WORKFLOW);
  git('init', '--quiet');
  git('add', 'tako.yml');
  git('commit', '--quiet', '--message=sample');
  return git('rev-parse', 'HEAD');
}

const GIT = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'sample',
  GIT_AUTHOR_EMAIL: 'sample@localhost',
  GIT_COMMITTER_NAME: 'sample',
  GIT_COMMITTER_EMAIL: 'sample@localhost',
};
