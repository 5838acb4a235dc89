import type { TakoRun } from '../../src/api/resources.ts';
import { isTerminal } from '../../src/api/takorun-status.ts';
import type { Live } from '../../src/kube/objects.ts';

export type LiveRun = Live<TakoRun>;

/** A workflow run and those that its events started. */
export interface TreeNode {
  readonly repository: string;
  readonly workflow: string;
  readonly phase: string;
  /** From its start to its end, or until now. */
  readonly seconds: number;
  readonly children: readonly TreeNode[];
}

/** The tree below a run. Event runs are left out: their children stand where they stood. */
export function buildTree(root: LiveRun, runs: readonly LiveRun[], now: number): TreeNode {
  const below = (owner: LiveRun): LiveRun[] =>
    runs
      .filter(run => run.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid))
      .flatMap(run => (run.spec.event === undefined ? [run] : below(run)));
  const start = root.status?.startTime ?? root.metadata.creationTimestamp;
  const end = root.status?.completionTime;
  return {
    repository: root.status?.repository ?? root.spec.workflow?.repositoryRef.name ?? '',
    workflow: root.spec.workflow?.name ?? root.spec.event?.type ?? '',
    phase: root.status?.phase ?? 'Pending',
    seconds: Math.max(0, Math.round(((end === undefined ? now : Date.parse(end)) - Date.parse(start)) / 1_000)),
    children: below(root)
      .map(run => buildTree(run, runs, now))
      .sort((a, b) => (a.repository < b.repository ? -1 : 1)),
  };
}

const SIGNS: Record<string, string> = {
  Succeeded: '✓',
  Failed: '✗',
  TimedOut: '⧖',
  Canceled: '⊘',
  Running: '●',
  Waiting: '◐',
  Queued: '…',
  Pending: '…',
};

/** One line a run, such as `├─ ✓ acme/app-one integrate  Succeeded  4 s`. */
export function renderTree(node: TreeNode, prefix = '', branch = ''): string[] {
  const line = `${prefix}${branch}${SIGNS[node.phase] ?? '?'} ${node.repository} ${node.workflow}  ${node.phase}  ${node.seconds} s`;
  const indent = branch === '' ? '' : branch === '└─ ' ? '   ' : '│  ';
  return [
    line,
    ...node.children.flatMap((child, index) =>
      renderTree(child, prefix + indent, index === node.children.length - 1 ? '└─ ' : '├─ '),
    ),
  ];
}

export function isFinished(run: LiveRun | undefined): run is LiveRun {
  return isTerminal(run?.status?.phase);
}
