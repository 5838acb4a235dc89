import type { KeyPath } from '../key-path.ts';
import { oneOf } from '../nearest.ts';
import { withoutUndefined } from '../objects.ts';
import {
  BUILTINS,
  checkoutSchema,
  createPullRequestSchema,
  fanOutSchema,
  pollSchemas,
  updateDependencySchema,
} from '../schema/builtins.ts';
import { choice } from '../schema/fields.ts';
import type { PollWith, StepBase, UsesStep } from '../types.ts';
import type { YamlValue } from '../yaml/value.ts';
import { part, type Reader } from './reader.ts';

/** What a `uses` step adds to any step. */
type Uses = UsesStep extends infer S ? (S extends UsesStep ? Omit<S, keyof StepBase> : never) : never;

/** Reads `with` as the built-in of that name wants it. `at` is the step's place. */
export function buildUses(reader: Reader, uses: string, given: YamlValue | undefined, at: KeyPath): Uses | undefined {
  const name = BUILTINS.find(builtin => builtin === uses);
  const value = given ?? {};
  const place = [...at, 'with'];
  switch (name) {
    case undefined:
      reader.report([...at, 'uses'], `expected ${oneOf(BUILTINS)}, got ${JSON.stringify(uses.slice(0, 80))}`);
      return undefined;
    case 'tako/fan-out@v1': {
      const read = reader.read(fanOutSchema, value, place);
      if (read === undefined) return undefined;
      const optional = withoutUndefined({
        timeoutMs: read.timeout,
        concurrencyLimit: read.concurrency_limit,
        schemaVersion: read.schema_version,
        artifact: read.artifact,
      });
      const always = {
        eventType: read.event_type,
        waitForChildren: read.wait_for_children,
        payload: read.payload ?? {},
        idempotent: read.idempotent,
      };
      return { kind: 'uses', uses: name, with: { ...always, ...optional } };
    }
    case 'tako/checkout@v1': {
      const read = reader.read(checkoutSchema, value, place);
      return (
        read && {
          kind: 'uses',
          uses: name,
          with: withoutUndefined({ ref: read.ref, depth: read.depth, path: read.path }),
        }
      );
    }
    case 'tako/update-dependency@v1': {
      const read = reader.read(updateDependencySchema, value, place);
      if (read === undefined) return undefined;
      const optional = withoutUndefined({ ecosystem: read.ecosystem });
      const always = { name: read.name, version: read.version, updateLockFiles: read.update_lock_files };
      return { kind: 'uses', uses: name, with: { ...always, ...optional } };
    }
    case 'tako/create-pull-request@v1': {
      const read = reader.read(createPullRequestSchema, value, place);
      if (read === undefined) return undefined;
      const { title, body, base, head, commit_message: commitMessage } = read;
      return { kind: 'uses', uses: name, with: { title, ...withoutUndefined({ body, base, head, commitMessage }) } };
    }
    case 'tako/poll@v1': {
      const read = buildPoll(reader, value, place);
      return read && { kind: 'uses', uses: name, with: read };
    }
  }
}

function buildPoll(reader: Reader, value: YamlValue, at: KeyPath): PollWith | undefined {
  const target = reader.read(choice('file', 'http', 'step'), part(value, 'target'), [...at, 'target']);
  switch (target) {
    case undefined:
      return undefined;
    case 'file': {
      const read = reader.read(pollSchemas.file, value, at);
      return read && { target, path: read.path, ...times(read) };
    }
    case 'http': {
      const read = reader.read(pollSchemas.http, value, at);
      return read && { target, url: read.url, successOnStatus: read.success_on_status, ...times(read) };
    }
    case 'step': {
      const read = reader.read(pollSchemas.step, value, at);
      return read && { target, stepId: read.step_id, successOnExitCode: read.success_on_exit_code, ...times(read) };
    }
  }
}

function times(read: { interval: number; timeout?: number | undefined }) {
  return { intervalMs: read.interval, ...withoutUndefined({ timeoutMs: read.timeout }) };
}
