import { describe, expect, it } from 'vitest';
import { checkScript, renderScript } from './script.ts';
import { REFUSED } from './testing/refused.ts';

const TEXT = { inputs: { v: 'value' } };

describe('places where a value is refused', () => {
  it.each(REFUSED)('given $script, when it is rendered, then it is refused: $message', ({ script, message }) => {
    const rendered = renderScript(script, TEXT);
    expect(rendered).toEqual({ ok: false, errors: expect.any(Array) });
    if (rendered.ok) return;
    for (const error of rendered.errors) expect(error.message).toContain(message);
    expect(rendered.errors[0]!.message).toMatch(
      new RegExp(`^${rendered.errors[0]!.line}:${rendered.errors[0]!.column} `),
    );
  });

  it.each(REFUSED)(
    'given $script with an input of type string, when it is checked, then the same is said',
    ({ script, message }) => {
      if (message === 'in a script of sed') return;
      const problems = checkScript(script, { inputTypes: { v: 'string' } });
      const rendered = renderScript(script, TEXT);
      expect({ ok: false, errors: problems }).toEqual(rendered);
    },
  );

  it.each(REFUSED)(
    'given $script with a number, when it is rendered, then it is literal text or refused',
    ({ script, literalsToo }) => {
      const rendered = renderScript(script, { inputs: { v: 5 } });
      const quoted = script.includes('shell_quote');
      if (literalsToo || quoted) expect(rendered.ok).toBe(false);
      else expect(rendered).toEqual({ ok: true, prelude: '', body: script.replace(/\{\{.*?\}\}/g, '5') });
    },
  );
});
