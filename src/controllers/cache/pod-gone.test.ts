import { describe, expect, it } from 'vitest';
import { startServerAndClient } from '../../../test/fixtures/api-server/client.ts';
import { keyOf } from '../../kube/objects.ts';
import { observedPod, type PodOptions, running, terminated } from '../run/testing/builders.ts';
import { agentIsOver, isPodGone } from './pod-gone.ts';

const { namespace = '', name } = observedPod().metadata;

const STATES: [string, PodOptions, boolean][] = [
  ['an agent that runs', { containers: { agent: running, 'step-0': running } }, false],
  ['no word of its containers yet', {}, false],
  [
    'an agent that ended, while a step runs',
    { containers: { agent: terminated('Completed', 0), 'step-0': running } },
    true,
  ],
  ['a phase that says its end, as after an eviction', { phase: 'Failed', containers: {} }, true],
];

describe('whether a Pod that holds locks is gone', () => {
  it.each(STATES)('given a Pod with %s, then it is so when nothing of the agent runs', async (_, options, expected) => {
    expect(agentIsOver(observedPod(options))).toBe(expected);

    const { server, client } = await startServerAndClient();
    const pod = { ...observedPod(options), spec: { containers: [] } };
    const { uid } = server.storage.put('/pods', keyOf(pod.metadata), pod).metadata;
    expect(await isPodGone(client, { namespace, name, uid }, AbortSignal.timeout(30_000))).toBe(expected);
  });

  it('given none, or another one of its name, then it is gone', async () => {
    const { server, client } = await startServerAndClient();
    const pod = { namespace, name, uid: 'before' };
    expect(await isPodGone(client, pod, AbortSignal.timeout(30_000))).toBe(true);
    const another = { ...observedPod({ containers: { agent: running } }), spec: { containers: [] } };
    server.storage.put('/pods', keyOf(pod), another);
    expect(await isPodGone(client, pod, AbortSignal.timeout(30_000))).toBe(true);
  });

  it('given an API server that does not say, then nothing is said', async () => {
    const { server, client } = await startServerAndClient();
    server.faults = () => ({ kind: 'status', code: 403 });
    await expect(isPodGone(client, { namespace, name, uid: 'x' }, AbortSignal.timeout(30_000))).rejects.toThrow('403');
  });
});
