import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { toStructuralSchema } from '../../src/api/crd.ts';
import { takoRepositoryKind, takoRunKind } from '../../src/api/kinds.ts';
import { walk } from '../../src/api/reference.ts';
import { RESERVED_FIELDS } from '../../src/api/reserved.ts';
import { takoRepositorySpecSchema } from '../../src/api/takorepository.ts';
import { takoRunSpecSchema } from '../../src/api/takorun.ts';
import { referenceFiles } from '../../src/operator/reference.ts';
import { checkCel } from '../../src/workflow/cel.ts';
import { formatFileError } from '../../src/workflow/file-error.ts';
import { parseTakoFile } from '../../src/workflow/parse.ts';
import { anchors, codeBlocks, examples, type KubernetesObject, links, pages, ROOT, readPage } from './markdown.ts';

const scripts = (
  JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
).scripts;

describe.each(pages())('%s', page => {
  test('given a link, then it leads to a file, and to a heading that is there', () => {
    const broken = links(readPage(page)).flatMap(({ target, anchor }) => {
      const file = target === '' ? page : path.join(path.dirname(page), target);
      if (!existsSync(path.join(ROOT, file))) return [`${target}: there is no ${file}`];
      if (anchor === undefined || anchors(readPage(file)).includes(anchor)) return [];
      return [`${target}#${anchor}: ${file} has no such heading`];
    });
    expect(broken).toEqual([]);
  });

  test('given an npm command, then package.json has it', () => {
    const text = readPage(page);
    const named = [...text.matchAll(/\bnpm run ([a-z][a-z0-9:]*)/g), ...text.matchAll(/\bnpm (start|test)\b/g)];
    expect(named.map(([, name]) => name!).filter(name => scripts[name] === undefined)).toEqual([]);
  });

  test('given an example in YAML, then it is a good tako.yml, or good objects', () => {
    for (const example of examples(page)) {
      const at = `${page}:${example.block.line}`;
      if (example.kind === 'workflow file') expect(problemsOfFile(example.block.text), at).toEqual([]);
      if (example.kind === 'objects') expect(example.objects.flatMap(problemsOfObject), at).toEqual([]);
    }
  });

  test('given a variable of Tako, then the source knows it', () => {
    const named = new Set(readPage(page).match(/\bTAKO_[A-Z][A-Z_]*[A-Z]\b/g));
    expect([...named].filter(name => !sourceText().includes(name))).toEqual([]);
  });

  test('given a path of the project in the text, then it is there', () => {
    const named = [...readPage(page).matchAll(/`((?:src|test|docs|manifests|crds)\/[\w./-]*)`/g)].map(
      ([, file]) => file!,
    );
    expect(named.filter(file => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });
});

describe('the scripts of package.json', () => {
  test('given a file that a script runs, then it is there', () => {
    const files = Object.values(scripts).flatMap(script => script.match(/[\w./-]+\.(?:ts|mjs)\b/g) ?? []);
    expect(files.filter(file => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });
});

describe('docs/reference', () => {
  test('given the schemas, then the pages are up to date: run `npm run generate` when this fails', async () => {
    for (const [name, text] of Object.entries(await referenceFiles())) {
      expect(readPage(`docs/reference/${name}`), name).toBe(text);
    }
  });

  test.each(Object.entries(RESERVED_FIELDS))(
    'given the reserved fields of %s, then each exists, and docs/limits.md has it',
    (name, fields) => {
      const kind = name === 'TakoRun' ? takoRunKind : takoRepositoryKind;
      const known = new Set<string>();
      for (const part of ['spec', 'status'] as const)
        walk(toStructuralSchema(kind[part]), part, (_, at) => known.add(at));
      expect(fields.map(({ path: field }) => field).filter(field => !known.has(field))).toEqual([]);
      const limits = readPage('docs/limits.md');
      expect(fields.map(({ path: field }) => field).filter(field => !limits.includes(`\`${field}\``))).toEqual([]);
    },
  );
});

describe('docs/security.md', () => {
  const named = [...readPage('docs/security.md').matchAll(/^ +- \[.*?\]\(\.\.\/(\S+)\): (.+)$/gm)];

  test('given what it says, then tests are named for it', () => {
    expect(named.length).toBeGreaterThan(40);
  });

  test.each(named.map(([, file, name]) => [file!, name!]))('given %s, then it has the test "%s"', (file, name) => {
    expect(readPage(file)).toContain(name);
  });
});

describe('manifests/samples', () => {
  const samples = globSync('manifests/samples/*.yaml', { cwd: ROOT }).sort();

  test.each(samples)('given %s, then its objects are good', file => {
    const objects = parseAllDocuments(readPage(file)).map(document => document.toJS() as KubernetesObject);
    expect(objects.flatMap(problemsOfObject)).toEqual([]);
  });

  test('given the overlay to install with, then the documentation shows it as it is', () => {
    const overlay = readPage('manifests/samples/install/kustomization.yaml');
    const shown = codeBlocks('docs/guides/operating.md').map(({ text }) => text);
    expect(shown.some(text => overlay.endsWith(text))).toBe(true);
  });
});

function problemsOfFile(text: string): string[] {
  const parsed = parseTakoFile(text, { checkExpression: checkCel });
  return parsed.ok ? parsed.notes : parsed.errors.map(formatFileError);
}

/** What the schemas of the two kinds have against an object; those of other kinds are the API server's to check. */
function problemsOfObject({ apiVersion, kind, metadata, spec }: KubernetesObject): string[] {
  if (apiVersion !== 'tako.dev/v1alpha1') return [];
  const schema = kind === 'TakoRun' ? takoRunSpecSchema : takoRepositorySpecSchema;
  const result = schema.safeParse(spec);
  const known = new Set(Object.keys(schema.shape));
  const unknown = Object.keys(spec as object).filter(field => !known.has(field));
  return [
    ...unknown.map(field => `${kind} ${metadata.name}: there is no spec.${field}`),
    ...(result.success
      ? []
      : result.error.issues.map(issue => `${kind} ${metadata.name}: ${issue.path.join('.')}: ${issue.message}`)),
  ];
}

let source: string | undefined;
/** The program and what starts it, as one text. */
function sourceText(): string {
  source ??= globSync(['src/**/*.ts', 'test/**/*.{ts,mjs,sh}', '.ci/run', 'Dockerfile'], {
    cwd: ROOT,
    exclude: ['test/unit/**'],
  })
    .map(file => readFileSync(path.join(ROOT, file), 'utf8'))
    .join('\n');
  return source;
}
