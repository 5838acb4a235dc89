import fc from 'fast-check';
import { CANARY } from './shells.ts';

/** Pieces that mean something to a shell, to its builtins or to programs, and characters that shells treat specially inside. */
const PIECES: readonly string[] = [
  ...'\'"`$\\&|;<>(){}[]*?~#!=%^@:,./-+ \t\n\r'.split(''),
  ...['a', 'b1', 'EOF', 'p', 'é', '漢字', '😀', '\u0001', '\u007f', '\u0081', '\u0088', '\u00a0', '\u2028'],
  `$(${CANARY})`,
  `$(${CANARY}\${IFS}x)`,
  `\`${CANARY}\``,
  `; ${CANARY};`,
  `\n${CANARY}\n`,
  `'; ${CANARY}; '`,
  `"; ${CANARY}; "`,
  `' $(${CANARY}) '`,
  `" $(${CANARY}) "`,
  `\\'; ${CANARY} #`,
  `) ; ${CANARY} ; (`,
  `}; ${CANARY}; {`,
  `a[$(${CANARY})]`,
  `x -o -v a[$(${CANARY}\${IFS}x)]`,
  `&& ${CANARY}`,
  `|${CANARY}`,
  `>${CANARY}`,
  `\nEOF\n${CANARY}\n`,
  '$HOME',
  '${HOME}',
  '$((1+1))',
  '${TAKO_VALUE_1}',
  '"${TAKO_VALUE_1}"',
  '{a,b}',
  '~root',
  '--',
  '-e',
  '-n',
  '\\n',
  '%s',
  '\\\\',
  "'\\''",
];

/** Text without NUL that tries to be anything but data. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 8 }).map(pieces => pieces.join('')) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary', maxLength: 20 }).map(text => text.replaceAll('\0', '').toWellFormed()),
  },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '\n', ' \t\n ', ' a', 'a ', ' a b ') },
);
