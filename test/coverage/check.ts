import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compareCoverage, type HighWaterMark, raiseMark } from './compare.ts';
import { type FileCoverage, readCoverage } from './istanbul.ts';

/**
 * `npm run coverage:check` compares the last coverage run with the committed high-water mark; `-- --raise` writes a new mark.
 * Both files can be named: check.ts [--raise] [coverage-final.json [high-water.json]].
 */
const args = process.argv.slice(2).filter(arg => arg !== '--raise');
const raise = process.argv.includes('--raise');
const root = path.join(import.meta.dirname, '../..');
const coverageFile = args[0] ?? path.join(root, 'coverage/coverage-final.json');
const markFile = args[1] ?? path.join(import.meta.dirname, 'high-water.json');

const files = JSON.parse(await readFile(coverageFile, 'utf8')) as Record<string, FileCoverage>;
const mark = JSON.parse(await readFile(markFile, 'utf8')) as HighWaterMark;
const current = readCoverage(files, root);
if (raise) {
  await writeFile(markFile, `${JSON.stringify(raiseMark(current, mark), null, 2)}\n`);
  console.log(`the high-water mark is now ${Math.max(current.total, mark.total)} % of lines`);
} else {
  const problems = compareCoverage(current, mark);
  for (const problem of problems) console.error(problem);
  console.log(`line coverage of src: ${current.total} % (high-water mark ${mark.total} %)`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
