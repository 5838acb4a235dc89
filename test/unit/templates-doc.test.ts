import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderText } from '../../src/workflow/template/index.ts';
import { PIPE_NAMES } from '../../src/workflow/template/pipes.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../docs/reference/templates.md'), 'utf8');
const scope = { inputs: { dry: false, channel: 'stable', list: ['x', 'y'] } };

/** Rows whose last two cells are an expression and what it gives. */
function examples(): [string, string][] {
  const rows = page.matchAll(/^\|.*?`((?:[^`]*\{\{)[^`]*)` \| `([^`]*)` \|$/gm);
  return [...rows].map(([, example, result]) => [example!.replaceAll('\\|', '|'), result!]);
}

describe('docs/reference/templates.md', () => {
  test.each(examples())('given the example %s, then it gives %s', (example, result) => {
    expect(renderText(example, scope)).toEqual({ ok: true, value: result });
  });

  test('given all pipes, then each is on the page with an example', () => {
    const shown = examples()
      .map(([example]) => example)
      .join('\n');
    expect(PIPE_NAMES.filter(name => name !== 'first' && !shown.includes(`| ${name}`))).toEqual([]);
    expect(page).toContain('`first`');
    expect(examples().length).toBeGreaterThan(PIPE_NAMES.length);
  });
});
