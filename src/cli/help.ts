import type { Command, Member, OptionSpec } from './command.ts';
import { EXIT, EXIT_MEANING } from './exit.ts';
import { optionsOf } from './parse.ts';

/** What `--help` prints. */
export function helpOf(member: Member, path: readonly string[]): string {
  const name = path.join(' ');
  if (member.kind === 'group') {
    return [
      member.summary,
      '',
      `Usage: ${name} COMMAND`,
      '',
      'Commands:',
      ...columns(member.members.map(one => [one.name, one.summary])),
      '',
      `${name} COMMAND --help says more of each.`,
      '',
    ].join('\n');
  }
  return [
    ...member.description.flatMap(paragraph => [...wrap(paragraph), '']),
    `Usage: ${name} [OPTIONS]`,
    '',
    'Options:',
    ...columns(Object.entries(optionsOf(member)).map(([option, spec]) => [spelling(option, spec), meaning(spec)])),
    '',
    'Examples:',
    ...member.examples.flatMap(({ command, meaning: what }) => [`  # ${what}`, `  ${command}`]),
    '',
    'Exit codes:',
    ...columns(exitCodes(member)),
    '',
  ].join('\n');
}

/** `-n, --namespace NAME`. */
export function spelling(name: string, { short, type, value = 'TEXT', choices }: OptionSpec): string {
  const shown = choices?.join('|') ?? value;
  return `${short === undefined ? '' : `-${short}, `}--${name}${type === 'boolean' ? '' : ` ${shown}`}`;
}

export function meaning({ description, multiple }: OptionSpec): string {
  return `${description}${multiple === true ? '; may be given more than once' : ''}`;
}

/** Each exit code that the command has, and what it means. */
export function exitCodes({ finding }: Command): [string, string][] {
  return Object.entries(EXIT_MEANING)
    .filter(([code]) => finding !== undefined || Number(code) !== EXIT.finding)
    .map(([code, words]) => [code, Number(code) === EXIT.finding ? finding! : words]);
}

const WIDTH = 100;

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.max(...rows.map(([first]) => first.length)) + 4;
  return rows.flatMap(([first, second]) =>
    wrap(second, WIDTH - left).map((line, index) => `${(index === 0 ? `  ${first}` : '').padEnd(left)}${line}`),
  );
}

/** Breaks a text at blanks; a word that is longer stands alone. */
function wrap(text: string, width = WIDTH): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
