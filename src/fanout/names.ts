import { createHash } from 'node:crypto';
import { canonicalJson } from './fingerprint.ts';

/** Longest readable part of a name. With `-` and 16 digits it makes 57 characters: fits a label (63) and leaves room for a suffix. */
const MAX_READABLE = 40;
const HASH_DIGITS = 16;
const OWN_SUFFIX = /-[0-9a-f]{16}$/;

/** A text as part of a DNS-1123 label: lower case, everything else a single `-`, none at its ends. `run` when nothing is left. */
export function sanitiseName(text: string, maxLength = MAX_READABLE): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, maxLength + 1)
    .replace(/^-/, '')
    .slice(0, maxLength)
    .replace(/-$/, '');
  return name === '' ? 'run' : name;
}

/** 16 hexadecimal digits over a list of texts. Lengths are hashed too, so that `['ab', 'c']` differs from `['a', 'bc']`. */
export function shortHash(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('hex').slice(0, HASH_DIGITS);
}

/** A run, as far as the names of what it owns depend on it. The UID makes them unique, the name readable. */
export interface NamedRun {
  readonly name: string;
  readonly uid: string;
}

/** Name of the Pod of an attempt (from 1): the same for every operator that plans it, so that it exists once. */
export function podName(run: NamedRun, attempt: number): string {
  return `${readable(run.name)}-${shortHash('pod', run.uid, String(attempt))}`;
}

/** Name of the event run that a fan-out step creates; `generation` counts those that one step has, from 0. */
export function fanOutRunName(run: NamedRun, step: string, generation = 0): string {
  const hash = shortHash('fan-out', run.uid, step, ...(generation === 0 ? [] : [String(generation)]));
  return `${readable(`${withoutHash(run.name)}-${step}`)}-${hash}`;
}

/** Name of the ConfigMap that holds what an attempt could not report in its Pod's termination message. */
export function resultName(run: NamedRun, podUid: string): string {
  return `${readable(run.name)}-${shortHash('result', run.uid, podUid)}`;
}

export interface NamedChild {
  readonly namespace: string;
  /** Name of the TakoRepository. */
  readonly repository: string;
  /** owner/repo */
  readonly slug: string;
  readonly workflow: string;
  readonly inputs: Readonly<Record<string, string>>;
}

/** Name of a child run: it follows from the repository, the workflow and the inputs, and from the UID of the event or tree that it is one of. */
export function childName(scopeUid: string, child: NamedChild): string {
  const repository = child.slug.slice(child.slug.indexOf('/') + 1);
  return `${sanitiseName(`${repository}-${child.workflow}`)}-${childHash(scopeUid, child)}`;
}

/** Whether `childName` of such a child ends as this name does; what stands before is for people. */
export function isChildName(name: string, scopeUid: string, child: Omit<NamedChild, 'slug'>): boolean {
  return name.endsWith(`-${childHash(scopeUid, child)}`);
}

function childHash(scopeUid: string, child: Omit<NamedChild, 'slug'>): string {
  const { namespace, repository, workflow, inputs } = child;
  return shortHash('child', scopeUid, namespace, repository, workflow, canonicalJson(inputs));
}

function readable(name: string): string {
  return sanitiseName(withoutHash(name));
}

/** The names of runs that Tako created end in a hash already; one is enough to read. */
function withoutHash(name: string): string {
  return name.replace(OWN_SUFFIX, '');
}
