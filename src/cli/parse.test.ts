import { describe, expect, test } from 'vitest';
import { defineCommand, type Group } from './command.ts';
import { EXIT } from './exit.ts';
import { parse } from './parse.ts';

const ls = defineCommand({
  name: 'ls',
  summary: 'Lists',
  description: ['Lists.'],
  options: {
    namespace: { type: 'string', short: 'n', description: 'Where' },
    all: { type: 'boolean', short: 'A', description: 'Everywhere' },
    only: { type: 'string', multiple: true, description: 'Which' },
    output: { type: 'string', short: 'o', choices: ['table', 'json'], description: 'How' },
  },
  examples: [],
  run: async () => EXIT.ok,
});
const prune = defineCommand({ ...ls, name: 'prune', options: { force: { type: 'boolean', description: 'Really' } } });
const cache: Group = { kind: 'group', name: 'cache', summary: 'Caches', members: [ls, prune] };
const root: Group = { kind: 'group', name: 'tako', summary: 'Tako', members: [cache] };

const read = (line: string) => parse(root, line.split(' ').filter(Boolean));

describe('a command line', () => {
  test.each([
    ['cache ls -n a -A -o json', { namespace: 'a', all: true, output: 'json' }],
    ['-n a cache ls', { namespace: 'a' }],
    ['cache -n ls ls', { namespace: 'ls' }],
    ['cache ls --namespace=a --only x --only y', { namespace: 'a', only: ['x', 'y'] }],
    ['cache ls', {}],
  ])('given `tako %s`, then the command is found wherever its options stand', (line, values) => {
    expect(read(line)).toEqual({ kind: 'run', command: ls, path: ['tako', 'cache', 'ls'], values });
  });

  test.each([
    ['--help', root],
    ['cache -h', cache],
    ['cache ls --help', ls],
    ['--help cache ls', ls],
    ['cache ls --help --only', ls],
  ])('given `tako %s`, then it asks for help, and nothing is done', (line, member) => {
    expect(read(line)).toMatchObject({ kind: 'help', member });
  });

  test.each([
    ['', 'which command of tako?', 'tako'],
    ['cache', 'which command of tako cache?', 'tako cache'],
    ['cahce ls', 'tako has no command "cahce", did you mean "cache"?', 'tako'],
    ['cache list-them', 'tako cache has no command "list-them", expected one of ls, prune', 'tako cache'],
    ['cache ls more', 'tako cache ls takes no argument, got "more"', 'tako cache ls'],
    ['cache ls --namespcae a', 'there is no option --namespcae: did you mean --namespace?', 'tako cache ls'],
    ['cache ls -x', 'there is no option -x', 'tako cache ls'],
    ['cache ls --force', 'there is no option --force', 'tako cache ls'],
    ['cache ls -o yaml', '--output: expected table or json, got "yaml"', 'tako cache ls'],
    ['cache ls -n', "option '-n, --namespace <value>' argument missing", 'tako cache ls'],
    ['cache ls --all=yes', "option '-A, --all' does not take an argument", 'tako cache ls'],
  ])('given `tako %s`, then it says what is wrong, and whose help to read', (line, message, path) => {
    expect(read(line)).toEqual({ kind: 'wrong', message, path: path.split(' ') });
  });
});
