import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compileMask, type Secret } from './mask.ts';
import { childrenOf, eventually, SHELLS, startTestContainer } from './testing.ts';

/**
 * What docs/adr/0003-step-protocol.md claims, measured anew and printed. The limits are absurd on purpose: they notice a mistake that
 * changes an order of magnitude, not a busy machine.
 */
const secrets: Secret[] = Array.from({ length: 20 }, (_, index) => ({
  name: `SECRET_${index}`,
  value: `${index}-ghp_${'0123456789abcdef'.repeat(2)}-${index}`,
}));
const mask = compileMask([...secrets, { name: 'KEY', value: privateKey() }]);

describe.each(SHELLS)('measured in %s', shell => {
  test('a script costs milliseconds', async () => {
    await using started = await startTestContainer({ shell, mask });
    await started.container.run({ body: ':' });
    const rounds = 50;
    const startedAt = performance.now();
    for (let round = 0; round < rounds; round++) await started.container.run({ body: ':' });
    const milliseconds = (performance.now() - startedAt) / rounds;
    report(`${shell}: ${milliseconds.toFixed(1)} ms for an empty script`);
    expect(milliseconds).toBeLessThan(100);
  });

  test('an idle container does not wake up', async () => {
    await using started = await startTestContainer({ shell });
    await started.container.run({ body: ':' });
    await eventually(() => childrenOf(started.loopPid()).length === 1);
    const pids = [started.loopPid(), ...childrenOf(started.loopPid())];
    const switches = () => pids.map(contextSwitches);
    // It may still be on its way back to waiting.
    let before: number[] = [];
    await eventually(() => {
      const last = before;
      before = switches();
      return JSON.stringify(before) === JSON.stringify(last);
    });
    // The only wait for nothing: there is no event for what must not happen.
    await new Promise(resolve => setTimeout(resolve, 400));
    expect(switches()).toEqual(before);
  });
});

test('text goes through mask and log at tens of megabytes a second, in bounded memory', async () => {
  await using started = await startTestContainer({ shell: 'dash', mask, logUnread: true });
  let logged = 0;
  started.loop.stdout!.on('data', (chunk: Buffer) => (logged += chunk.length));
  const megabytes = 200;
  const line = 'INFO build: compiling module number 12345 of the large project, which takes a while';
  const rssBefore = process.memoryUsage.rss();
  let rssPeak = 0;
  const outcome = await started.container.run(
    { body: `yes '${line}' | head -c ${megabytes * 1_000_000}` },
    { onData: () => (rssPeak = Math.max(rssPeak, process.memoryUsage.rss())) },
  );
  await eventually(() => logged === megabytes * 1_000_000);
  expect(outcome).toMatchObject({ kind: 'exited', code: 0, logComplete: true });
  const seconds = outcome.kind === 'exited' ? outcome.durationMs / 1_000 : Number.NaN;
  const growth = (rssPeak - rssBefore) / 1e6;
  report(`${(megabytes / seconds).toFixed(0)} MB/s of text through mask and log, ${growth.toFixed(0)} MB more memory`);
  expect(megabytes / seconds).toBeGreaterThan(5);
  expect(growth).toBeLessThan(200);
});

test('a flood without newlines, with lines wanted, does not fill the memory', async () => {
  await using started = await startTestContainer({ shell: 'dash', mask });
  let longest = 0;
  const outcome = await started.container.run(
    { body: 'head -c 50000000 /dev/zero' },
    { log: false, onLine: line => (longest = Math.max(longest, line.length)), capture: { stdoutBytes: 1_000 } },
  );
  expect(outcome).toMatchObject({
    kind: 'exited',
    stdout: { total: 50_000_000, truncated: true, bytes: { length: 1_000 } },
  });
  expect(longest).toBe(16_384);
});

test('the mask alone costs little, however many secrets there are', () => {
  const chunk = Buffer.from(
    'INFO build: compiling module 12345 of the large project, which takes a while\n'.repeat(800),
  );
  const stream = mask.stream();
  const rounds = 3_000;
  const startedAt = performance.now();
  for (let round = 0; round < rounds; round++) stream.push(chunk);
  const seconds = (performance.now() - startedAt) / 1_000;
  const rate = (rounds * chunk.length) / 1e6 / seconds;
  report(`${rate.toFixed(0)} MB/s through the mask alone, with 20 tokens and a private key`);
  expect(rate).toBeGreaterThan(20);
});

function report(line: string): void {
  process.stdout.write(`  measured: ${line}\n`);
}

function contextSwitches(pid: number): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function privateKey(): string {
  const lines = Array.from({ length: 50 }, (_, index) =>
    Buffer.from(`line ${index} of a key that is none, made longer`).toString('base64'),
  );
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n');
}
