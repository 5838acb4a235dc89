// Starts the project's scripts on a machine that has only Node.js (18 or newer) and npm: `node test/bootstrap.mjs
// script.ts [argument]...` installs the dependencies if they are missing or out of date, and runs the script with the
// Node.js among them. Plain JavaScript of Node.js 18, and nothing but its own modules. Only the script writes to stdout.
import { spawn, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(project, 'node_modules', '.bin');
/** `su` leaves out of PATH what root needs. */
const ENVIRONMENT = { ...process.env, PATH: [process.env.PATH, '/usr/sbin', '/sbin'].join(delimiter) };

const major = Number(process.versions.node.split('.')[0]);
if (major < 18)
  fail(`Node.js ${process.versions.node} is too old to start with: install 18 or newer from https://nodejs.org`);
if (isOutOfDate()) {
  if (process.platform === 'linux') provideLibatomic();
  install();
}
runScript(process.argv.slice(2));

/** npm writes node_modules/.package-lock.json at the end of an installation: absent, it was never finished. */
function isOutOfDate() {
  const modified = path => statSync(join(project, path), { throwIfNoEntry: false })?.mtimeMs;
  const installed = modified('node_modules/.package-lock.json');
  return installed === undefined || installed < modified('package-lock.json');
}

/** The Node.js that is installed is linked with it, and a minimal Debian has not got it. */
function provideLibatomic() {
  const known = spawnSync('ldconfig', ['-p'], { env: ENVIRONMENT, encoding: 'utf8' });
  if (known.error || known.stdout.includes('libatomic.so.1')) return;
  const debian = spawnSync('apt-get', ['--version'], { env: ENVIRONMENT }).status === 0;
  if (!debian || process.getuid() !== 0) {
    fail('the library libatomic.so.1 is missing: install it as root (Debian: apt-get install libatomic1)');
  }
  console.error('installing the Debian package libatomic1, which Node.js needs');
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', 'libatomic1']]) {
    const { status } = spawnSync('apt-get', ['-qq', ...args], { env: ENVIRONMENT, stdio: ['ignore', 2, 2] });
    if (status !== 0) fail(`apt-get ${args.join(' ')} failed, see above`);
  }
}

function install() {
  console.error('installing the dependencies: npm ci');
  // `npm run --silent` would make this silent as well, errors included.
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: project,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (error) fail(`npm could not be started (${error.message}): it comes with Node.js, or as the Debian package npm`);
  if (status !== 0) fail('npm ci failed, see above');
}

function runScript([script, ...args]) {
  if (!script) fail('usage: node test/bootstrap.mjs SCRIPT [ARGUMENT]...');
  const child = spawn(join(bin, 'node'), [script, ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) },
  });
  // A terminal signals the child as well; it decides what to do, and we end as it does.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', error => fail(`${join(bin, 'node')} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
