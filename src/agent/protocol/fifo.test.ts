import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFifos, openKeeper, openReadEnd, openWriteEnd } from './fifo.ts';
import { openContainerLog } from './log.ts';

const directory = mkdtempSync(join(tmpdir(), 'tako-fifo-'));
const path = (name: string) => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true }));

test('given names, then FIFOs are made, and a name that is taken is an error in words', async () => {
  await makeFifos(directory, ['one', '-two']);
  expect(readdirSync(directory)).toEqual(expect.arrayContaining(['one', '-two']));
  await expect(makeFifos(directory, ['one'])).rejects.toThrow(/cannot make FIFOs in .*: .*exists/i);
});

test('given what is no FIFO, then it is not opened', async () => {
  writeFileSync(path('file'), '');
  await makeFifos(directory, ['target']);
  symlinkSync('target', path('link'));
  expect(() => openReadEnd(path('file'))).toThrow('is not a FIFO');
  expect(() => openReadEnd(path('link'))).toThrow('ELOOP');
});

test('given no reader, then there is no write end without a keeper', async () => {
  await makeFifos(directory, ['kept']);
  expect(() => openWriteEnd(path('kept'))).toThrow('ENXIO');
  const keeper = openKeeper(path('kept'));
  openWriteEnd(path('kept')).destroy();
  keeper.close();
  keeper.close();
  expect(() => openWriteEnd(path('kept'))).toThrow('ENXIO');
});

test('given forty read ends without a writer, then file operations still work', async () => {
  const names = Array.from({ length: 40 }, (_, index) => `idle-${index}`);
  await makeFifos(directory, names);
  const ends = names.map(name => openReadEnd(path(name)).resume());
  await makeFifos(directory, ['meanwhile']);
  for (const end of ends) end.destroy();
});

test('given a log that nobody reads, then writing says so, and it can begin anew', async () => {
  await makeFifos(directory, ['log']);
  const keeper = openKeeper(path('log'));
  const log = openContainerLog(path('log'));
  expect(log.write(Buffer.from('kept'))).toBe('ok');
  expect(log.write(Buffer.alloc(1_000_000))).toBe('full');
  let writable = 0;
  log.onceWritable(() => writable++);
  expect(writable).toBe(0);
  log.abandon();
  expect(writable).toBe(1);
  expect(log.write(Buffer.from('gone'))).toBe('lost');
  log.onceWritable(() => writable++);
  expect([writable, log.lost, log.losses]).toEqual([2, true, 1]);

  log.reopen();
  const reader = openReadEnd(path('log'));
  const bytes: Buffer[] = [];
  reader.on('data', (chunk: Buffer) => bytes.push(chunk));
  const ended = new Promise(resolve => reader.once('end', resolve));
  expect(log.write(Buffer.from('again'))).toBe('ok');
  keeper.close();
  await log.finish(5_000);
  await ended;
  expect(Buffer.concat(bytes).toString()).toMatch(/again$/);
  expect(log.write(Buffer.from('late'))).toBe('lost');
});
