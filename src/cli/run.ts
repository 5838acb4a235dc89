import { ClusterConfigError } from '../kube/config.ts';
import { isApiError } from '../kube/errors.ts';
import type { Group, Io } from './command.ts';
import { CliError, EXIT, type ExitCode } from './exit.ts';
import { helpOf } from './help.ts';
import { parse } from './parse.ts';
import { tako } from './tako.ts';

/** Runs a command line and returns the exit code. Everything that goes wrong is said on `io.err`. */
export async function run(args: readonly string[], io: Io, root: Group = tako): Promise<ExitCode> {
  const parsed = parse(root, args);
  switch (parsed.kind) {
    case 'help':
      io.out(helpOf(parsed.member, parsed.path));
      return EXIT.ok;
    case 'wrong':
      io.err(`tako: ${parsed.message}\nSee \`${parsed.path.join(' ')} --help\`.\n`);
      return EXIT.usage;
    case 'run':
      try {
        return await parsed.command.run(parsed.values, io);
      } catch (error) {
        const { message, exitCode } = failureOf(error, io.signal);
        io.err(`tako: ${message}\n`);
        return exitCode;
      }
  }
}

function failureOf(error: unknown, signal: AbortSignal): { message: string; exitCode: ExitCode } {
  if (signal.aborted) return { message: 'interrupted', exitCode: EXIT.interrupted };
  if (error instanceof CliError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ClusterConfigError) {
    return { message: `${message}. --kubeconfig and --context choose another one`, exitCode: EXIT.failed };
  }
  if (isApiError(error, 'forbidden')) {
    return { message: `${message}. docs/guides/cache.md lists the rights that are needed`, exitCode: EXIT.failed };
  }
  if (isApiError(error, 'unauthorized')) {
    return {
      message: `the cluster does not accept your credentials (${message}): log in again`,
      exitCode: EXIT.failed,
    };
  }
  if (isApiError(error, 'transient')) {
    return {
      message: `${message}. Is the cluster reachable? \`kubectl get --raw /readyz\` tells`,
      exitCode: EXIT.failed,
    };
  }
  if (isApiError(error)) return { message, exitCode: EXIT.failed };
  // A mistake of ours: the stack is what a report of it needs.
  return { message: error instanceof Error ? (error.stack ?? message) : message, exitCode: EXIT.failed };
}
