import { ANNOTATIONS } from '../../src/api/meta.ts';
import { buildTree, type LiveRun, renderTree } from './tree.ts';

export interface ReportOptions {
  /** Whether app-two's test was broken on purpose. */
  readonly fail: boolean;
  /** What a user types for kubectl, with the demo's namespace. */
  readonly kubectl: string;
  /** Milliseconds of the epoch, for runs that have not ended. */
  readonly now: number;
}

/** What `npm start` prints at its end: the tree, why it failed, and what to look at or do next. */
export function reportLines(root: LiveRun, runs: readonly LiveRun[], { fail, kubectl, now }: ReportOptions): string[] {
  const { phase, message = '', detailedErrors = [] } = root.status ?? {};
  // The run's message has the first error in full.
  const others = detailedErrors.filter(({ errorMessage }) => !message.includes(errorMessage));
  return [
    '',
    ...renderTree(buildTree(root, runs, now)),
    '',
    indented(`${phase}: ${message}`, ''),
    ...others.map(error => indented(`${error.repository}: ${error.errorType}: ${error.errorMessage}`, '  ')),
    '',
    ...(fail && phase === 'Failed' ? repair(root, kubectl) : []),
    'Look further:',
    `  ${kubectl} get takoruns`,
    `  ${kubectl} describe takorun ${root.metadata.name}`,
    `  ${kubectl} get takorepositories`,
    `  ${kubectl} logs -l app.kubernetes.io/name=tako-run --all-containers --prefix`,
    'Remove it all with: npm run down',
  ];
}

function repair(root: LiveRun, kubectl: string): string[] {
  return [
    'This failure was wanted: --fail breaks the test of app-two. To repair app-two, then repeat what failed and nothing else:',
    '  npm start',
    `  ${kubectl} annotate takorun ${root.metadata.name} ${ANNOTATIONS.retryAt}="$(date -u +%FT%TZ)" --overwrite`,
    `  ${kubectl} get takorun ${root.metadata.name} --watch`,
    '',
  ];
}

/** A text whose further lines stand two columns to the right of its first. */
function indented(text: string, indent: string): string {
  return `${indent}${text.replaceAll('\n', `\n${indent}  `)}`;
}
