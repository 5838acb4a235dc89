import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, startGitServer } from '../../test/fixtures/git-server/git-server.mjs';
import { createRepository } from '../../test/fixtures/git-server/repositories.mjs';
import { treeBomb } from '../../test/fixtures/hostile/trees.ts';
import { parseResult } from '../controllers/run/result.ts';
import { startGateway } from '../gateway/testing/gateway-harness.ts';
import { runAgent } from './agent.ts';
import type { AgentResult, Assignment } from './contract.ts';
import { eventually, prepareContainer } from './protocol/testing.ts';
import { assignmentOf, workflowOf } from './testing/builders.ts';
import { startTlsServer, tokenFile } from './testing/tls-server.ts';

const FILE = `version: 0.1.0
workflows:
  release:
    inputs: {bump: {type: string, default: patch}}
    steps:
      - {id: build, run: './build.sh "{{ .inputs.bump }}"', produces: {outputs: {version: from_stdout}}}
      - {id: tell, run: 'echo "$TAKO_GIT_TAG $TAKO_COMMIT"'}
  large:
    steps:
      - {id: log, run: 'head -c 9000 /dev/zero | tr "\\0" x', produces: {outputs: {text: from_stdout}}}
  broken:
    steps:
      - {id: break, run: 'echo kept >file; exit 3'}
  slow:
    steps:
      - {id: sleep, run: ': >started; sleep 600'}
`;
const digest = createHash('sha256').update(FILE).digest('hex');

let root: string;
let server: GitServer;
let commit: string;
beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'tako-agent-'));
  const files = { 'tako.yml': FILE, 'build.sh': { content: '#!/bin/sh\necho "1.4.0-$1"\n', executable: true } };
  const created = await createRepository(path.join(root, 'git/acme/core-lib.git'), {
    commits: [{ files, tags: ['v1.4.0'] }],
  });
  commit = created.commits[0]!;
  server = await startGitServer({ root: path.join(root, 'git') });
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

interface Run {
  readonly result: AgentResult;
  /** As the kubelet reads it. */
  readonly message: string;
  readonly lines: string[];
  readonly log: string;
  /** Whether the step container's loop still runs, for people to look into. */
  readonly held: boolean;
}

interface Options {
  readonly assignment?: Partial<Assignment>;
  readonly repository?: Partial<Assignment['repository']>;
  /** Files of the secrets volume. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Files of the volume with the Git credentials. */
  readonly credentials?: Readonly<Record<string, string>>;
  /** For the gateway. */
  readonly token?: string;
  readonly stop?: AbortSignal;
  /** The step container never starts. */
  readonly withoutLoop?: boolean;
  /** Called with the workspace when everything is in place. */
  readonly onStart?: (workspace: string) => void;
}

/** An agent with one step container, as in a Pod, but as plain processes. */
async function run(options: Options = {}): Promise<Run> {
  const base = mkdtempSync(path.join(root, 'pod-'));
  const at = (name: string) => path.join(base, name);
  for (const name of ['io', 'state', 'workspace', 'secrets', 'credentials', 'cache']) mkdirSync(at(name));
  chmodSync(at('workspace'), 0o777);
  for (const [name, value] of Object.entries(options.secrets ?? {})) writeFileSync(at(`secrets/${name}`), value);
  for (const [name, value] of Object.entries(options.credentials ?? {}))
    writeFileSync(at(`credentials/${name}`), value);
  const repository = {
    ...assignmentOf().repository,
    url: `${server.url}/acme/core-lib.git`,
    commit,
    configDigest: digest,
  };
  const assignment = assignmentOf({
    inputs: { bump: 'minor' },
    containers: [{ name: 'step-0', steps: [0, 1] }],
    ...options.assignment,
    repository: { ...repository, ...options.repository },
  });
  const lines: string[] = [];
  await using container = prepareContainer({ shell: 'dash' });
  symlinkSync(container.io, at('io/step-0'));
  const logged = options.withoutLoop === true ? undefined : once(container.startLoop(), 'close');
  options.onStart?.(at('workspace'));
  const result = await runAgent({
    assignment,
    paths: {
      workspace: at('workspace'),
      io: at('io'),
      state: at('state'),
      gitCredentials: at('credentials'),
      cache: at('cache'),
      secrets: at('secrets'),
      token: tokenFile(options.token ?? 'token'),
      terminationLog: at('termination-log'),
    },
    stop: options.stop ?? new AbortController().signal,
    print: line => lines.push(line),
  });
  const held = await isHeld(container.processes);
  // The log is complete when nobody is left to write to it.
  if (!held) await logged;
  const message = readFileSync(at('termination-log'), 'utf8');
  return { result, message, lines, log: container.log().toString('utf8'), held };
}

/** Whether the loop waits for people; when it does not, it ends soon. */
async function isHeld(processes: () => number[]): Promise<boolean> {
  const isSleep = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sleep';
  let held = false;
  await eventually(() => {
    const left = processes();
    try {
      held = left.some(isSleep);
    } catch {
      return false;
    }
    return held || left.length === 0;
  });
  return held;
}

/** Calls back when the slow step runs. */
function whenStarted(workspace: string, callback: () => void): void {
  const timer = setInterval(() => {
    if (!existsSync(path.join(workspace, 'started'))) return;
    clearInterval(timer);
    callback();
  }, 10);
}

describe('an agent', () => {
  it('given its assignment, then it checks out, runs the steps, and leaves the result for the kubelet', async () => {
    const { result, message, lines, log } = await run();
    expect(result).toMatchObject({ state: 'succeeded', outputs: { 'build.version': '1.4.0-minor' } });
    expect(parseResult(message)).toMatchObject({ state: 'succeeded', rssKiB: expect.any(Number) });
    expect(log).toBe(`1.4.0-minor\nv1.4.0 ${commit}\n`);
    const told = lines.map(line => JSON.parse(line) as { msg: string; run: string });
    expect(told.map(({ msg }) => msg)).toEqual(['checked out', 'step containers are ready', 'finished']);
    expect(told[0]?.run).toBe('core-lib-release');
  });

  it('given a success, then the gateway is told what is left for the kubelet; of a failure it is not', async () => {
    const gateway = await startGateway({ names: ['localhost'] });
    const assignment = { gateway: { url: `https://localhost:${gateway.port}`, ca: gateway.certificates.ca } };
    const token = await gateway.issuer.sign({ podUid: 'pod-1' });
    const { message } = await run({ assignment, token });
    expect(gateway.ends).toMatchObject([{ pod: { uid: 'pod-1' }, message }]);
    const { result } = await run({ assignment: { ...assignment, workflow: 'broken' }, token });
    expect(result.state).toBe('failed');
    expect(gateway.ends).toHaveLength(1);
  });

  it('given a namespace with a cache, then the checkout is by way of it, and the log says what came of it', async () => {
    const gateway = await startGateway({ names: ['localhost'] });
    const assignment = {
      gateway: { url: `https://localhost:${gateway.port}`, ca: gateway.certificates.ca },
      cache: { maxBytes: 1e9, maxAgeSeconds: 3_600, seconds: 1_800 },
    };
    const token = await gateway.issuer.sign();
    const { result, log, lines } = await run({ assignment, token });
    expect(result).toMatchObject({ state: 'succeeded', outputs: { 'build.version': '1.4.0-minor' } });
    expect(log).toBe(`1.4.0-minor\nv1.4.0 ${commit}\n`);
    const told = lines.map(line => JSON.parse(line) as { msg: string });
    expect(told.map(({ msg }) => msg)).toEqual(['cache', 'checked out', 'step containers are ready', 'finished']);
    expect(told[0]).toMatchObject({
      result: 'miss',
      fetchedBytes: expect.any(Number),
      milliseconds: expect.any(Number),
    });
    expect(gateway.cacheUses).toMatchObject([{ result: 'miss' }]);
  });

  it('given what the operator knows of the tags, then the steps get that', async () => {
    const { log } = await run({ repository: { facts: { tag: 'v1.3.0', describe: 'v1.3.0-2-gabcdef0' } } });
    expect(log).toBe(`1.4.0-minor\nv1.3.0 ${commit}\n`);
  });

  describe('with Git credentials', () => {
    const credentials = { username: 'robot', password: 'hunter2-hunter2' };
    const definition = workflowOf('steps:\n  - {id: look, run: "env; grep -r hunter2 . || true"}');
    afterEach(() => {
      server.setCredentials(undefined);
      server.setFault(undefined);
    });

    it('given a checkout that needs them, then no step, no log, no result and no file of it has them', async () => {
      server.setCredentials(credentials);
      const { result, ...told } = await run({
        credentials,
        repository: { credentials: true },
        assignment: { definition },
      });
      expect(result.state).toBe('succeeded');
      expect(told.log).toContain('TAKO_COMMIT=');
      expect(JSON.stringify([result, told])).not.toMatch(/hunter2|robot|TAKO_GIT_(USERNAME|PASSWORD)/);
    });

    it('given a server that says them aloud, then the message has them not', async () => {
      server.setFault({ kind: 'status', status: 403, body: 'hunter2-hunter2' });
      const { result, ...told } = await run({ credentials, repository: { credentials: true } });
      expect(result).toMatchObject({ state: 'failed', reason: 'CheckoutFailed' });
      expect(JSON.stringify([result, told])).not.toContain('hunter2');
    });
  });

  it('given a commit that names itself ten thousand million times, then no step runs, and the message says what to do', async () => {
    const bomb = await treeBomb(path.join(root, 'git/acme/bomb.git'));
    const repository = { url: `${server.url}/acme/bomb.git`, commit: bomb };
    const { result, log } = await run({ repository, assignment: { definition: workflowOf('steps: [env]') } });
    expect(result).toMatchObject({
      state: 'failed',
      errorType: 'execution_failed',
      reason: 'CheckoutFailed',
      message: expect.stringMatching(/more than 200000 files and directories .*TAKO_CHECKOUT_MAX_ENTRIES/),
    });
    expect(log).toBe('');
  });

  it('given a result that is too large, then it is stored with the gateway and the message names it', async () => {
    const gateway = await startTlsServer();
    const stored = { name: 'core-lib-release-result', digest: 'e'.repeat(64) };
    gateway.answers = [
      { status: 503, body: { reason: 'X', message: 'y', retry: true } },
      { status: 201, body: stored },
    ];
    const assignment = { workflow: 'large', gateway: { url: gateway.url, ca: gateway.ca } };
    const { message } = await run({ assignment });
    expect(parseResult(message)).toMatchObject({ state: 'succeeded', steps: [], ref: stored });
    const body = gateway.seen.findLast(({ method, url }) => method === 'PUT' && url === '/v1/result')?.body;
    expect(JSON.parse(body ?? '')).toMatchObject({ outputs: { 'log.text': 'x'.repeat(9_000) } });
  });

  it('given a file that is not the one that the operator read, then nothing runs', async () => {
    const { result, log } = await run({ repository: { configDigest: 'f'.repeat(64) } });
    expect(result).toMatchObject({ state: 'failed', errorType: 'execution_failed', reason: 'ConfigDigestMismatch' });
    expect(log).toBe('');
  });

  it('given a workflow that comes along, then it is run, and the file is not looked at', async () => {
    const definition = workflowOf('steps:\n  - {id: say, run: echo brought, produces: {outputs: {what: from_stdout}}}');
    const { result } = await run({ assignment: { definition }, repository: { configDigest: 'f'.repeat(64) } });
    expect(result).toMatchObject({ state: 'succeeded', outputs: { 'say.what': 'brought' } });
  });

  it.each(['other', 'constructor'])(
    'given the workflow %s, which is not in the file, then the run could not be executed',
    async workflow => {
      expect((await run({ assignment: { workflow } })).result).toMatchObject({
        errorType: 'execution_failed',
        reason: 'WorkflowNotFound',
      });
    },
  );

  it('given a Git server that keeps failing, then the reason says that another attempt may fare better', async () => {
    server.setFault({ kind: 'status', status: 503 });
    try {
      const { result } = await run({});
      expect(result).toMatchObject({ state: 'failed', errorType: 'execution_failed', reason: 'GitUnavailable' });
      expect(result.message).toContain('503');
    } finally {
      server.setFault(undefined);
    }
  });

  it('given a commit that is not there, then the checkout has failed', async () => {
    const { result } = await run({ repository: { commit: 'b'.repeat(40) } });
    expect(result).toMatchObject({ state: 'failed', errorType: 'execution_failed', reason: 'CheckoutFailed' });
    expect(result.message).toContain('the checkout of acme/core-lib failed: ');
  });

  it('given a step container that does not start, then the run could not be executed, in time', async () => {
    const { result } = await run({ withoutLoop: true, assignment: { startTimeoutMs: 200 } });
    expect(result).toMatchObject({ errorType: 'execution_failed', reason: 'StepContainerNotStarted' });
    expect(result.message).toContain('container step-0 did not start in time');
  });

  it('given a deadline, then the run has timed out, and the step is ended', async () => {
    const deadline = new Date(Date.now() + 8_000).toISOString();
    const { result, message } = await run({ assignment: { workflow: 'slow', deadline } });
    expect(result).toMatchObject({
      errorType: 'timeout',
      reason: 'TimedOut',
      steps: [{ id: 'sleep', phase: 'TimedOut' }],
    });
    expect(parseResult(message)).toMatchObject({ errorType: 'timeout' });
  });

  it('given a failure after which the workspace is to stay, then the step container waits, and the result names it', async () => {
    const { message, held } = await run({ assignment: { workflow: 'broken', retainSeconds: 600 } });
    expect(parseResult(message)).toMatchObject({
      state: 'failed',
      reason: 'StepFailed',
      held: { container: 'step-0', seconds: 600 },
    });
    expect(held).toBe(true);
  });

  it('given a run out of time, then its workspace stays too', async () => {
    const deadline = new Date(Date.now() + 8_000).toISOString();
    const { result, held } = await run({ assignment: { workflow: 'slow', deadline, retainSeconds: 600 } });
    expect(result).toMatchObject({ errorType: 'timeout', held: { container: 'step-0', seconds: 600 } });
    expect(held).toBe(true);
  });

  it('given a success, or nothing to stay, then the step container ends', async () => {
    expect(await run({ assignment: { retainSeconds: 600 } })).toMatchObject({
      result: { state: 'succeeded' },
      held: false,
    });
    const { result, held } = await run({ assignment: { workflow: 'broken' } });
    expect(result).toMatchObject({ state: 'failed' });
    expect(result.held).toBeUndefined();
    expect(held).toBe(false);
  });

  it('given a deadline that was over before anything began, then the run has timed out', async () => {
    const deadline = new Date(Date.now() - 1_000).toISOString();
    expect((await run({ assignment: { deadline } })).result).toMatchObject({ errorType: 'timeout', steps: [] });
  });

  it('given a deadline in a month, then that is no reason to end now', async () => {
    const deadline = new Date(Date.now() + 40 * 86_400_000).toISOString();
    expect((await run({ assignment: { deadline } })).result).toMatchObject({ state: 'succeeded' });
  });

  it('given the deletion of its Pod, then the run is canceled, and that is reported', async () => {
    const stop = new AbortController();
    const { message } = await run({
      assignment: { workflow: 'slow' },
      stop: stop.signal,
      onStart: workspace => whenStarted(workspace, () => stop.abort(new Error('the Pod is being deleted'))),
    });
    expect(parseResult(message)).toMatchObject({ errorType: 'canceled', reason: 'Canceled' });
  });

  it('given a Pod that is deleted before the agent comes to it, then it reports that', async () => {
    const { message } = await run({ stop: AbortSignal.abort(new Error('deleted')) });
    expect(parseResult(message)).toMatchObject({ errorType: 'canceled', steps: [] });
  });

  it('given a secret, then no line of the agent has it', async () => {
    const { lines, message } = await run({
      secrets: { TOKEN: 'core-lib-release' },
      assignment: { secrets: ['TOKEN'] },
    });
    expect(lines.join()).not.toContain('core-lib-release');
    expect(message).not.toContain('core-lib-release');
  });

  it('given a secret that came to be after the Pod, then nothing runs, as it could not be masked', async () => {
    const { result } = await run({ assignment: { secrets: ['TOKEN'] } });
    expect(result).toMatchObject({
      errorType: 'execution_failed',
      reason: 'SecretTooLate',
      message: expect.stringContaining('the value of TOKEN'),
    });
  });
});
