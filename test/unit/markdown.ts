import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';

/** The project's root directory. */
export const ROOT = path.join(import.meta.dirname, '../..');

/** A code block of a page. */
export interface CodeBlock {
  /** The page, from the root. */
  readonly page: string;
  /** Line of its first line, from 1. */
  readonly line: number;
  /** `yaml`, `console`, ... */
  readonly language: string;
  readonly text: string;
}

/** All Markdown pages of the project, from the root. */
export function pages(): string[] {
  return globSync(['*.md', 'docs/**/*.md', 'manifests/**/*.md', 'test/**/*.md'], { cwd: ROOT }).sort();
}

export function readPage(page: string): string {
  return readFileSync(path.join(ROOT, page), 'utf8');
}

/** Fenced code blocks, also inside lists: the fence's indentation is taken off. */
export function codeBlocks(page: string, text: string = readPage(page)): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const open = /^( *)```(\S*)/.exec(lines[index]!);
    if (open === null) continue;
    const [, indent = '', language = ''] = open;
    const start = index + 1;
    for (index = start; index < lines.length && lines[index] !== `${indent}\`\`\``; index++);
    const body = lines.slice(start, index).map(line => line.slice(indent.length));
    blocks.push({ page, line: start + 1, language, text: `${body.join('\n')}\n` });
  }
  return blocks;
}

/** A page without its code: what a reader reads. */
export function prose(text: string): string {
  return text.replace(/^( *)```[\s\S]*?^\1```$/gm, '').replace(/`[^`\n]*`/g, '');
}

export interface Link {
  readonly target: string;
  readonly anchor: string | undefined;
}

/** Links to files of the project and to headings; those that leave the project are left out. */
export function links(text: string): Link[] {
  return [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter(link => !/^[a-z]+:/.test(link))
    .map(link => {
      const [target = '', anchor] = link.split('#');
      return { target, anchor };
    });
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchors(text: string): string[] {
  const withoutCode = text.replace(/^( *)```[\s\S]*?^\1```$/gm, '');
  return [...withoutCode.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** What a YAML block of the documentation is. */
export type Example =
  | { readonly kind: 'workflow file'; readonly block: CodeBlock }
  | { readonly kind: 'objects'; readonly block: CodeBlock; readonly objects: readonly KubernetesObject[] }
  | { readonly kind: 'kustomization'; readonly block: CodeBlock };

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: unknown;
}

/** The YAML blocks of a page by what they are. Throws for one that is nothing whole: examples are to be copied. */
export function examples(page: string): Example[] {
  return codeBlocks(page)
    .filter(({ language }) => language === 'yaml')
    .map(block => {
      const values = parseAllDocuments(block.text).map(document => document.toJS() as Record<string, unknown>);
      if (values.every(value => value.version !== undefined && value.workflows !== undefined))
        return { kind: 'workflow file', block };
      if (values.every(value => value.kind === 'Kustomization')) return { kind: 'kustomization', block };
      if (values.every(value => value.apiVersion !== undefined && value.metadata !== undefined))
        return { kind: 'objects', block, objects: values as unknown as KubernetesObject[] };
      throw new Error(`${page}:${block.line}: expected a whole tako.yml, or whole Kubernetes objects`);
    });
}
