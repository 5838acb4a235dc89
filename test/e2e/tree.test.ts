import { appendFile, readFile } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import { ANNOTATIONS } from '../../src/api/meta.ts';
import { announce, runSource, source } from './fixture/fan-out.ts';
import { outcome, type RunHandle } from './fixture/run-handle.ts';
import { type RepositoryContent, type Tako, test } from './fixture/tako.ts';

const GUIDE = new URL('../../docs/guides/failing-tree.md', import.meta.url);
const TEST = `#!/bin/sh
echo "2 tests"
echo "ok   greeting"
echo "FAIL farewell: expected 'bye', got 'hello'"
exit 3
`;
const GOOD = '#!/bin/sh\necho "ok   greeting, farewell"\n';
const LIBRARIES = ['lib-one', 'lib-two', 'lib-three', 'lib-four', 'lib-five', 'lib-six'];
const apps = (library: string) => ['app', 'site'].map(kind => `${kind}-${library.slice(4)}`);

const listening = (
  to: string,
  workflow: string,
  steps: NonNullable<RepositoryContent['workflows']>[string]['steps'],
): RepositoryContent => ({
  workflows: { [workflow]: { steps } },
  subscriptions: [{ artifact: `acme/${to}:default`, events: ['built'], workflow }],
});

/** acme/source with six libraries below it, and two apps below each of those: the test of app-two fails. */
async function plant(tako: Tako): Promise<void> {
  const app = (library: string): RepositoryContent => listening(library, 'ci', [{ id: 'test', run: 'sh ./test.sh' }]);
  await Promise.all([
    source(tako, [announce()]),
    ...LIBRARIES.map(name => tako.repository(name, listening('source', 'rebuild', [announce()]))),
    ...LIBRARIES.flatMap(library =>
      apps(library).map(name =>
        tako.repository(name, { ...app(library), files: { 'test.sh': name === 'app-two' ? TEST : GOOD } }),
      ),
    ),
  ]);
}

/** The workflow runs below a run, by repository. */
function byRepository(run: RunHandle): Map<string, RunHandle> {
  const runs = run.descendants().filter(one => one.now().spec.workflow !== undefined);
  return new Map(runs.map(one => [one.now().spec.workflow!.repositoryRef.name, one]));
}

/** Prints what a person would see, for the guide: TAKO_TEST_TRANSCRIPT names the file. */
async function transcript(tako: Tako, ...args: string[]): Promise<string> {
  const text = await tako.kubectl(...args);
  const file = process.env.TAKO_TEST_TRANSCRIPT;
  if (file !== undefined) await appendFile(file, `$ kubectl ${args.join(' ')}\n${text}\n`);
  return text;
}

describe('a tree of a parent, 6 children and 12 grandchildren', () => {
  test('given one branch that fails, then the root says which run, step and line; after the fix a retry runs that branch alone', async ({
    tako,
  }) => {
    await plant(tako);
    const root = await tako.run(runSource, 'release-1');
    const failed = await root.ended(300_000);

    expect(outcome(failed)).toMatchObject({ phase: 'Failed', errorType: 'workflow_failed', reason: 'ChildrenFailed' });
    expect(failed.status).toMatchObject({
      childrenSummary: { total: 6, completed: 5, failed: 1 },
      treeSummary: { total: 18, completed: 16, failed: 2, depth: 2 },
    });
    const leaf = byRepository(root).get('app-two')!;
    const errors = failed.status?.detailedErrors ?? [];
    expect(errors).toEqual([
      expect.objectContaining({
        repository: 'acme/app-two',
        workflow: 'ci',
        run: leaf.name,
        runId: leaf.now().status?.runId,
        errorType: 'workflow_failed',
        durationMilliseconds: expect.any(Number),
        startTime: expect.any(String),
        retryCount: 0,
      }),
    ]);
    // The guide shows this very text, and the same tree as kubectl does.
    const guide = await readFile(GUIDE, 'utf8');
    for (const line of failed.status!.message!.split('\n')) expect(guide).toContain(line);
    expect(guide).toContain(JSON.stringify(errors[0]!.errorMessage));
    expect(failed.status?.message).toContain('acme/app-two ci: step test: the script ended with exit code 3');
    const described = await transcript(tako, 'describe', 'takorun', 'release-1');
    expect(described).toContain("FAIL farewell: expected 'bye', got 'hello'");
    await transcript(tako, 'get', 'takoruns');
    await transcript(tako, 'get', 'takorun', 'release-1', '-o', 'yaml');
    await transcript(tako, 'get', 'takorun', leaf.name, '-o', 'yaml');
    await transcript(tako, 'get', 'events', '--field-selector', 'involvedObject.name=release-1');

    const before = new Map([...byRepository(root)].map(([name, run]) => [name, run.podUids()]));
    const rootPods = root.podUids();
    const fixed = await tako.push('app-two', { 'test.sh': GOOD });
    await tako.kubectl('annotate', 'takorun', 'release-1', `${ANNOTATIONS.retryAt}=${new Date().toISOString()}`);
    await root.until('be retried', ({ status }) => status?.retry?.count === 1);
    const again = await root.ended(300_000);

    expect(outcome(again)).toMatchObject({ phase: 'Succeeded' });
    expect(again.status).toMatchObject({ treeSummary: { total: 18, completed: 18, failed: 0 } });
    expect(again.status?.detailedErrors).toBeUndefined();
    expect(root.podUids()).toEqual(rootPods);
    const after = new Map([...byRepository(root)].map(([name, run]) => [name, run.podUids()]));
    expect(after.get('app-two')).toEqual([...before.get('app-two')!, expect.any(String)]);
    before.delete('app-two');
    after.delete('app-two');
    expect(after).toEqual(before);
    expect(leaf.now().status).toMatchObject({
      phase: 'Succeeded',
      revision: fixed,
      attempts: [{ number: 1, reason: 'StepFailed' }, { number: 2 }],
    });
    await transcript(tako, 'get', 'takorun', 'release-1', '-o', 'jsonpath={.status.retry}');
    await transcript(tako, 'get', 'takorun', leaf.name, '-o', 'jsonpath={.status.attempts}');
    await Promise.all([...byRepository(root).values()].map(run => run.podsReleased()));
  });

  test('given a step in the middle that waits for an event which cannot go out, then the run above could not be carried out', async ({
    tako,
  }) => {
    // acme/source listens to itself: a cycle, refused before anything starts.
    await tako.repository('source', {
      workflows: { main: { steps: [announce(), 'echo never'] } },
      subscriptions: [{ artifact: 'acme/source:default', events: ['built'], workflow: 'main' }],
    });

    const ended = await (await tako.run(runSource)).ended();

    expect(outcome(ended)).toMatchObject({ phase: 'Failed', errorType: 'execution_failed', reason: 'FanOutFailed' });
    expect(ended.status?.message).toContain('acme/source');
  });
});
