import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bootId, identify } from './process.ts';
import { type ClusterState, inspect, readState, writeState } from './state.ts';

const self = identify(process.pid)!;
const gone = { pid: process.pid, startTime: '1' };

const clusterState = (changes: Partial<ClusterState> = {}): ClusterState => ({
  version: 1,
  name: 'mine',
  mode: 'full',
  ephemeral: false,
  bootId: bootId(),
  init: self,
  holder: self,
  components: { etcd: self },
  ready: true,
  ...changes,
});

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'tako-state-')), 'mine');
  await mkdir(directory);
});
afterEach(() => rm(join(directory, '..'), { recursive: true }));

describe.runIf(process.platform === 'linux')('inspect', () => {
  test('given no folder, then it is absent', () => {
    expect(inspect(join(directory, 'other'))).toEqual({ kind: 'absent' });
  });

  test('given a complete record of live processes, then it runs', () => {
    writeState(directory, clusterState());
    expect(inspect(directory)).toEqual({ kind: 'running', state: clusterState() });
  });

  test.each<[string, Partial<ClusterState>, RegExp, boolean]>([
    ['another boot', { bootId: 'earlier' }, /restarted/, false],
    ['no first process', { init: undefined }, /processes are gone/, false],
    ['a dead first process', { init: gone }, /processes are gone/, false],
    ['dead components', { components: { etcd: gone, kubelet: gone, containerd: self } }, /^etcd, kubelet ended$/, true],
    ['an up that did not end', { ready: false }, /not started to the end/, true],
  ])('given %s, then it is broken and says why', (_, changes, reason, alive) => {
    writeState(directory, clusterState(changes));
    expect(inspect(directory)).toMatchObject({ kind: 'broken', alive, reason: expect.stringMatching(reason) });
  });

  test.each(['', '{"version":2}'])('given no record, or one like %j, then it is broken', async record => {
    if (record) await writeFile(join(directory, 'state.json'), record);
    expect(inspect(directory)).toMatchObject({ kind: 'broken', state: undefined, alive: false });
  });
});

test('readState: given the record of another version, then the error names the file', async () => {
  await writeFile(join(directory, 'state.json'), '{"version":2}');
  expect(() => readState(directory)).toThrow(join(directory, 'state.json'));
});
