import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runAgent } from '../agent.ts';
import { codeCacheOf, loadProgram } from './code-cache.ts';
import { runSample } from './sample.ts';

const root = mkdtempSync(path.join(tmpdir(), 'tako-code-cache-'));
afterAll(() => rmSync(root, { recursive: true }));

interface Program {
  readonly file: string;
  readonly directory: string;
  readonly separator: string;
  double(value: number): number;
}

/** Each test has a text of its own: V8 remembers what it compiled, also without our cache. */
function textOf(test: string): string {
  return `
// ${test}
exports.file = __filename;
exports.directory = __dirname;
exports.separator = require('node:path').sep;
exports.double = value => value + value;
`;
}

function write(name: string, text = textOf(name)): string {
  const file = path.join(root, name);
  writeFileSync(file, text);
  return file;
}

describe('a program with a code cache', () => {
  it('given no cache, then it is loaded as a CommonJS module', () => {
    const file = write('plain.cjs');
    const { exports, cached } = loadProgram<Program>(file);
    expect(exports).toMatchObject({ file, directory: root, separator: path.sep });
    expect(exports.double(21)).toBe(42);
    expect(cached).toBe(false);
  });

  it('given a cache that was made after something ran, then V8 takes it, and it has what ran', () => {
    const file = write('trained.cjs');
    const first = loadProgram<Program>(file);
    const untrained = first.codeCache().length;
    first.exports.double(1);
    const trained = first.codeCache();
    expect(trained.length).toBeGreaterThan(untrained);
    writeFileSync(codeCacheOf(file), trained);
    const second = loadProgram<Program>(file);
    expect(second.cached).toBe(true);
    expect(second.exports.double(21)).toBe(42);
  });

  it.each([
    ['rubbish', () => Buffer.from('not a cache')],
    ['nothing', () => Buffer.alloc(0)],
    ['the cache of another text', () => loadProgram(write('another.cjs')).codeCache()],
  ])('given %s in place of its cache, then it is compiled', (what, cache) => {
    const file = write(`${what.replaceAll(' ', '-')}.cjs`);
    writeFileSync(codeCacheOf(file), cache());
    const { exports, cached } = loadProgram<Program>(file);
    expect(cached).toBe(false);
    expect(exports.separator).toBe(path.sep);
  });
});

describe('the sample that trains the cache', () => {
  it('given the agent, then it goes all the way', async () => {
    expect(await runSample(runAgent)).toMatchObject({
      state: 'succeeded',
      outputs: { 'build.version': '1.2.3-minor' },
      steps: [{ phase: 'Succeeded' }, { phase: 'Succeeded' }, { phase: 'Succeeded' }],
    });
  });
});
