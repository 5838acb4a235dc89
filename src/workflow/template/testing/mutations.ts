import fc from 'fast-check';
import { POSITIONS } from './positions.ts';
import { REFUSED } from './refused.ts';

const EXPRESSION = '{{ .inputs.v }}';
const EXPRESSIONS: readonly string[] = [EXPRESSION, EXPRESSION, '{{ .inputs.v | shell_quote }}', '{{ .inputs.w }}'];

/** What a script is made of; nothing that loops, waits or touches files outside of the directory. */
const TOKENS: readonly string[] = [
  ...'\'"`$\\&|;<>(){}[]*?~#!=: \t\n'.split(''),
  ...[
    '$(',
    '$((',
    '))',
    '((',
    '${x',
    '${x-',
    '${x#',
    '${x:',
    '"$(',
    ')"',
    "$'",
    '$"',
    '&&',
    '||',
    ';;',
    '<<EOF\n',
    '\nEOF\n',
    "<<'EOF'\n",
  ],
  ...[
    '<<<',
    '>f ',
    '<(',
    'p ',
    'x=',
    'x',
    '1',
    ' -v ',
    ' -c ',
    ' -eq 1',
    '[ ',
    ' ]',
    '[[ ',
    ' ]]',
    'eval ',
    'sh -c ',
    'bash -c ',
    'trap ',
    ' EXIT',
  ],
  ...[
    'export ',
    'declare -i ',
    'declare -a ',
    'local ',
    'let ',
    'test ',
    'printf ',
    'printf -v ',
    'read ',
    'unset ',
    'set -- ',
    ': ',
  ],
  ...[
    'if ',
    '; then ',
    '; fi',
    'for x in ',
    '; do ',
    '; done',
    'case ',
    ' in ',
    ') ',
    ';; esac',
    '{ ',
    '; }',
    '( ',
    ' | sh',
    ' | cat',
    '\\\n',
    '# ',
  ],
  ...[
    'sed ',
    "sed 's/a/",
    '/e',
    'env ',
    'xargs ',
    'sh <<EOF\n',
    'alias x=',
    'wait ',
    'command ',
    'exec ',
    '. ',
    'a[',
    ']=',
    '+=',
  ],
  ...EXPRESSIONS,
];

const BASES: readonly string[] = [...POSITIONS.map(({ script }) => script), ...REFUSED.map(({ script }) => script)];

/** What may not end by itself: loops, functions that call themselves, programs that busybox brings and that wait for a person. */
const ENDLESS = /\bwhile\b|\buntil\b|for \(\(|\([ \t]*\)|\bfunction\b|\b(?:watch|vim|su|ssh|psql|yes)\b/;

type Mutation =
  | { readonly kind: 'insert'; readonly at: number; readonly token: string }
  | { readonly kind: 'delete'; readonly at: number; readonly length: number };

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('insert' as const), at: fc.nat(1000), token: fc.constantFrom(...TOKENS) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      at: fc.nat(1000),
      length: fc.integer({ min: 1, max: 8 }),
    }),
  },
);

/** Scripts near those that the other tests know, most of them broken in some way. */
export const mutatedScript: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(...BASES), fc.array(mutation, { maxLength: 4 }))
  .map(([base, mutations]) => mutations.reduce(mutate, base))
  .filter(script => !ENDLESS.test(script));

function mutate(script: string, mutation: Mutation): string {
  const at = mutation.at % (script.length + 1);
  if (mutation.kind === 'insert') return script.slice(0, at) + mutation.token + script.slice(at);
  return script.slice(0, at) + script.slice(at + mutation.length);
}
