import type { TakoRepositorySpec } from '../api/takorepository.ts';
import type { Subscriber } from './subscribers.ts';

/** Where an event comes from. */
export interface EmitterNamespace {
  readonly name: string;
  /** Labels of the Namespace object; needed for `from: Selector`. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

type LabelSelector = NonNullable<NonNullable<TakoRepositorySpec['acceptEvents']>['namespaces']['selector']>;
type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];

/** Whether a subscriber takes events of a namespace. Its own it always takes; others only when it says so. */
export function accepts(
  subscriber: Pick<Subscriber, 'namespace' | 'acceptEvents'>,
  emitter: EmitterNamespace,
): boolean {
  if (subscriber.namespace === emitter.name) return true;
  const namespaces = subscriber.acceptEvents?.namespaces;
  switch (namespaces?.from) {
    case undefined:
    case 'Same':
      return false;
    case 'All':
      return true;
    case 'Selector':
      return namespaces?.selector !== undefined && matchesSelector(namespaces.selector, emitter.labels ?? {});
  }
}

/** A Kubernetes label selector: everything in it must hold; an empty one selects all. */
export function matchesSelector(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    matchExpressions.every(requirement => holds(requirement, labelOf(labels, requirement.key)))
  );
}

function holds({ operator, values = [] }: Requirement, label: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return label !== undefined && values.includes(label);
    case 'NotIn':
      return label === undefined || !values.includes(label);
    case 'Exists':
      return label !== undefined;
    case 'DoesNotExist':
      return label === undefined;
  }
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
