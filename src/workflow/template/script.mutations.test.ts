import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderScript } from './script.ts';
import { mutatedScript } from './testing/mutations.ts';
import { CANARY, runScripts, SHELLS } from './testing/shells.ts';

/** Values that run something in each of the contexts that the renderer must recognise. */
const ATTACKS: readonly string[] = [
  `$(${CANARY})`,
  `\`${CANARY}\``,
  `; ${CANARY}`,
  `a[$(${CANARY})]`,
  `-va[$(${CANARY}\${IFS}x)]`,
  `${CANARY}`,
  `'; ${CANARY}; '`,
  `"; ${CANARY}; "`,
  `\n${CANARY}\n`,
  `x[$(${CANARY})]=1`,
  `([0]=$(${CANARY}))`,
  `1e ${CANARY}`,
  `) ${CANARY} #`,
];

/** A script that keeps a value in a variable of its own and evaluates that has been warned; it cannot be told from one that checks it. */
const STORES = /[a-zA-Z_]\w*(?:\+|:)?=|set --|\bfor\b|\bread\b|f\(\)/;
const EVALUATES =
  /\blet\b|\(\(|\[\[|\$\[|(?:declare|typeset|local|export) +-|\beval\b|\btrap\b|\$\{\w+:|\w\[|printf -v|alias|sh\b|\. |(?:^|[;\n&|({]\s*)["']*\$/;

/** With TAKO_FUZZ_RUNS=300 it takes minutes and looks at fresh scripts each time; as part of all tests it looks at the same few thousand. */
const RUNS = Number(process.env.TAKO_FUZZ_RUNS ?? 5);
const SEED = process.env.TAKO_FUZZ_RUNS === undefined ? { seed: 1 } : {};
const BATCH = 200;

const attack = fc.record({ script: mutatedScript, v: fc.constantFrom(...ATTACKS), w: fc.constantFrom(...ATTACKS) });

describe.each(SHELLS)('broken scripts in $name', shell => {
  it('given scripts that were changed at random, when one of them is accepted and runs, then no value is run', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(attack, { minLength: 1, size: 'max', maxLength: BATCH }), attacks => {
        const scripts = attacks.flatMap(({ script, v, w }) => {
          if (STORES.test(script) && EVALUATES.test(script)) return [];
          const rendered = renderScript(script, { inputs: { v, w } });
          return rendered.ok ? [`${rendered.prelude}\n${rendered.body}`] : [];
        });
        accepted += scripts.length;
        runScripts(shell, scripts, { messy: true });
      }),
      { numRuns: RUNS, ...SEED },
    );
    expect(accepted).toBeGreaterThan(RUNS);
  });
});
