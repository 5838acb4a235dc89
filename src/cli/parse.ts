import { parseArgs } from 'node:util';
import { nearest, suggestion } from '../workflow/nearest.ts';
import type { Command, Group, Member, OptionSpecs, Values } from './command.ts';

/** What a command line asks for. */
export type Parsed =
  | { kind: 'run'; command: Command; path: readonly string[]; values: Values<OptionSpecs> }
  | { kind: 'help'; member: Member; path: readonly string[] }
  /** `path` is as far as it was understood: whose help to point to. */
  | { kind: 'wrong'; message: string; path: readonly string[] };

const HELP = { type: 'boolean', short: 'h', description: 'Say what a command does and takes' } as const;

/** The options of a command, with the ones that all have. */
export function optionsOf(command: Command): OptionSpecs {
  return { ...command.options, help: HELP };
}

/** Reads a command line; options may stand before, between and after the words of the command, as with kubectl. */
export function parse(root: Group, args: readonly string[]): Parsed {
  const { words, help } = wordsOf(root, args);
  let member: Member = root;
  const path: string[] = [root.name];
  while (member.kind === 'group' && words.length > 0) {
    const word = words.shift()!;
    const next: Member | undefined = member.members.find(({ name }) => name === word);
    if (next === undefined) {
      const known: string[] = member.members.map(({ name }) => name);
      const message = `${path.join(' ')} has no command ${JSON.stringify(word)}${suggestion(word, known)}`;
      return { kind: 'wrong', message, path };
    }
    member = next;
    path.push(next.name);
  }
  if (help) return { kind: 'help', member, path };
  if (member.kind === 'group') {
    return { kind: 'wrong', message: `which command of ${path.join(' ')}?`, path };
  }
  const parsed = valuesOf(member, path, args);
  // After the options: a mistyped one makes an argument of its value.
  if (parsed.kind !== 'run' || words.length === 0) return parsed;
  return { kind: 'wrong', message: `${path.join(' ')} takes no argument, got ${JSON.stringify(words[0])}`, path };
}

/** The words that are neither options nor values of them. Which options take a value is known from all commands together. */
function wordsOf(root: Group, args: readonly string[]): { words: string[]; help: boolean } {
  const specs: OptionSpecs = Object.assign({ help: HELP }, ...allCommands(root).map(({ options }) => options));
  const { positionals, values } = parseArgs({
    args: [...args],
    options: specs,
    strict: false,
    allowPositionals: true,
  });
  return { words: positionals, help: values.help === true };
}

export function allCommands(member: Member): Command[] {
  return member.kind === 'command' ? [member] : member.members.flatMap(allCommands);
}

function valuesOf(command: Command, path: readonly string[], args: readonly string[]): Parsed {
  const specs = optionsOf(command);
  const wrong = (message: string): Parsed => ({ kind: 'wrong', message, path });
  try {
    const { values } = parseArgs({
      args: [...args],
      options: specs,
      strict: true,
      allowPositionals: true,
    });
    for (const [name, { choices }] of Object.entries(specs)) {
      const value = values[name];
      if (choices !== undefined && value !== undefined && !choices.includes(String(value))) {
        return wrong(`--${name}: expected ${choices.join(' or ')}, got ${JSON.stringify(value)}`);
      }
    }
    return { kind: 'run', command, path, values: { ...values } as Values<OptionSpecs> };
  } catch (error) {
    return wrong(complaintOf(error as NodeJS.ErrnoException, Object.keys(specs)));
  }
}

/** Node.js' own words, without the advice for programmers after them. */
function complaintOf({ code, message }: NodeJS.ErrnoException, known: readonly string[]): string {
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const name = /'(-[^' =]+)/.exec(message)?.[1] ?? '';
    const guess = name.startsWith('--') ? nearest(name.slice(2), known) : undefined;
    return `there is no option ${name}${guess === undefined ? '' : `: did you mean --${guess}?`}`;
  }
  const first = message.split(/[.\n]/)[0]!;
  return first.charAt(0).toLowerCase() + first.slice(1);
}
