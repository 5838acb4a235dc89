import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { GENERATED_NOTE, table } from '../api/reference.ts';
import type { Command, Member } from './command.ts';
import { exitCodes, meaning, spelling } from './help.ts';
import { optionsOf } from './parse.ts';
import { tako } from './tako.ts';

/** docs/reference/cli.md, from the definitions that `--help` prints. A test compares it with what is committed. */
export function cliReference(): string {
  return `${[
    GENERATED_NOTE,
    '',
    '# The command line',
    '',
    'In a checkout of this project, after `npm ci`, `npx tako` runs these commands; with the package installed `tako` does. They need Node.js 24 or newer, and work with the rights of your kubeconfig, found as kubectl finds it.',
    '',
    'The result goes to standard output; progress, remarks and errors go to standard error. `--help` says the same as this page.',
    '',
    ...sections(tako, [tako.name]),
  ].join('\n')}\n`;
}

function sections(member: Member, names: readonly string[]): string[] {
  if (member.kind === 'group') {
    const parts = member.members.map(one => sections(one, [...names, one.name]));
    return parts.flatMap((part, index) => (index === 0 ? part : ['', ...part]));
  }
  return commandSection(member, names.join(' '));
}

function commandSection(command: Command, name: string): string[] {
  const options = Object.entries(optionsOf(command));
  return [
    `## ${name}`,
    '',
    ...command.description.flatMap(paragraph => [paragraph, '']),
    ...table(
      ['Option', 'Meaning'],
      options.map(([option, spec]) => [`\`${spelling(option, spec)}\``, `${meaning(spec)}.`]),
    ),
    '',
    ...command.examples.flatMap(({ command: line, meaning: what }) => [
      '```console',
      `# ${what}`,
      `$ npx ${line}`,
      '```',
      '',
    ]),
    ...table(['Exit code', 'Meaning'], exitCodes(command)),
  ];
}

if (import.meta.main) {
  await writeFile(path.join(import.meta.dirname, '../../docs/reference/cli.md'), cliReference());
}
