/** Exit codes of every command. docs/reference/cli.md lists them with these words. */
export const EXIT = {
  ok: 0,
  /** Something was found that needs attention; what it is depends on the command. */
  finding: 1,
  usage: 2,
  /** It could not be done: the API server, rights, a Pod that does not start. */
  failed: 3,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANING: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: 'done',
  [EXIT.finding]: 'done, and something needs attention; the command says what that is',
  [EXIT.usage]: 'the command line is wrong; nothing was done',
  [EXIT.failed]: 'it could not be done: no answer from the cluster, no right to do it, a Pod that does not start',
  [EXIT.interrupted]: 'interrupted by Ctrl-C or SIGTERM',
};

/** Ends a command with a message for people: what happened, where, and what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
