import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeCacheOf, loadProgram } from './code-cache.ts';
import { runSample } from './sample.ts';

/**
 * Makes the agent's code cache when the image is built: runs a sample and keeps what V8 has compiled for it. It has to run with the Node.js
 * of the image.
 */
const file = path.join(import.meta.dirname, 'agent-program.cjs');
const program = loadProgram<typeof import('./program.ts')>(file);
if (process.argv.includes('--check')) process.exit(program.cached ? 0 : 1);
const result = await runSample(program.exports.runAgent);
if (result.state !== 'succeeded') throw new Error(`the sample failed: ${result.reason}: ${result.message}`);
const cache = program.codeCache();
writeFileSync(codeCacheOf(file), cache);
// In a process of its own: in this one V8 has the code anyway.
execFileSync(process.execPath, [...process.execArgv, import.meta.filename, '--check'], { stdio: 'inherit' });
console.log(`code cache of the agent: ${Math.round(cache.length / 1_024)} KiB`);
process.exit();
