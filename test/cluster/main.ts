import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { kube } from './build/binaries.ts';
import { goBinary } from './build/go.ts';
import { connect, startCluster, stopCluster } from './cluster.ts';
import { projectImage } from './images/project.ts';
import { callerDirectory, clusterName, DEFAULT_NAME, stateDirectory } from './paths.ts';
import { clusterNames, inspect } from './state.ts';

const USAGE = `usage: npm run cluster -- COMMAND

  up [--name NAME] [--control-plane-only]   start a cluster, or say that it is up
  down [--name NAME]                        end it and remove all it left
  status                                    list the clusters of this machine
  kubectl [--name NAME] [--] ARGUMENT...    kubectl, inside the cluster's network
  image [--name NAME]                       build the project's image, bring it there and print its reference
  exec [--name NAME] [--] COMMAND...        any command, inside the cluster's network, with KUBECONFIG set

NAME is "${DEFAULT_NAME}" by default.`;

const log = (line: string): void => console.error(line);

async function main([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case 'up': {
      const { values } = parseArgs({
        args,
        options: { name: { type: 'string', default: DEFAULT_NAME }, 'control-plane-only': { type: 'boolean' } },
      });
      const cluster = await startCluster({ name: values.name, kubelet: !values['control-plane-only'], log });
      log(`look around with: npm run cluster -- kubectl ${nameOption(cluster.name)}get all -A`);
      return 0;
    }
    case 'down': {
      const name = onlyName(args);
      const found = await stopCluster(name, log);
      log(found ? `cluster ${name} is down` : `there is no cluster ${name}`);
      return 0;
    }
    case 'image': {
      const cluster = await connect(onlyName(args));
      const image = await projectImage(log);
      await cluster.loadImage(image.path);
      console.log(image.reference);
      return 0;
    }
    case 'status':
      for (const name of clusterNames()) console.log(describe(name));
      return 0;
    case 'kubectl': {
      const { name, rest } = leadingName(args);
      return forward(name, [await goBinary(kube, log), 'kubectl', ...rest]);
    }
    case 'exec': {
      const { name, rest } = leadingName(args);
      return forward(name, rest);
    }
    default:
      console.error(USAGE);
      return command === 'help' || command === '--help' ? 0 : 2;
  }
}

/** The arguments of a command that has no other option. */
function onlyName(args: string[]): string {
  return parseArgs({ args, options: { name: { type: 'string', default: DEFAULT_NAME } } }).values.name;
}

/** Takes `--name NAME` off the front: what follows belongs to the command that is run. */
function leadingName(args: readonly string[]): { name: string; rest: string[] } {
  const named = args[0] === '--name' && args[1] !== undefined;
  const name = named ? clusterName(args[1]!) : DEFAULT_NAME;
  const rest = args.slice(named ? 2 : 0);
  return { name, rest: rest[0] === '--' ? rest.slice(1) : rest };
}

const nameOption = (name: string): string => (name === DEFAULT_NAME ? '' : `--name ${name} `);

function describe(name: string): string {
  const health = inspect(stateDirectory(name));
  switch (health.kind) {
    case 'absent':
      return `${name}\tgone`;
    case 'broken':
      return `${name}\tbroken: ${health.reason}`;
    case 'running':
      return `${name}\t${health.state.mode}`;
  }
}

/** Runs a command with this process' terminal, in the folder of whoever called npm, and returns its exit code. */
async function forward(name: string, command: readonly string[]): Promise<number> {
  const cluster = await connect(name);
  const [file, ...enter] = cluster.enter;
  const child = spawn(file, [...enter, ...command], {
    stdio: 'inherit',
    cwd: callerDirectory(),
    env: { ...process.env, ...cluster.environment },
  });
  // The terminal sends Ctrl-C to the child as well: wait for what it does with it.
  process.on('SIGINT', () => {});
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
