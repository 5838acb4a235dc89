import type { Clock } from '../kube/clock.ts';
import type { ExitCode } from './exit.ts';

/** Where a command writes, and what it waits with. */
export interface Io {
  /** Standard output: the result alone, so that it can be piped. */
  out(text: string): void;
  /** Standard error: progress, remarks, errors. */
  err(text: string): void;
  clock: Clock;
  random: () => number;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}

/** An option of a command. Its name is its key, in kebab case. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  /** One letter. */
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in `--help`: `NAME`, `DURATION`. */
  readonly value?: string;
  /** One sentence, without its full stop. */
  readonly description: string;
  /** The only values there are. */
  readonly choices?: readonly string[];
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type ValueOf<Spec extends OptionSpec> = Spec['type'] extends 'boolean'
  ? boolean
  : Spec['multiple'] extends true
    ? readonly string[]
    : Spec['choices'] extends readonly (infer Choice)[]
      ? Choice
      : string;

/** What was given; an option that was not is absent. */
export type Values<Specs extends OptionSpecs> = { readonly [Name in keyof Specs]?: ValueOf<Specs[Name]> };

export interface Example {
  readonly command: string;
  /** What it does, in a few words. */
  readonly meaning: string;
}

/** A command that does something. `--help`, the parser and docs/reference/cli.md all read this. */
export interface Command<Specs extends OptionSpecs = OptionSpecs> {
  readonly kind: 'command';
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly options: Specs;
  readonly examples: readonly Example[];
  /** What exit code 1 means here; absent when it does not occur. */
  readonly finding?: string;
  run(values: Values<Specs>, io: Io): Promise<ExitCode>;
}

/** A word before commands, such as `cache`. */
export interface Group {
  readonly kind: 'group';
  readonly name: string;
  readonly summary: string;
  readonly members: readonly Member[];
}

export type Member = Group | Command;

/** Keeps the types of the options together with the function that gets their values. */
export function defineCommand<const Specs extends OptionSpecs>(command: Omit<Command<Specs>, 'kind'>): Command {
  return { kind: 'command', ...command } as unknown as Command;
}
