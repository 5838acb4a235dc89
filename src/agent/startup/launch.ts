import path from 'node:path';
import { loadProgram } from './code-cache.ts';

/**
 * Starts the agent in the image, with half the work that loading its modules takes. It becomes a CommonJS file too, which saves loading
 * Node's loader for the others.
 */
const program = loadProgram<typeof import('./program.ts')>(path.join(import.meta.dirname, 'agent-program.cjs'));
void program.exports.main().then(code => process.exit(code));
