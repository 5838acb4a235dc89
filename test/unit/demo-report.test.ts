import { describe, expect, test } from 'vitest';
import { reportLines } from '../demo/report.ts';
import type { LiveRun } from '../demo/tree.ts';

const OPTIONS = { fail: true, kubectl: 'kubectl -n tako-demo', now: 0 };
const STEP_ERROR = 'step test: the script ended with exit code 3; the last lines of its output:\n1 test\nFAIL greeting';
const RETRY = 'kubectl -n tako-demo annotate takorun release-1 tako.dev/retry-at="$(date -u +%FT%TZ)" --overwrite';

function root(status: Partial<LiveRun['status']>): LiveRun {
  return {
    apiVersion: 'tako.dev/v1alpha1',
    kind: 'TakoRun',
    metadata: { name: 'release-1', uid: 'uid-1', creationTimestamp: '2026-05-01T12:00:00Z', resourceVersion: '1' },
    spec: { workflow: { repositoryRef: { name: 'core-lib' }, name: 'release' } },
    status: { repository: 'acme/core-lib', ...status },
  };
}

const failure = (repository: string, errorMessage: string) => ({
  ...{ repository, workflow: 'ci', run: 'run', runId: 'exec', errorType: 'workflow_failed' as const, errorMessage },
  ...{ startTime: '2026-05-01T12:00:00Z', durationMilliseconds: 1, retryCount: 0 },
});

const failed = (...others: ReturnType<typeof failure>[]) =>
  root({
    phase: 'Failed',
    message: `fan-out announce: 1 of 2 children failed: acme/app-two ci: ${STEP_ERROR}`,
    detailedErrors: [failure('acme/app-two', STEP_ERROR), ...others],
  });

const printed = (run: LiveRun, options = {}): string => reportLines(run, [run], { ...OPTIONS, ...options }).join('\n');

describe('what npm start prints at its end', () => {
  test('given an error that the message has in full, then it is printed once, its further lines indented', () => {
    const text = printed(failed());
    expect(text.split('the script ended with exit code 3')).toHaveLength(2);
    expect(text).toContain('last lines of its output:\n  1 test\n  FAIL greeting\n\n');
  });

  test('given further errors, then they are below, their further lines indented', () => {
    const text = printed(failed(failure('acme/deploy', 'step roll: no\nreally')));
    expect(text).toContain('\n  acme/deploy: workflow_failed: step roll: no\n    really\n\n');
  });

  test('given --fail, then the failure was wanted, and how to repair it is said', () => {
    const text = printed(failed());
    expect(text).toContain('This failure was wanted');
    expect(text).toContain(`\n  npm start\n  ${RETRY}\n`);
  });

  test('given a failure that nobody wanted, then nothing says so', () => {
    expect(printed(failed(), { fail: false })).not.toMatch(/wanted|retry-at/);
  });

  test('given a run that succeeded, then there is nothing to repair', () => {
    expect(printed(root({ phase: 'Succeeded', message: 'all is well' }))).not.toMatch(/wanted|retry-at/);
  });
});
