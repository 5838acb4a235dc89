/** A place that accepts a value, as a script that calls `p` with what the shell made of it. `$V` in the script is the expression. */
export interface Position {
  readonly name: string;
  readonly script: string;
  readonly expected: (value: string) => readonly string[];
  /** Values that the surrounding script itself could not take. */
  readonly except?: (value: string) => boolean;
}

/** Field splitting with the default IFS, as POSIX describes it for text without quotes. */
export function fields(text: string): string[] {
  return text.split(/[ \t\n]+/).filter(word => word !== '');
}

const VALUE = '{{ .inputs.v }}';
const QUOTED = '{{ .inputs.v | shell_quote }}';

const one = (value: string) => [value];

export const POSITIONS: readonly Position[] = [
  { name: 'an unquoted argument', script: `p ${VALUE}`, expected: fields },
  {
    name: 'the middle of a word',
    script: `p --bump=pre${VALUE}post end`,
    expected: v => [...fields(`--bump=pre${v}post`), 'end'],
  },
  { name: 'the beginning of a word', script: `p ${VALUE}#tail end`, expected: v => [...fields(`${v}#tail`), 'end'] },
  { name: 'adjacent expressions', script: `p ${VALUE}${VALUE} end`, expected: v => [...fields(v + v), 'end'] },
  {
    name: 'beside quotes',
    script: `p 'a b'${VALUE}"c d"`,
    expected: v => fields(`\u0002${v}\u0003`).map(w => w.replace('\u0002', 'a b').replace('\u0003', 'c d')),
    except: v => /[\u0002\u0003]/.test(v),
  },
  { name: 'before a redirection', script: `p a 2${VALUE}>&1`, expected: v => ['a', ...fields(`2${v}`)] },
  { name: 'double quotes', script: `p "a${VALUE}b"`, expected: v => [`a${v}b`] },
  { name: 'double quotes alone', script: `p "${VALUE}" end`, expected: v => [v, 'end'] },
  { name: 'double quotes behind an escaped dollar', script: `p "\\$${VALUE}\\\\"`, expected: v => [`$${v}\\`] },
  { name: 'single quotes', script: `p 'a$b"${VALUE}\\'`, expected: v => [`a$b"${v}\\`] },
  { name: 'an assignment', script: `x=a${VALUE}; p "$x"`, expected: v => [`a${v}`] },
  { name: 'a quoted assignment', script: `x="${VALUE}"'${VALUE}'; p "$x"`, expected: v => [v + v] },
  { name: 'an assignment before a command', script: `p() { printf '%s\\0' "$X"; }; X=${VALUE} p`, expected: one },
  { name: 'export', script: `export X=${VALUE}; p "$X"`, expected: one },
  { name: 'readonly', script: `readonly X=${VALUE}; p "$X"`, expected: one },
  { name: 'local', script: `f() { local x=${VALUE}; p "$x"; }; f`, expected: one },
  { name: 'an argument like an assignment', script: `p X=${VALUE}`, expected: v => fields(`X=${v}`) },
  { name: 'a command substitution', script: `x=$(printf '%s.' ${VALUE}); p "$x"`, expected: v => [`${v}.`] },
  {
    name: 'nested substitutions and quotes',
    script: `p "a$(printf '%s.' "$(printf '%s.' "${VALUE}")" '${VALUE}')b"`,
    expected: v => [`a${v}..${v}.b`],
  },
  { name: 'backticks', script: `x=\`printf '%s.' ${VALUE}\`; p "$x"`, expected: v => [`${v}.`] },
  {
    name: 'a here-document',
    script: `x=$(cat <<EOF\na${VALUE}b "${VALUE}" '${VALUE}'.\nEOF\n); p "$x"`,
    expected: v => [`a${v}b "${v}" '${v}'.`],
  },
  {
    name: 'a here-document with tabs',
    script: `x=$(\n\tcat <<-EOF\n\ta${VALUE}.\n\tEOF\n); p "$x"`,
    expected: v => [`a${v}.`],
  },
  {
    name: 'a here-document outside',
    script: `while IFS= read -r line; do p "$line"; done <<EOF\n${VALUE}\nEOF`,
    expected: v => v.split('\n'),
    except: v => v.includes('\r'),
  },
  {
    name: 'a substitution in a here-document',
    script: `x=$(cat <<EOF\n$(printf '%s.' "${VALUE}")\nEOF\n); p "$x"`,
    expected: v => [`${v}.`],
  },
  { name: 'a for list', script: `for x in a ${VALUE} b; do p "$x"; done`, expected: v => ['a', ...fields(v), 'b'] },
  {
    name: 'a for list alone',
    script: `for x in ${VALUE}\ndo p "$x"\ndone; p end`,
    expected: v => [...fields(v), 'end'],
  },
  {
    name: 'a case word and pattern',
    script: `case ${VALUE} in ${VALUE}) p same;; *) p other;; esac`,
    expected: () => ['same'],
  },
  {
    name: 'a case pattern',
    script: `case 'some file' in x|${VALUE}|"${VALUE}") p same;; *) p other;; esac`,
    expected: v => [v === 'some file' ? 'same' : 'other'],
  },
  {
    name: 'a case word',
    script: `case a${VALUE} in a) p empty;; a*) p more;; esac`,
    expected: v => [v === '' ? 'empty' : 'more'],
  },
  { name: 'a pattern of a quoted expansion', script: `x="${VALUE}"tail; p "\${x#${VALUE}}"`, expected: () => ['tail'] },
  {
    name: 'a pattern of an unquoted expansion',
    script: `x=head"${VALUE}"; y=\${x%${VALUE}}; p "$y"`,
    expected: () => ['head'],
  },
  { name: 'a default in quotes', script: `unset u; p "\${u-${VALUE}}"`, expected: one },
  { name: 'a default without quotes', script: `unset u; p \${u:-${VALUE}}`, expected: one },
  { name: 'a default in single quotes', script: `unset u; p \${u:-'${VALUE}'}`, expected: one },
  { name: 'an alternative', script: `u=1; p "\${u:+a${VALUE}}"`, expected: v => [`a${v}`] },
  { name: 'an assigned default', script: `unset u; : "\${u:=${VALUE}}"; p "$u"`, expected: one },
  {
    name: 'a default in a here-document',
    script: `unset u; x=$(cat <<EOF\n\${u-${VALUE}}.\nEOF\n); p "$x"`,
    expected: v => [`${v}.`],
  },
  {
    name: 'a quoted test',
    script: `[ "${VALUE}" = 'some file' ] && p same; test -n "${VALUE}" || p empty; [ "${VALUE}" ] || p empty`,
    expected: v => (v === 'some file' ? ['same'] : v === '' ? ['empty', 'empty'] : []),
  },
  { name: 'set', script: `set -- ${VALUE}; p "$@"`, expected: fields },
  { name: 'a function', script: `f() { p "$@"; }; f "${VALUE}" ${VALUE}`, expected: v => [v, ...fields(v)] },
  {
    name: 'a wrapped command',
    script: `env X=${VALUE} sh -c 'printf "%s\\0" "$X" "$@"' sh a`,
    expected: v => [v, 'a'],
  },
  { name: 'arguments of sh -c', script: `sh -c 'printf "%s\\0" "$@"' sh "${VALUE}"`, expected: one },
  { name: 'a comment', script: `p a # ${VALUE}\n# ${VALUE}\np b`, expected: () => ['a', 'b'] },
  { name: 'shell_quote unquoted', script: `p ${QUOTED} a${QUOTED}`, expected: v => [v, `a${v}`] },
  { name: 'shell_quote in quotes', script: `p "${QUOTED}"`, expected: v => [`'${v.replaceAll("'", "'\\''")}'`] },
  {
    name: 'eval',
    script: `eval "p ${QUOTED}"; eval p ${QUOTED} 'a'${QUOTED}; eval 'x=${QUOTED}'; p "$x"`,
    expected: v => [v, v, `a${v}`, v],
  },
  { name: 'trap', script: `trap "p ${QUOTED}" EXIT`, expected: one },
  {
    name: 'code of sh -c',
    script: `sh -c "printf '%s\\\\0' ${QUOTED}"; sh -c 'x=${QUOTED}; printf "%s\\0" "$x"'`,
    expected: v => [v, v],
  },
  { name: 'code in a here-document', script: `sh <<EOF\nprintf '%s\\0' ${QUOTED}\nEOF`, expected: one },
  {
    name: 'continued lines',
    script: `p a \\\n  ${VALUE} \\\n"b \\\n${VALUE}"|\\\ncat; p c`,
    expected: v => ['a', ...fields(v), `b ${v}`, 'c'],
  },
  {
    name: 'a condition and a pipeline',
    script: `if p "${VALUE}" | cat; then p ${VALUE}; else p never; fi`,
    expected: v => [v, ...fields(v)],
  },
  {
    name: 'groups',
    script: `{ p "${VALUE}"; }; ( p ${VALUE} ); ! p '${VALUE}' || p done`,
    expected: v => [v, ...fields(v), v, 'done'],
  },
];
