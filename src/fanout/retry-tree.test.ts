import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANNOTATIONS } from '../api/meta.ts';
import { isTerminal, type Phase, type TakoRunStatus } from '../api/takorun-status.ts';
import { eventCompletion } from './completion.ts';
import type { RunObject } from './objects.ts';
import { isDue, isDueElsewhere, type RetryRequest, retryKind, retryRequest } from './retry-tree.ts';
import { childState, summarise, treeSummary } from './summary.ts';
import { buildEventRun, buildWorkflowRun } from './testing/builders.ts';

const T = '2026-01-02T00:00:00Z';
const NOW = Date.parse('2026-01-02T00:00:05Z');
const nobody = () => [];

const failedSummary = { total: 1, completed: 0, failed: 1, timedOut: 0, canceled: 0, running: 0, pending: 0 };
const goodSteps = [{ id: 'emit', phase: 'Succeeded' as const }];
/** Its steps ended well, and what it waited for failed. */
const waited: TakoRunStatus = {
  phase: 'Failed',
  steps: goodSteps,
  childrenSummary: failedSummary,
  treeSummary: { ...failedSummary, depth: 1 },
};

describe('what a retry does with a run', () => {
  it.each<[string, RunObject, string]>([
    ['that goes on', buildWorkflowRun({ status: { phase: 'Running' } }), 'none'],
    ['without a status', buildWorkflowRun(), 'none'],
    ['that succeeded', buildWorkflowRun({ status: { phase: 'Succeeded' } }), 'none'],
    [
      'whose step failed',
      buildWorkflowRun({ status: { phase: 'Failed', steps: [{ id: 'a', phase: 'Failed' }] } }),
      'again',
    ],
    ['that never started', buildWorkflowRun({ status: { phase: 'Failed' } }), 'again'],
    ['that ran out of time', buildWorkflowRun({ status: { phase: 'TimedOut' } }), 'again'],
    ['whose children failed', buildWorkflowRun({ status: waited }), 'below'],
    ['whose children ran out of time', buildWorkflowRun({ status: { ...waited, phase: 'TimedOut' } }), 'below'],
    [
      'that failed with good steps and nothing below',
      buildWorkflowRun({ status: { phase: 'Failed', steps: goodSteps } }),
      'again',
    ],
    ['that did not wait for what failed', buildWorkflowRun({ status: { ...waited, phase: 'Succeeded' } }), 'below'],
    [
      'that was canceled by a person',
      buildWorkflowRun({ spec: { cancel: true }, status: { phase: 'Canceled' } }),
      'none',
    ],
    ['that was canceled as its parent had gone', buildWorkflowRun({ status: { phase: 'Canceled' } }), 'again'],
    ['that was a dry run', buildEventRun({ spec: { dryRun: true }, status: { phase: 'Failed' } }), 'none'],
    ['of an event that never went out', buildEventRun({ status: { phase: 'Failed' } }), 'again'],
    [
      'of an event whose children failed',
      buildEventRun({ status: { phase: 'Failed', fanOut: { expanded: true } } }),
      'below',
    ],
  ])('given a run %s, then %s', (_, run, kind) => {
    expect(retryKind(run)).toBe(kind);
  });
});

function annotated(run: RunObject, annotations: Record<string, string>): RunObject {
  return { ...run, metadata: { ...run.metadata, annotations } };
}
const asks = (run: RunObject, retryAt = T, only?: string) =>
  annotated(run, { [ANNOTATIONS.retryAt]: retryAt, ...(only !== undefined && { [ANNOTATIONS.retryOnly]: only }) });
const failedLeaf = (name: string, options = {}) =>
  buildWorkflowRun({ name, status: { phase: 'Failed', repository: `acme/${name}` }, ...options });
const root = (only?: string, status: TakoRunStatus = {}) =>
  asks(buildEventRun({ status: { phase: 'Failed', fanOut: { expanded: true }, ...status } }), T, only);
const request = (run: RunObject, children: readonly RunObject[] = [], parent?: RunObject): RetryRequest =>
  retryRequest(run, {
    now: NOW,
    parent,
    below: ({ metadata }) => (metadata.name === run.metadata.name ? children : []),
  });

describe('the annotation of a run', () => {
  it('given none, one that was acted on, or a run that goes on, then there is nothing to do', () => {
    expect(request(failedLeaf('a'))).toEqual({ kind: 'none' });
    const echoed = { phase: 'Failed', retry: { requestedAt: T, message: 'm', count: 1 } } as const;
    expect(request(asks(failedLeaf('a', { status: { ...echoed } })))).toEqual({ kind: 'none' });
    expect(request(asks(buildWorkflowRun({ status: { phase: 'Running' } })))).toEqual({ kind: 'none' });
  });

  it('given a root whose steps failed, then it is repeated, and its attempts so far do not count', () => {
    const attempts = [3, 4].map(number => ({ number, podName: 'p', podUID: 'u' }));
    const before = { requestedAt: 'x', message: 'm', count: 2 };
    expect(request(asks(failedLeaf('a', { status: { phase: 'Failed', attempts, retry: before } })))).toEqual({
      kind: 'accepted',
      how: 'again',
      retry: {
        requestedAt: T,
        message: 'the run is repeated',
        count: 3,
        startTime: '2026-01-02T00:00:05Z',
        attempts: 4,
      },
    });
  });

  it.each(['', 'soon', '2026-01-02', '2026-13-02T00:00:00Z', '2026-01-02T00:00:00', 'x'.repeat(500)])(
    'given "%s", which is no time, then it is refused, and echoed so that it is refused once',
    text => {
      const refused = request(asks(failedLeaf('a'), text));
      expect(refused).toMatchObject({ kind: 'refused', retry: { requestedAt: text.slice(0, 64), count: 0 } });
      const retry = refused.kind === 'refused' ? refused.retry : undefined;
      expect(request(asks(failedLeaf('a', { status: { phase: 'Failed', retry } }), text))).toEqual({ kind: 'none' });
    },
  );

  it('given a run that succeeded, was canceled, or has nothing left below it, then it is refused, and the message says why', () => {
    const message = (run: RunObject, children: RunObject[] = []) => {
      const found = request(run, children);
      return found.kind === 'refused' ? found.retry.message : found.kind;
    };
    expect(message(asks(buildWorkflowRun({ status: { phase: 'Succeeded' } })))).toContain('nothing has failed');
    expect(message(asks(failedLeaf('a', { spec: { cancel: true } })))).toContain('cannot be taken back');
    expect(message(asks(failedLeaf('a', { status: { phase: 'Failed', duplicateOf: 'first' } })))).toContain(
      'result of first',
    );
    expect(message(root())).toContain('canceled or deleted');
    expect(message(root(), [failedLeaf('a', { spec: { cancel: true } })])).toContain('canceled or deleted');
    expect(message(root(), [failedLeaf('a')])).toBe('accepted');
  });

  it('given a child, then only the retry of its parent counts, and its deadline is the one that it was told', () => {
    const child = annotated(failedLeaf('a', { parent: {} }), {
      [ANNOTATIONS.retryAt]: T,
      [ANNOTATIONS.retryDeadline]: '2026-01-02T01:00:00Z',
    });
    const retry = { requestedAt: T, message: 'm', count: 1 };
    const parent = (changes: object) => root(undefined, { retry: { ...retry, ...changes } });
    expect(request(child, [], parent({}))).toMatchObject({ kind: 'refused' });
    expect(request(child)).toMatchObject({
      kind: 'refused',
      retry: { message: expect.stringContaining('annotate TakoRun root in namespace team') },
    });
    expect(request(child, [], parent({ startTime: T }))).toMatchObject({
      kind: 'accepted',
      how: 'again',
      retry: { deadline: '2026-01-02T01:00:00Z' },
    });
  });

  it('given a child that is a chosen branch, then all below it is meant; one on the way to it hands the choice on', () => {
    const retry = { requestedAt: T, message: 'm', count: 1, startTime: T, only: ['middle'] };
    const parent = root(undefined, { retry });
    const onWay = asks(buildWorkflowRun({ name: 'other', parent: {}, status: waited }));
    expect(request(onWay, [], parent)).toMatchObject({ how: 'below', retry: { only: ['middle'] } });
    const chosen = asks(buildWorkflowRun({ name: 'middle', parent: {}, status: waited }));
    expect(request(chosen, [], parent)).not.toHaveProperty('retry.only');
    // Whose own steps are repeated repeats what they start.
    expect(request(asks(failedLeaf('third', { parent: {} })), [], parent)).not.toHaveProperty('retry.only');
  });

  it('given a run that was repeated as often as the API can count, then it is refused', () => {
    const attempts = [{ number: 50, podName: 'p', podUID: 'u' }];
    expect(request(asks(failedLeaf('a', { status: { phase: 'Failed', attempts } })))).toMatchObject({
      kind: 'refused',
      retry: { message: expect.stringContaining('50 attempts') },
    });
  });

  it('given chosen branches, then names without a failed run in the tree are refused', () => {
    const children = [
      failedLeaf('a'),
      failedLeaf('b'),
      buildWorkflowRun({ name: 'c', status: { phase: 'Succeeded' } }),
    ];
    expect(request(root('a, acme/b,a,'), children)).toMatchObject({
      kind: 'accepted',
      how: 'below',
      retry: { only: ['a', 'acme/b'] },
    });
    expect(request(root('a,c,x'), children)).toMatchObject({
      kind: 'refused',
      retry: { message: expect.stringContaining('names c, x, where nothing failed') },
    });
    expect(request(root(Array.from({ length: 33 }, (_, index) => `n${index}`).join()), children)).toMatchObject({
      kind: 'refused',
      retry: { message: expect.stringContaining('at most 32') },
    });
    expect(request(root(' , '), children)).not.toHaveProperty('retry.only');
  });
});

describe('a child that is still to take a retry up', () => {
  const retry = { requestedAt: T, message: 'm', count: 1, startTime: '2026-01-02T00:00:05Z' };
  const ended = (completionTime: string) => failedLeaf('a', { status: { phase: 'Failed', completionTime } });

  it('given one that failed before it began, then it is due; given one that failed since, then that is its outcome', () => {
    expect(isDue(ended('2026-01-02T00:00:05Z'), retry, nobody)).toBe(true);
    expect(isDue(ended('2026-01-02T00:00:06Z'), retry, nobody)).toBe(false);
  });

  it('given no retry, one that was refused, or one that it took up, then it is not', () => {
    expect(isDue(failedLeaf('a'), undefined, nobody)).toBe(false);
    expect(isDue(failedLeaf('a'), { ...retry, startTime: undefined }, nobody)).toBe(false);
    expect(isDue(failedLeaf('a', { status: { phase: 'Failed', retry } }), retry, nobody)).toBe(false);
  });

  it('given chosen branches, then it is when it is one, or on the way to one that failed', () => {
    const middle = buildWorkflowRun({ name: 'middle', status: waited });
    const below = (run: RunObject) => (run === middle ? [failedLeaf('a')] : []);
    const only = (...names: string[]) => isDue(middle, { ...retry, only: names }, below);
    expect(only('middle')).toBe(true);
    expect(only('a')).toBe(true);
    expect(only('acme/a')).toBe(true);
    expect(only('b')).toBe(false);
  });
});

describe('a run that another event of the tree has started', () => {
  const retry = { requestedAt: T, message: 'm', count: 1, startTime: '2026-01-02T00:00:05Z' };
  const shared = failedLeaf('d', { status: { phase: 'Failed', completionTime: T, repository: 'acme/d' } });
  const top = (only?: string[]) =>
    buildWorkflowRun({ name: 'top', status: { ...waited, retry: { ...retry, ...(only && { only }) } } });
  const branch = (changes: Parameters<typeof buildWorkflowRun>[0] = {}) =>
    buildWorkflowRun({ name: 'b', status: { ...waited, repository: 'acme/b' }, ...changes });
  const isOpen = (above: readonly RunObject[], own: TakoRunStatus['retry'] = retry, run = shared) =>
    isDueElsewhere(run, above, own, nobody);

  it('given a retry of the whole tree, then it is due until it has taken it up', () => {
    expect(isOpen([branch(), top()])).toBe(true);
    expect(isOpen([branch({ status: { ...waited, phase: 'Waiting', retry } }), top()])).toBe(true);
    expect(isOpen([branch(), top()], retry, failedLeaf('d', { status: { phase: 'Failed', retry } }))).toBe(false);
  });

  it('given chosen branches, then it is due when it, or what is above it, is one', () => {
    expect(isOpen([branch(), top(['b'])])).toBe(true);
    expect(isOpen([branch(), top(['acme/b'])])).toBe(true);
    expect(isOpen([branch(), top(['acme/d'])])).toBe(true);
    expect(isOpen([branch(), top(['c'])])).toBe(false);
  });

  it('given a branch that does not take part, then nobody waits for it', () => {
    expect(isOpen([branch({ spec: { cancel: true } }), top()])).toBe(false);
    expect(isOpen([branch({ status: { ...waited, retry: { ...retry, startTime: undefined } } }), top()])).toBe(true);
    expect(isOpen([branch({ status: { phase: 'Succeeded' } }), top()])).toBe(false);
    expect(isOpen([])).toBe(false);
    expect(isOpen([branch(), top()], { ...retry, requestedAt: 'another' })).toBe(false);
  });
});

/** A run of a tree in memory, with its children, and whether its steps fail. */
interface Node {
  run: RunObject;
  fails: boolean;
  /** Of a workflow run: that of its fan-out in last position, when it has one. Of an event run: the workflow runs. */
  below: Node[];
  parent: Node | undefined;
  executions: number;
}

interface Shape {
  readonly fails: boolean;
  readonly children: readonly Shape[];
}
const { shape } = fc.letrec<{ shape: Shape }>(tie => ({
  shape: fc.record({
    fails: fc.boolean(),
    children: fc.oneof(
      { depthSize: 'small' },
      fc.constant<Shape[]>([]),
      fc.array(tie('shape'), { minLength: 1, maxLength: 4 }),
    ),
  }),
}));

/** Trees whose controllers work in any order: each looks at a run, its children and its parent, as the real ones do. */
function plant(top: Shape) {
  let made = 0;
  const nodes: Node[] = [];
  function workflowNode({ fails, children }: Shape, parent: Node | undefined): Node {
    made += 1;
    const run = buildWorkflowRun({ name: `run-${made}`, ...(parent && { parent: {} }) });
    const node: Node = { run, fails, below: [], parent, executions: 0 };
    nodes.push(node);
    if (children.length > 0) {
      const event: Node = {
        run: buildEventRun({ name: `event-${made}`, parent: {} }),
        fails: false,
        below: [],
        parent: node,
        executions: 0,
      };
      node.below.push(event);
      nodes.push(event);
      event.below = children.map(child => workflowNode(child, event));
    }
    return node;
  }
  const rootNode = workflowNode(top, undefined);
  /** A run creates those below it when it comes to wait for them. */
  const exists = ({ parent }: Node): boolean =>
    parent === undefined || parent.run.status?.childrenSummary !== undefined;
  const existing = (node: Node) => node.below.filter(exists);
  const find = (run: RunObject) => nodes.find(({ run: { metadata } }) => metadata.name === run.metadata.name)!;
  const below = (run: RunObject) => existing(find(run)).map(child => child.run);
  let clock = Date.parse('2026-01-01T00:00:00Z');

  function set(node: Node, status: TakoRunStatus): void {
    node.run = { ...node.run, status };
  }
  const end = (node: Node, phase: Phase, more: TakoRunStatus = {}): void =>
    set(node, { ...node.run.status, ...more, phase, completionTime: new Date(clock).toISOString() });

  /** One look of a run's controller; true when it changed something. */
  function reconcile(node: Node): boolean {
    const before = JSON.stringify(nodes.map(({ run }) => run));
    const { status } = node.run;
    const asked = retryRequest(node.run, { parent: node.parent?.run, below, now: clock });
    if (asked.kind === 'refused') set(node, { ...status, retry: asked.retry });
    else if (asked.kind === 'accepted') {
      const { completionTime: _, ...rest } = status ?? {};
      const phase = asked.how === 'again' ? 'Pending' : 'Waiting';
      set(node, { ...rest, retry: asked.retry, phase: status?.phase === 'Succeeded' ? 'Succeeded' : phase });
    } else if (!isTerminal(status?.phase)) progress(node);
    tell(node);
    return JSON.stringify(nodes.map(({ run }) => run)) !== before;
  }

  function tell(node: Node): void {
    const { run } = node;
    if (run.spec.event === undefined && run.status?.phase === 'Pending') return;
    for (const child of existing(node))
      if (isDue(child.run, run.status?.retry, below))
        child.run = annotated(child.run, { [ANNOTATIONS.retryAt]: run.status!.retry!.requestedAt });
  }

  function progress(node: Node): void {
    const { run } = node;
    const children = existing(node);
    if (run.spec.event === undefined && run.status?.phase !== 'Waiting') {
      node.executions += 1;
      const steps = [{ id: 'main', phase: node.fails ? ('Failed' as const) : ('Succeeded' as const) }];
      if (node.fails) end(node, 'Failed', { steps });
      else if (node.below.length === 0) end(node, 'Succeeded', { steps });
      else set(node, { ...run.status, phase: 'Waiting', steps, childrenSummary: summarise([]) });
      return;
    }
    if (run.spec.event !== undefined && children.length === 0) {
      set(node, { ...run.status, phase: 'Waiting', fanOut: { expanded: true }, childrenSummary: summarise([]) });
      return;
    }
    const states = children.map(child => {
      const state = childState(child.run);
      return isDue(child.run, run.status?.retry, below) ? { ...state, phase: 'Pending' as const } : state;
    });
    const numbers = { childrenSummary: summarise(states), treeSummary: treeSummary(states) };
    const completion = eventCompletion({
      type: 't',
      source: 's',
      waitForChildren: true,
      expanded: true,
      summary: numbers.childrenSummary,
      errors: [],
      cancel: false,
      now: clock,
    });
    const fanOut = run.spec.event === undefined ? {} : { fanOut: { expanded: true } };
    if (completion.state === 'ended') end(node, completion.phase, { ...numbers, ...fanOut });
    else set(node, { ...run.status, ...numbers, ...fanOut, phase: 'Waiting' });
  }

  return {
    nodes,
    root: rootNode,
    below,
    /** Until nothing changes, the runs in an order that `random` decides (0 to 1). */
    settle(random: () => number): void {
      for (;;) {
        clock += 60_000;
        const order = nodes
          .filter(exists)
          .map(node => ({ node, at: random() }))
          .toSorted((one, other) => one.at - other.at);
        if (order.filter(({ node }) => reconcile(node)).length === 0) return;
      }
    },
    ask(value: string): void {
      rootNode.run = asks(rootNode.run, value);
    },
    state: () => JSON.stringify(nodes.map(({ run, executions }) => [run, executions])),
  };
}

const failures = (nodes: readonly Node[]) => nodes.filter(({ fails }) => fails);

describe('property: the retry of any tree, whatever the order in which its controllers look', () => {
  const orders = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 50 });
  const randomOf = (numbers: readonly number[]) => {
    let at = 0;
    return () => numbers[at++ % numbers.length]!;
  };

  it('given that everything was put right, then what failed is repeated once, nothing else is, and the tree succeeds', () => {
    fc.assert(
      fc.property(shape, orders, (top, order) => {
        const tree = plant(top);
        tree.settle(randomOf(order));
        const failed = new Set(failures(tree.nodes).filter(({ executions }) => executions > 0));
        const before = new Map(tree.nodes.map(node => [node, node.executions]));
        for (const node of tree.nodes) node.fails = false;
        tree.ask(T);
        tree.settle(randomOf(order));
        for (const node of tree.nodes) {
          // What was below a run that failed ran for the first time.
          const expected = before.get(node)! + Number(failed.has(node)) || 1;
          if (node.run.spec.event === undefined) expect(node.executions).toBe(expected);
          expect(node.run.status?.phase).toBe('Succeeded');
        }
      }),
    );
  });

  it('given that nothing was put right, then each failed run fails once more, and the numbers are those of the children', () => {
    fc.assert(
      fc.property(shape, orders, (top, order) => {
        const tree = plant(top);
        tree.settle(randomOf(order));
        const phases = tree.nodes.map(({ run }) => run.status?.phase);
        const before = tree.nodes.map(({ executions }) => executions);
        tree.ask(T);
        tree.settle(randomOf(order));
        expect(tree.nodes.map(({ run }) => run.status?.phase)).toEqual(phases);
        for (const [index, node] of tree.nodes.entries()) {
          expect(node.executions).toBe(before[index]! + Number(node.fails && before[index]! > 0));
          const { childrenSummary } = node.run.status ?? {};
          if (childrenSummary !== undefined)
            expect(childrenSummary).toEqual(summarise(node.below.map(({ run }) => childState(run))));
        }
      }),
    );
  });

  it('given the same value twice, then the second time changes nothing', () => {
    fc.assert(
      fc.property(shape, orders, (top, order) => {
        const tree = plant(top);
        tree.settle(randomOf(order));
        tree.ask(T);
        tree.settle(randomOf(order));
        const settled = tree.state();
        tree.ask(T);
        tree.settle(randomOf(order));
        expect(tree.state()).toBe(settled);
      }),
    );
  });

  it('given one chosen run, then of all others only those above it go on, and none of them is repeated', () => {
    fc.assert(
      fc.property(shape, orders, fc.nat(), (top, order, pick) => {
        const tree = plant(top);
        tree.settle(randomOf(order));
        const failed = failures(tree.nodes).filter(({ executions, parent }) => executions > 0 && parent !== undefined);
        fc.pre(failed.length > 0);
        const chosen = failed[pick % failed.length]!;
        const before = new Map(tree.nodes.map(node => [node, node.executions]));
        tree.root.run = asks(tree.root.run, T, chosen.run.metadata.name);
        tree.settle(randomOf(order));
        for (const node of tree.nodes) expect(node.executions - before.get(node)!).toBe(node === chosen ? 1 : 0);
      }),
    );
  });
});
