import { describe, expect, it } from 'vitest';
import type { TakoRunStatus } from '../../api/takorun-status.ts';
import { childRun, planChildren } from '../children.ts';
import { type ObjectName, type RunManifest, type RunObject, runIdentity } from '../objects.ts';
import { RunConflictError, type WorkflowRunner } from '../runner.ts';
import { buildSubscriber } from './builders.ts';

/** A runner under test, and the hands of the cluster around it. Each test gets a new one. */
export interface RunnerHarness {
  readonly runner: WorkflowRunner;
  /** Two live event runs of one namespace. */
  readonly parent: RunObject;
  readonly otherParent: RunObject;
  /** Writes a child's status, as its controller would. */
  report(run: ObjectName, status: TakoRunStatus): Promise<void>;
  /** Whether the run was asked to end. */
  cancelRequested(run: ObjectName): Promise<boolean>;
  /** Deletes a child, as a person would. */
  remove(run: ObjectName): Promise<void>;
  /** UIDs of the runs that wait for this one without having started it. */
  awaiters(run: ObjectName): Promise<readonly string[]>;
  /** Number of runs that the parent owns. */
  countChildren(parent: RunObject): Promise<number>;
}

/** What every `WorkflowRunner` has to do. */
export function runnerConformance(implementation: string, createHarness: () => Promise<RunnerHarness>): void {
  describe(`${implementation} as a WorkflowRunner`, () => {
    it('given no such run, when started, then it exists, has an identity and is observed without a phase', async () => {
      const { runner, parent } = await createHarness();
      const run = childOf(parent);
      const { identity, created } = await runner.start(run);
      expect(created).toBe(true);
      expect(identity).toMatchObject({ namespace: run.metadata.namespace, name: run.metadata.name });
      expect(identity.uid).not.toBe('');
      expect(await runner.observe(identity)).toMatchObject({ workflow: 'ci', phase: undefined });
    });

    it('given a run that was started, when started again, then the same one is adopted', async () => {
      const { runner, parent, countChildren } = await createHarness();
      const run = childOf(parent);
      const first = await runner.start(run);
      const second = await runner.start(run);
      expect(second).toEqual({ identity: first.identity, created: false, shared: false });
      expect(await countChildren(parent)).toBe(1);
    });

    it('given several starts of one run at once, then one creates it and all give the same identity', async () => {
      const { runner, parent, countChildren } = await createHarness();
      const run = childOf(parent);
      const started = await Promise.all(Array.from({ length: 5 }, () => runner.start(run)));
      expect(started.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(started.map(({ identity }) => identity.uid)).size).toBe(1);
      expect(await countChildren(parent)).toBe(1);
    });

    it('given a run of another parent, when its name is started, then that is a conflict and it stays as it is', async () => {
      const { runner, parent, otherParent } = await createHarness();
      const run = childOf(parent);
      const theirs = childOf(otherParent);
      const { identity } = await runner.start(run);
      const same = { ...theirs, metadata: { ...theirs.metadata, name: run.metadata.name } };
      await expect(runner.start(same)).rejects.toBeInstanceOf(RunConflictError);
      expect((await runner.start(run)).identity).toEqual(identity);
    });

    it('given dedupe: Tree and an equal run of another parent of the same tree, when started, then it is shared', async () => {
      const { runner, parent, otherParent, countChildren } = await createHarness();
      const first = await runner.start(inTree(childOf(parent), 'root', 'shared'));
      const second = await runner.start(inTree(childOf(otherParent), 'root', 'shared'));
      expect(first).toMatchObject({ created: true, shared: false });
      expect(second).toEqual({ identity: first.identity, created: false, shared: true });
      expect(await runner.start(inTree(childOf(parent), 'root', 'shared'))).toMatchObject({ shared: false });
      expect(await countChildren(parent)).toBe(1);
      expect(await countChildren(otherParent)).toBe(0);
      const stranger = inTree(childOf(otherParent), 'other-root', 'shared');
      await expect(runner.start(stranger)).rejects.toBeInstanceOf(RunConflictError);
    });

    it('given a shared run, when others note that they wait for it, then it tells all of them, each once', async () => {
      const { runner, parent, otherParent, awaiters, remove } = await createHarness();
      const { identity } = await runner.start(childOf(parent));
      const waiters = [parent, otherParent].map(run => runIdentity(run));
      for (const waiter of [...waiters, ...waiters]) expect(await runner.share(identity, waiter)).toBe(true);
      expect([...(await awaiters(identity))].sort()).toEqual(waiters.map(({ uid }) => uid).sort());
      expect(await runner.share({ ...identity, uid: 'another' }, waiters[0]!)).toBe(false);
      await remove(identity);
      expect(await runner.share(identity, waiters[0]!)).toBe(false);
    });

    it('given a run that reports, when observed, then its state is told', async () => {
      const { runner, parent, report } = await createHarness();
      const { identity } = await runner.start(childOf(parent));
      await report(identity, {
        phase: 'Failed',
        errorType: 'workflow_failed',
        message: 'step test failed',
        runId: 'exec-1',
      });
      expect(await runner.observe(identity)).toMatchObject({
        phase: 'Failed',
        errorType: 'workflow_failed',
        message: 'step test failed',
        runId: 'exec-1',
      });
    });

    it('given no such run, when observed, then there is nothing', async () => {
      const { runner, parent } = await createHarness();
      expect(await runner.observe({ namespace: parent.metadata.namespace!, name: 'nobody' })).toBeUndefined();
    });

    it('given a run that was deleted, when observed, then there is nothing, and it can be started anew', async () => {
      const { runner, parent, remove } = await createHarness();
      const run = childOf(parent);
      const { identity } = await runner.start(run);
      await remove(identity);
      expect(await runner.observe(identity)).toBeUndefined();
      const again = await runner.start(run);
      expect(again.created).toBe(true);
      expect(again.identity.uid).not.toBe(identity.uid);
    });

    it('given a run that goes on, when canceled twice, then it is asked to end', async () => {
      const { runner, parent, report, cancelRequested } = await createHarness();
      const { identity } = await runner.start(childOf(parent));
      await report(identity, { phase: 'Running' });
      await runner.cancel(identity);
      await runner.cancel(identity);
      expect(await cancelRequested(identity)).toBe(true);
    });

    it('given a run that ended, when canceled, then it stays as it ended', async () => {
      const { runner, parent, report, cancelRequested } = await createHarness();
      const { identity } = await runner.start(childOf(parent));
      await report(identity, { phase: 'Succeeded' });
      await runner.cancel(identity);
      expect(await cancelRequested(identity)).toBe(false);
      expect(await runner.observe(identity)).toMatchObject({ phase: 'Succeeded' });
    });

    it('given no such run, when canceled, then nothing happens', async () => {
      const { runner, parent } = await createHarness();
      await expect(runner.cancel({ namespace: parent.metadata.namespace!, name: 'nobody' })).resolves.toBeUndefined();
    });

    it('given an aborted signal, when called, then its reason is thrown and nothing is started', async () => {
      const { runner, parent, countChildren } = await createHarness();
      const run = childOf(parent);
      const reason = new Error('stopping');
      const signal = AbortSignal.abort(reason);
      await expect(runner.start(run, { signal })).rejects.toBe(reason);
      await expect(runner.observe(run.metadata, { signal })).rejects.toBe(reason);
      await expect(runner.cancel(run.metadata, { signal })).rejects.toBe(reason);
      expect(await countChildren(parent)).toBe(0);
    });
  });
}

function inTree(run: RunManifest, root: string, name: string): RunManifest {
  const { metadata, spec } = run;
  const top = { namespace: metadata.namespace, name: root, uid: `uid-${root}` };
  return {
    ...run,
    metadata: { ...metadata, name },
    spec: { ...spec, dedupe: 'Tree', parent: { ...spec.parent!, root: top } },
  };
}

function childOf(parent: RunObject): RunManifest {
  const namespace = parent.metadata.namespace!;
  const resolved = [{ subscriber: buildSubscriber({ namespace }), inputs: { version: '1.4.0' } }];
  const [child] = planChildren(parent.metadata.uid!, resolved).children;
  return childRun(parent, child!, { now: Date.parse('2026-01-01T00:00:00Z') });
}
