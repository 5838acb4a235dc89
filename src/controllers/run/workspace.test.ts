import { describe, expect, it } from 'vitest';
import { retainSeconds, workspaceBytes, workspaceSource } from './workspace.ts';

const template = {
  runTemplate: { workspace: { volumeClaimTemplate: { spec: {} }, retain: { policy: 'OnFailure' as const } } },
};

describe('the workspace of a run', () => {
  it('given one of its own, then that, else the one of its repository, else none in particular', () => {
    expect(workspaceSource({ workspace: { emptyDir: { sizeLimit: '1Gi' } } }, template)).toEqual({
      emptyDir: { sizeLimit: '1Gi' },
    });
    expect(workspaceSource({}, template)).toMatchObject({ volumeClaimTemplate: { spec: {} } });
    expect(workspaceSource({}, undefined)).toEqual({});
  });

  it.each([
    ['nothing', {}, 10 * 2 ** 30],
    ['a size on disk', { emptyDir: { sizeLimit: '1500M' } }, 1_500_000_000],
    ['a claim', { volumeClaimTemplate: { spec: { resources: { requests: { storage: '3Gi' } } } } }, 3 * 2 ** 30],
    ['a claim without a size', { volumeClaimTemplate: { spec: {} } }, undefined],
  ])('given %s, then it holds so many bytes', (_, source, bytes) => {
    expect(workspaceBytes(source)).toBe(bytes);
  });

  it('given a run that only says how long it is kept, then the volume is still that of its repository', () => {
    const run = { workspace: { retain: { policy: 'Never' as const } } };
    expect(workspaceSource(run, template)).toMatchObject({ volumeClaimTemplate: { spec: {} } });
    expect(retainSeconds(run, template)).toBe(0);
  });

  it('given what it says itself, or its repository, then it is kept so long, and not by default', () => {
    expect(retainSeconds({ workspace: { retain: { policy: 'OnFailure', duration: '10m' } } }, template)).toBe(600);
    expect(retainSeconds({ workspace: { emptyDir: {} } }, template)).toBe(3_600);
    expect(retainSeconds({ workspace: { retain: { policy: 'OnFailure', duration: '1500ms' } } }, undefined)).toBe(2);
    expect(retainSeconds({}, undefined)).toBe(0);
  });
});
