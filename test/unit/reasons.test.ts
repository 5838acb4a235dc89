import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { takoRunStatusSchema } from '../../src/api/takorun-status.ts';
import { REASONS } from '../../src/controllers/repository/reasons.ts';
import { FAILURES, type FailureClass } from '../../src/fanout/transient.ts';

const ROOT = path.join(import.meta.dirname, '../..');

/** Where reasons of conditions and events are made. The gateway's reach a run through its agent. */
const PLACES = ['src/controllers/**/*.ts', 'src/fanout/**/*.ts', 'src/gateway/**/*.ts', 'src/agent/*.ts'];

/** CamelCase words of four letters or more in the source that are no reasons. A new word is either documented or stands here. */
const NO_REASONS = new Set([
  // Conditions, their states, phases, types of events.
  ...['Ready', 'Reconciling', 'Stalled', 'True', 'False', 'Unknown', 'Normal', 'Warning', 'Reconcile'],
  ...[
    'Pending',
    'Queued',
    'Running',
    'Waiting',
    'Failed',
    'Skipped',
    'PodScheduled',
    'DisruptionTarget',
    'Cleanup',
    'Cache',
  ],
  // States of breakers.
  ...['Closed', 'Open', 'HalfOpen'],
  // Kinds, enumerations of Kubernetes and of the API.
  ...['Secret', 'ConfigMap', 'Lease', 'TakoRun', 'TakoRepository', 'File', 'Memory', 'Never', 'IfNotPresent'],
  ...['OnRootMismatch', 'RuntimeDefault', 'Background', 'Same', 'Selector', 'Tree', 'OnFailure'],
  ...['PersistentVolumeClaim', 'ReadWriteMany', 'ReadWriteOnce', 'Lost'],
  ...[
    'NotIn',
    'Exists',
    'DoesNotExist',
    'ErrImagePull',
    'ContainerStatusUnknown',
    'OutOf',
    'SchedulerError',
    'Completed',
  ],
  // Names of errors, causes.
  ...[
    'PodRefusedError',
    'QuotaExceededError',
    'WorkflowFileError',
    'RunConflictError',
    'ChildRefusedError',
    'GatewayFailure',
    'GatewayCallError',
  ],
  'PreparationError',
  'CacheRefusedError',
  ...['Cancel', 'Timeout'],
  // The gateway's answers that an agent takes as "ask again".
  ...['ApiServerUnavailable', 'Conflict', 'Internal', 'KeysUnavailable', 'PodNotRecorded', 'TooManyRequests'],
]);
/** Phases that are reasons too. */
const BOTH = new Set(['Running']);
/** Documented words that the source does not spell: they come from Kubernetes. */
const FROM_KUBERNETES = new Set(['NodeLost']);

const skipReasons = takoRunStatusSchema.shape.fanOut.unwrap().shape.skipped.unwrap().element.shape.reason.options;
const isReason = (word: string) => BOTH.has(word) || (!NO_REASONS.has(word) && !isSkipReason(word));
const isSkipReason = (word: string) => (skipReasons as readonly string[]).includes(word) && word !== 'Suspended';

function wordsOfSource(): Map<string, string> {
  const words = new Map<string, string>();
  for (const pattern of PLACES) {
    for (const file of globSync(pattern, { cwd: ROOT })) {
      if (/\.test\.ts$|\/testing\/|conformance/.test(file)) continue;
      for (const [, word] of readFileSync(path.join(ROOT, file), 'utf8').matchAll(
        /'([A-Z](?=[A-Za-z]*[a-z])[A-Za-z]{3,})'/g,
      ))
        words.set(word!, file);
    }
  }
  for (const word of Object.keys(REASONS)) words.set(word, 'src/controllers/repository/reasons.ts');
  return words;
}

/** The words in the first column of a page's tables. */
function documented(page: string): Set<string> {
  const text = readFileSync(path.join(ROOT, 'docs/guides', page), 'utf8');
  const cells = [...text.matchAll(/^\| (`[^|]*`) \|/gm)].map(([, cell]) => cell!);
  return new Set(cells.flatMap(cell => [...cell.matchAll(/`([A-Z][A-Za-z]+)`/g)].map(([, word]) => word!)));
}

describe('docs/guides/troubleshooting.md', () => {
  const source = wordsOfSource();
  const listed = documented('troubleshooting.md');

  test('given a reason in the source, then the page says its cause and what to do', () => {
    const missing = [...source].filter(([word]) => isReason(word) && !listed.has(word));
    expect(missing.map(([word, file]) => `${word} (${file})`)).toEqual([]);
  });

  test('given a reason on the page, then the source has it', () => {
    expect([...listed].filter(word => !source.has(word) && !FROM_KUBERNETES.has(word))).toEqual([]);
  });

  test('given the words that are no reasons, then the source has each of them', () => {
    expect([...NO_REASONS].filter(word => !source.has(word))).toEqual([]);
  });
});

/** How the table of what is tried again calls the classes. */
const RETRIED: Record<FailureClass, string> = {
  transient: 'yes',
  workflow: 'with `retry.onWorkflowFailure`',
  final: 'no',
};

describe('what is tried again, in docs/guides/troubleshooting.md', () => {
  const page = readFileSync(path.join(ROOT, 'docs/guides/troubleshooting.md'), 'utf8');
  const table = page.slice(page.indexOf('## What is tried again'));
  const rows = [...table.matchAll(/^\| [^|]* \| ([^|]*) \| ([^|:]*)[^|]* \|$/gm)].flatMap(([, reasons, answer]) =>
    [...reasons!.matchAll(/`([A-Z]\w+)`/g)].map(([, reason]) => [reason!, answer!.trim()] as const),
  );
  const told = new Map(rows);

  test('given a row of the table in the source, then the page says the same', () => {
    const differing = Object.entries(FAILURES).filter(([reason, row]) => told.get(reason) !== RETRIED[row.class]);
    expect(differing.map(([reason, row]) => `${reason} is ${row.class}, the page says ${told.get(reason)}`)).toEqual(
      [],
    );
  });
});

describe('docs/guides/events.md', () => {
  test('given a reason to skip a subscriber, then the page explains it', () => {
    const listed = documented('events.md');
    expect(skipReasons.filter(word => !listed.has(word))).toEqual([]);
  });
});
