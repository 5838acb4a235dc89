import { PassThrough } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createFakeClock, settled } from '../../../test/fixtures/fake-clock.ts';
import { systemClock } from '../../kube/clock.ts';
import { splitLines } from '../../kube/lines.ts';
import { ALIVE_MS, IDLE_MS } from '../maintenance/protocol.ts';
import { type Operations, serve } from '../maintenance/serve.ts';
import { openSession } from './session.ts';

const WORK: Operations = {
  scan: async () => ({ entries: [{ url: 'https://a.b/c', bytes: 1, highestFence: 2, used: '2026-05-01T12:00:00Z' }] }),
  verify: async ({ fence }) =>
    fence === 3 ? { unchecked: 'no memory' } : { problems: fence === 1 ? [] : ['a pack is broken'] },
  remove: async () => {
    throw new Error('the volume is read-only');
  },
};

/** A command and its Pod, joined as by `kubectl attach`. */
function joined(operations: Operations, clock = systemClock) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const served = serve({ input, print: line => void output.write(line), operations, clock });
  void served.then(() => output.end());
  const attachment = {
    lines: () => splitLines(output, 1_000_000),
    send: (line: string) => void input.write(`${line}\n`),
  };
  onTestFinished(() => void input.end());
  return { session: openSession(attachment, 'the-pod', clock), input, output, served };
}

describe('a command and its Pod', () => {
  test('given orders, then each is answered with what came of it', async () => {
    const { session, input, served } = joined(WORK);
    expect((await session.scan()).entries).toEqual([
      { url: 'https://a.b/c', bytes: 1, highestFence: 2, used: '2026-05-01T12:00:00Z' },
    ]);
    expect(await session.verify('https://a.b/c', 1, [])).toEqual({ problems: [] });
    expect(await session.verify('https://a.b/c', 2, [])).toEqual({ problems: ['a pack is broken'] });
    expect(await session.verify('https://a.b/c', 3, [])).toEqual({ unchecked: 'no memory' });
    await expect(session.remove('https://a.b/c', 2)).rejects.toThrow(
      'Pod the-pod could not remove: the volume is read-only',
    );
    input.end();
    expect(await served).toBe('ended');
  });

  test('given lines that are no answers, then they are passed over', async () => {
    const { session, output } = joined(WORK);
    output.write('(node:1) Warning: something\n{"alive":true}\n{"id":99,"result":{}}\n');
    expect(await session.verify('https://a.b/c', 1, [])).toEqual({ problems: [] });
  });

  test('given an answer of another version, then it says so', async () => {
    const { session } = joined({ ...WORK, scan: async () => ({ entries: [{ url: 'x' }] }) as never });
    await expect(session.scan()).rejects.toThrow(/does not understand: use the version of tako that the operator has/);
  });

  test('given the connection ends while it works, then the command learns it', async () => {
    const { session, output } = joined({ ...WORK, scan: () => new Promise(() => {}) });
    const scanned = session.scan();
    output.end();
    await expect(scanned).rejects.toThrow(/connection to Pod the-pod was lost.*run the command again/);
  });

  test('given long work, then the Pod says that it lives, and the command waits', async () => {
    const clock = createFakeClock();
    let finish = (): void => {};
    const { session } = joined(
      {
        ...WORK,
        verify: () =>
          new Promise(resolve => {
            finish = () => resolve({ problems: [] });
          }),
      },
      clock,
    );
    const verified = session.verify('https://a.b/c', 1, []);
    for (let passed = 0; passed < 10; passed++) {
      await settled();
      await clock.advance(ALIVE_MS);
    }
    await settled();
    finish();
    expect(await verified).toEqual({ problems: [] });
  });

  test('given no word for long, then the connection counts as lost', async () => {
    const clock = createFakeClock();
    const hanging = {
      async *lines() {
        await new Promise(() => {});
        yield '';
      },
      send: () => {},
    };
    const scanned = openSession(hanging, 'the-pod', clock).scan();
    const failed = expect(scanned).rejects.toThrow(/was lost/);
    await settled();
    await clock.advance(4 * ALIVE_MS);
    await failed;
  });

  test('given nobody gives an order, then the Pod ends by itself', async () => {
    const clock = createFakeClock();
    const { served } = joined(WORK, clock);
    await settled();
    await clock.advance(IDLE_MS);
    expect(await served).toBe('idle');
  });
});
