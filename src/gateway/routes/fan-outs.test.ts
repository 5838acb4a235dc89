import { describe, expect, it } from 'vitest';
import { until } from '../../../test/fixtures/until.ts';
import { takoRunSpecSchema } from '../../api/takorun.ts';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import { fanOutRunName } from '../../fanout/names.ts';
import { MAX_GENERATIONS } from '../../fanout/step-fan-outs.ts';
import { ApiError, type ErrorClass } from '../../kube/errors.ts';
import type { LiveRun } from '../runs.ts';
import { buildLiveRun, startGateway } from '../testing/gateway-harness.ts';

const path = '/v1/fan-outs/publish';
const body = {
  type: 'library_built',
  schemaVersion: '1.2.0',
  artifact: 'core',
  payload: { version: '1.4.0' },
  waitForChildren: true,
};
const child = {
  namespace: 'team',
  name: fanOutRunName({ name: 'core-lib-release', uid: 'uid-core-lib-release' }, 'publish'),
};

describe('PUT /v1/fan-outs/:step', () => {
  it('given a step of a run, then its event run is created, for the repository of the run', async () => {
    const { call, runs } = await startGateway();
    runs.context = { ...runs.context, deadlineMs: Date.parse('2026-01-01T02:00:00Z') };
    const answer = await call('PUT', path, {
      body: { ...body, timeoutMs: 3_600_000, concurrencyLimit: 4, idempotent: true },
    });
    expect(answer).toMatchObject({ status: 201, body: { run: child.name, finished: false } });
    expect(answer.body).not.toHaveProperty('phase');
    const created = await runs.get(child, AbortSignal.timeout(1_000));
    expect(created?.metadata.ownerReferences).toMatchObject([{ uid: 'uid-core-lib-release', controller: true }]);
    expect(created?.spec).toEqual({
      event: {
        type: 'library_built',
        schemaVersion: '1.2.0',
        source: 'acme/core-lib:core',
        payload: { version: '1.4.0' },
      },
      waitForChildren: true,
      timeout: '1h',
      concurrencyLimit: 4,
      idempotent: true,
      parent: {
        run: { namespace: 'team', name: 'core-lib-release', uid: 'uid-core-lib-release' },
        root: { namespace: 'team', name: 'core-lib-release', uid: 'uid-core-lib-release' },
        depth: 1,
        deadline: '2026-01-01T02:00:00Z',
        ancestors: [{ repository: 'acme/core-lib', workflow: 'release' }],
        step: 'publish',
      },
    });
    expect(takoRunSpecSchema.safeParse(created?.spec).success).toBe(true);
  });

  it('given the same request again, from a later attempt and at a later time, then the run is adopted', async () => {
    const { call, runs, run, issuer } = await startGateway();
    await call('PUT', path, { body });
    runs.report(child, { phase: 'Running', message: '1 of 2 subscribers run' });
    const attempts = [...(run.status?.attempts ?? []), { number: 2, podName: 'release-1', podUID: 'pod-2' }];
    runs.report(run.metadata, { attempts });
    runs.context = { ...runs.context, deadlineMs: Date.parse('2026-01-01T03:00:00Z') };
    const token = await issuer.sign({ podUid: 'pod-2' });
    const reordered = Object.fromEntries(Object.entries(body).reverse());
    expect(await call('PUT', path, { token, body: reordered })).toMatchObject({
      status: 200,
      body: { run: child.name, phase: 'Running', finished: false, message: '1 of 2 subscribers run' },
    });
    expect(runs.list()).toHaveLength(2);
  });

  it('given several requests at once, then one run is created', async () => {
    const { call, runs } = await startGateway();
    const answers = await Promise.all(Array.from({ length: 8 }, () => call('PUT', path, { body })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(runs.list()).toHaveLength(2);
  });

  it.each([
    ['another payload', { payload: { version: '1.4.1' } }],
    ['another option', { waitForChildren: false }],
    ['another artifact', { artifact: 'default' }],
  ])('given the same step with %s, then that is a conflict', async (_what, change) => {
    const { call } = await startGateway();
    await call('PUT', path, { body });
    expect(await call('PUT', path, { body: { ...body, ...change } })).toMatchObject({
      status: 409,
      body: {
        reason: 'FanOutConflict',
        retry: false,
        message: expect.stringContaining('with another event or other options'),
      },
    });
  });

  const later = '2026-01-01T00:10:00Z';
  const wholeName = { name: 'core-lib-release', uid: 'uid-core-lib-release' };

  /** The event run of the step, made by the first attempt, and a gateway whose caller is the second one. */
  async function secondAttempt(changes: Partial<LiveRun['spec']> = {}, status: TakoRunStatus = {}) {
    const harness = await startGateway();
    await harness.call('PUT', path, { body });
    const made = await harness.runs.get(child, AbortSignal.timeout(1_000));
    harness.runs.put({ ...made!, spec: { ...made!.spec, ...changes } });
    const attempts = [{ number: 2, podName: 'release-1', podUID: 'pod-1', startTime: later }];
    harness.runs.report(harness.run.metadata, { attempts, ...status });
    return harness;
  }
  const other = { ...body, payload: { version: '1.4.1' } };

  it('given another payload from a later attempt, then the old fan-out is canceled, and a new one takes its place', async () => {
    const { call, runs, run } = await secondAttempt();
    const next = fanOutRunName(wholeName, 'publish', 1);
    expect(await call('PUT', path, { body: other })).toMatchObject({ status: 201, body: { run: next } });
    expect((await runs.get(child, AbortSignal.timeout(1_000)))?.spec.cancel).toBe(true);
    const created = await runs.get({ namespace: 'team', name: next }, AbortSignal.timeout(1_000));
    expect(created?.spec).toMatchObject({ event: { payload: { version: '1.4.1' } }, parent: { step: 'publish' } });
    // Asked again, as after an answer that was lost.
    expect(await call('PUT', path, { body: other })).toMatchObject({ status: 200, body: { run: next } });
    // Back to the first payload: what was canceled is not taken up again.
    runs.report(run.metadata, { attempts: [{ number: 3, podName: 'release-2', podUID: 'pod-1' }] });
    const third = fanOutRunName(wholeName, 'publish', 2);
    expect(await call('PUT', path, { body })).toMatchObject({ status: 201, body: { run: third } });
  });

  it('given another payload from each of very many attempts, then the step is refused in the end, and told what to do', async () => {
    const { call, runs, run, clock } = await startGateway();
    const answers: { status: number; body: { message?: string } }[] = [];
    for (let number = 1; number <= MAX_GENERATIONS + 1; number++) {
      const startTime = new Date(Date.parse(later) + number * 60_000).toISOString();
      runs.report(run.metadata, { attempts: [{ number, podName: `release-${number}`, podUID: 'pod-1', startTime }] });
      answers.push(await call('PUT', path, { body: { ...body, payload: { number } } }));
      // The gateway bears a few requests a second of a run.
      clock.advanceSync(1_000);
    }
    expect(answers.map(({ status }) => status)).toEqual([...Array.from({ length: MAX_GENERATIONS }, () => 201), 409]);
    expect(answers.at(-1)?.body).toMatchObject({
      reason: 'FanOutConflict',
      message: `step publish has sent ${MAX_GENERATIONS} different events: start a new run`,
    });
  });

  it('given a canceled fan-out of an earlier attempt, then the same payload makes a new one', async () => {
    const { call } = await secondAttempt({ cancel: true });
    expect((await call('PUT', path, { body })).body.run).toBe(fanOutRunName(wholeName, 'publish', 1));
  });

  it('given a fan-out that failed before its run was retried, then it is retried too, and is not taken for ended', async () => {
    const retry = { requestedAt: later, message: 'm', count: 1, startTime: later };
    const { call, runs } = await secondAttempt({}, { retry });
    runs.context = { ...runs.context, deadlineMs: Date.parse('2026-01-01T02:00:00Z') };
    runs.report(child, { phase: 'Failed', completionTime: '2026-01-01T00:05:00Z', errorType: 'execution_failed' });
    expect(await call('PUT', path, { body })).toMatchObject({
      status: 200,
      body: { run: child.name, finished: false },
    });
    const told = await runs.get(child, AbortSignal.timeout(1_000));
    expect(told?.metadata.annotations).toEqual({
      'tako.dev/retry-at': later,
      'tako.dev/retry-deadline': '2026-01-01T02:00:00Z',
    });
    const get = `${path}?run=${child.name}`;
    expect((await call('GET', get)).body).toMatchObject({ finished: false });
    // It failed once more: that is its end.
    runs.report(child, { retry, completionTime: '2026-01-01T00:20:00Z' });
    expect((await call('GET', get)).body).toMatchObject({ finished: true, errorType: 'execution_failed' });
  });

  it('given a run of that name that is not its own, then that is a conflict, whatever the run claims', async () => {
    const { call, runs, run } = await startGateway();
    const parent = { run: run.metadata, root: run.metadata, depth: 1, step: 'publish' };
    const { metadata, spec } = buildLiveRun({
      name: child.name,
      uid: 'forged',
      spec: { event: { type: 'x', source: 'a/b:c' } },
      parent,
    });
    const { ownerReferences: _, ...unowned } = metadata;
    const { parent: _parent, ...unplaced } = spec;
    for (const forged of [
      { metadata: unowned, spec },
      { metadata, spec: unplaced },
    ]) {
      runs.put(forged);
      expect(await call('PUT', path, { body })).toMatchObject({
        status: 409,
        body: { reason: 'FanOutConflict', message: expect.stringContaining('does not belong to this run') },
      });
    }
  });

  it('given its run that is being deleted, then that is a conflict', async () => {
    const { call, runs } = await startGateway();
    await call('PUT', path, { body });
    const [, created] = runs.list();
    runs.put({ ...created!, metadata: { ...created!.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
    expect(await call('PUT', path, { body })).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('is being deleted') },
    });
  });

  it('given a run that vanishes between two looks, then the agent may come again', async () => {
    const { call, runs } = await startGateway();
    runs.create = async () => undefined;
    expect(await call('PUT', path, { body })).toMatchObject({ status: 503, body: { reason: 'Conflict', retry: true } });
  });

  it.each([
    ['being deleted', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }],
    ['canceled', { spec: { cancel: true } }],
  ])(
    'given a run that is %s, then nothing is started below it',
    async (_what, change: { metadata?: object; spec?: object }) => {
      const { call, runs, run } = await startGateway();
      runs.put({ ...run, metadata: { ...run.metadata, ...change.metadata }, spec: { ...run.spec, ...change.spec } });
      expect(await call('PUT', path, { body })).toMatchObject({
        status: 409,
        body: { reason: 'RunEnding', retry: false },
      });
      expect(runs.list()).toHaveLength(1);
    },
  );

  it('given an artifact that the repository has not, then it says which it has', async () => {
    const { call } = await startGateway();
    expect(await call('PUT', path, { body: { ...body, artifact: 'other' } })).toMatchObject({
      status: 422,
      body: { reason: 'UnknownArtifact', message: 'acme/core-lib has no artifact other; it has core, default' },
    });
  });

  it('given a run at the deepest level, then its fan-out is refused with the path', async () => {
    const { call, runs, run } = await startGateway();
    const ancestors = [{ repository: 'acme/base', workflow: 'build' }];
    runs.put({
      ...run,
      spec: { ...run.spec, parent: { run: run.metadata, root: run.metadata, depth: 10, ancestors } },
    });
    expect(await call('PUT', path, { body })).toMatchObject({
      status: 422,
      body: { reason: 'DepthExceeded', message: expect.stringContaining('acme/base build -> acme/core-lib release') },
    });
  });

  it.each([
    ['no body', undefined, 'body'],
    ['a type that is not in snake_case', { ...body, type: 'LibraryBuilt' }, 'body.type'],
    ['a version that is none', { ...body, schemaVersion: 'v1' }, 'body.schemaVersion'],
    ['an artifact that is a path', { ...body, artifact: '../x' }, 'body.artifact'],
    ['an unknown field', { ...body, source: 'acme/other:core' }, 'source'],
    ['a limit of nothing', { ...body, concurrencyLimit: 0 }, 'body.concurrencyLimit'],
    ['a time limit of nothing', { ...body, timeoutMs: 0 }, 'body.timeoutMs'],
    ['a payload above 64 KiB', { ...body, payload: 'x'.repeat(70_000) }, 'at most 65536 bytes'],
  ])('given %s, then the error names it', async (_what, wrong, message) => {
    const { call, runs } = await startGateway();
    expect(await call('PUT', path, { body: wrong })).toMatchObject({
      status: 400,
      body: { reason: 'InvalidRequest', retry: false, message: expect.stringContaining(message) },
    });
    expect(runs.list()).toHaveLength(1);
  });

  it.each(['a%2Fb', '..%2f..', 'a%00b', 'x'.repeat(129)])('given the step %s, then it is refused', async step => {
    const { call } = await startGateway();
    const { status } = await call('PUT', `/v1/fan-outs/${step}`, { body });
    expect([400, 404, 414]).toContain(status);
  });

  it.each<[ErrorClass, number, string, boolean]>([
    ['transient', 503, 'ApiServerUnavailable', true],
    ['quotaExceeded', 429, 'QuotaExceeded', true],
    ['invalid', 422, 'Rejected', false],
    ['forbidden', 403, 'Forbidden', false],
    ['notFound', 409, 'RunEnding', false],
    ['unauthorized', 500, 'Internal', true],
  ])('given an API server that says %s, then the agent gets %i %s', async (errorClass, status, reason, retry) => {
    const { call, runs } = await startGateway();
    runs.beforeCall = () => {
      throw new ApiError({
        class: errorClass,
        code: 0,
        reason: 'X',
        message: 'said the API server',
        retryAfterSeconds: 7,
      });
    };
    const answer = await call('PUT', path, { body });
    expect(answer).toMatchObject({ status, body: { reason, retry } });
    if (status !== 500)
      expect(answer).toMatchObject({ headers: { 'retry-after': '7' }, body: { message: 'said the API server' } });
  });
});

describe('GET /v1/fan-outs/:step', () => {
  it('given no wait, then it answers at once', async () => {
    const { call, runs } = await startGateway();
    await call('PUT', path, { body });
    expect(await call('GET', path)).toMatchObject({ status: 200, body: { run: child.name, finished: false } });
    expect(runs.waiting).toBe(0);
  });

  it('given a wait, then it answers when the event run ended', async () => {
    const { call, runs, clock } = await startGateway();
    await call('PUT', path, { body });
    const polled = call('GET', `${path}?waitSeconds=30`);
    await until('it waits', () => runs.waiting === 1);
    runs.report(child, { phase: 'Running' });
    runs.report(child, { phase: 'Failed', message: '1 of 2 children failed' });
    expect(await polled).toMatchObject({
      status: 200,
      body: { run: child.name, phase: 'Failed', finished: true, message: '1 of 2 children failed' },
    });
    await until('no timer is left', () => clock.pending === 0);
  });

  it('given a wait that is over, then it answers with how things stand', async () => {
    const { call, runs, clock } = await startGateway();
    await call('PUT', path, { body });
    const polled = call('GET', `${path}?waitSeconds=30`);
    await until('it waits', () => runs.waiting === 1);
    runs.report(child, { phase: 'Waiting' });
    await clock.advance(29_999);
    await until('it still waits', () => runs.waiting === 1);
    await clock.advance(1);
    expect(await polled).toMatchObject({ status: 200, body: { phase: 'Waiting', finished: false } });
  });

  it('given a wait of hours, then it is cut to a minute', async () => {
    const { call, runs, clock } = await startGateway();
    await call('PUT', path, { body });
    const polled = call('GET', `${path}?waitSeconds=7200`);
    await until('it waits', () => runs.waiting === 1);
    await clock.advance(60_000);
    expect(await polled).toMatchObject({ status: 200 });
  });

  it('given a client that goes away, then nobody waits for it any more', async () => {
    const { call, runs, clock } = await startGateway();
    await call('PUT', path, { body });
    const gone = new AbortController();
    const polled = call('GET', `${path}?waitSeconds=30`, { signal: gone.signal });
    await until('it waits', () => runs.waiting === 1);
    gone.abort();
    await expect(polled).rejects.toThrow();
    await until('nobody waits', () => runs.waiting === 0 && clock.pending === 0);
  });

  it('given a store that is behind, then the run is looked up', async () => {
    const { call, runs } = await startGateway();
    await call('PUT', path, { body });
    runs.waitForRun = async () => undefined;
    expect(await call('GET', path)).toMatchObject({ status: 200, body: { run: child.name } });
  });

  it('given no such fan-out, or one of somebody else, then it is not found', async () => {
    const { call, runs } = await startGateway();
    expect(await call('GET', path)).toMatchObject({ status: 404, body: { reason: 'FanOutNotFound', retry: false } });
    runs.put(buildLiveRun({ name: child.name, uid: 'forged' }));
    expect(await call('GET', path)).toMatchObject({ status: 404 });
  });

  it.each(['-1', 'soon'])('given a wait of %s, then it is refused', async seconds => {
    const { call } = await startGateway();
    expect(await call('GET', `${path}?waitSeconds=${seconds}`)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('query.waitSeconds') },
    });
  });
});
