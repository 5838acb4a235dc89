/** Why no value may stand at a place of a script, told to the script's author. */
export interface Refusal {
  /** Completes "the expression stands ...". */
  readonly where: string;
  readonly why: string;
  /** What to write instead. Passing the value by the step's `env:` is named in any case. */
  readonly instead?: string;
  /** How the variable is used that `env:` sets. Default: read $VALUE. */
  readonly use?: string;
  /** Validated numbers and booleans are accepted all the same, as literal text. */
  readonly literals: boolean;
}

function refusal(where: string, why: string, options: { instead?: string; literals?: boolean } = {}): Refusal {
  const { instead, literals = true } = options;
  return { where, why, literals, ...(instead === undefined ? {} : { instead }) };
}

const EVALUATED = 'the shell evaluates what stands there, commands in a value included';
const NUMBER = 'declare the input as a number, or check the value in a shell variable before it is used here';

export const REFUSALS = {
  afterBackslash: refusal('directly behind a backslash', 'the backslash would escape what the value is replaced with', {
    instead: 'remove the backslash',
    literals: false,
  }),
  afterDollar: refusal('directly behind a $', 'the value would become the name of a variable', {
    instead: 'remove the $; for a $ before the value write \\$',
    literals: false,
  }),
  arithmetic: refusal('in arithmetic', EVALUATED, { instead: NUMBER }),
  array: refusal('in the list of an array', 'only some shells know arrays', { instead: 'use set -- and "$@"' }),
  backtick: refusal('in backticks within quotes or with backslashes', 'shells disagree about what is quoted there', {
    instead: 'write $(...) instead of the backticks',
  }),
  bashAssignment: refusal('in x[...]= or x+=', EVALUATED, { instead: 'write x=$x{{ ... }}' }),
  brace: refusal('in a brace expansion', 'only some shells know it, and a value of several words would break it', {
    instead: 'write the words out, or use a for loop',
  }),
  codeInQuotes: refusal(
    'in quotes or in a comment within code',
    'shell_quote brings its own quotes, which would end those',
    {
      instead: 'leave out what is around it',
    },
  ),
  codeWithExpansion: refusal(
    'in code that holds other expansions',
    'what they hold could end the quotes around the value',
    {
      instead: 'write the code in single quotes and pass the values as arguments: sh -c \'...\' sh "$A" {{ .b }}',
    },
  ),
  commandName: refusal('in the name of a command', 'the value would choose what is run', {
    instead: 'name the commands in a case statement',
  }),
  declared: refusal('in an assignment to a variable with attributes', EVALUATED, {
    instead: 'assign to a variable without -i, -a, -A or -n',
  }),
  descriptor: refusal('where a file descriptor is expected', 'shells disagree about other text there'),
  dollarQuote: refusal('in $\'...\' or $"..."', 'a value cannot be put into them in every shell', {
    instead: "end the quotes before it: $'a\\n'{{ .b }}",
  }),
  find: refusal(
    'unquoted in the arguments of find',
    'it is split into words, and find takes -exec and what follows for a command',
    {
      instead: 'put it in double quotes',
    },
  ),
  hereDocumentPattern: refusal('in the pattern of a ${...} in a here-document', 'shells disagree about quotes there', {
    instead: 'cut the value before, in a variable',
  }),
  magicVariable: refusal('in the value of a variable that the shell evaluates', EVALUATED),
  nestedQuotes: refusal('in quotes within ${...} within quotes', 'shells disagree about what is quoted there', {
    instead: 'leave out the inner quotes',
  }),
  parameterForm: refusal('in a ${...} other than ${x-...}, ${x+...}, ${x#...} and ${x%...}', EVALUATED, {
    instead: NUMBER,
  }),
  printfFormat: refusal(
    'at the beginning of the format of printf',
    'a value such as -v would be an option that assigns',
    {
      instead: 'write printf \'%s\\n\' "{{ ... }}"',
    },
  ),
  quotedDocument: refusal('in a here-document with a quoted delimiter', 'nothing is expanded in it', {
    instead: 'take the quotes off the delimiter and write \\$ where a $ is meant',
  }),
  shebang: refusal('in a script for another interpreter', 'only shell scripts can take values'),
  sourcedFile: refusal('in the name of a file that is run', 'the value would choose what is run', {
    instead: 'name the files in a case statement',
  }),
  stdinCode: refusal('in what is fed to an interpreter', 'the value would be code there', {
    instead: 'write sh -c \'...\' sh {{ ... }} and "$1" in the code',
  }),
  substitutedCode: refusal('in code', 'the value would be code there', {
    instead: 'pipe it through shell_quote, or pass it as an argument: sh -c \'... "$1"\' sh {{ ... }}',
  }),
  testOperator: refusal('in a test, where a value such as -v could be an operator', EVALUATED, {
    instead: 'put it in double quotes next to an operator, [ "{{ ... }}" = x ], and join tests with && and ||',
  }),
  testArithmetic: refusal('in a numeric comparison of [[ ... ]]', EVALUATED, { instead: NUMBER }),
  testVariable: refusal('behind -v', EVALUATED),
  tilde: refusal('directly behind a ~', 'the name of a user is not looked up from a value', {
    instead: 'use $HOME, or put the ~ in quotes',
  }),
  unquotedAssignment: refusal(
    'in an unquoted ${x=...}',
    'the result is split into words, and file names are looked up for them',
    {
      instead: 'put the ${...} in double quotes',
    },
  ),
  variableName: refusal('where the name of a variable is expected', EVALUATED, {
    instead: 'name the variables in a case statement',
  }),
} satisfies Record<string, Refusal>;

/** In the arguments of a program that runs some of them as code. */
export function interpreterRefusal(name: string): Refusal {
  const use = Object.entries(READING_ENV).find(([program]) => name.startsWith(program))?.[1];
  const where = `in these arguments of ${name}, which can take it for code`;
  return { ...refusal(where, 'a value must not become part of a program'), ...(use === undefined ? {} : { use }) };
}

/** How a program reads a variable of the environment, which is where its values belong. */
const READING_ENV: Readonly<Record<string, string>> = {
  python: 'read os.environ["VALUE"] in the program',
  perl: 'read $ENV{VALUE} in the program',
  ruby: 'read ENV["VALUE"] in the program',
  node: 'read process.env.VALUE in the program',
  awk: 'read ENVIRON["VALUE"] in the program',
  gawk: 'read ENVIRON["VALUE"] in the program',
  jq: 'write jq --arg v "$VALUE" with $v in the program',
  yq: 'write strenv(VALUE) in the program',
};

/** Where a command that runs another one may take a value for the name of that. */
export function wrapperRefusal(name: string): Refusal {
  return refusal(`where ${name} may take it for an option or a command`, 'the value would choose what is run', {
    instead: `put it behind the command that ${name} runs`,
  });
}

/** A value with characters that mean something to sed. */
export const SED_VALUE = refusal(
  'in a script of sed, which takes only letters, digits and . _ + : / @ = - from a value, and not its delimiter',
  'other characters mean something there, up to running commands',
  { instead: 'check the value with inputs.<name>.validation, or write the file by other means than sed' },
);
export const SED_SCRIPT = refusal(
  'in a script of sed',
  'it is accepted only in a plain s/old/new/, alone in its word',
  {
    instead: 'use one s/old/new/ per -e',
  },
);

/** In code that the parser does not understand. */
export function codeSyntaxRefusal(problem: string): Refusal {
  return refusal('in code', `it is not understood: ${problem}`);
}
