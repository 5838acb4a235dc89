import type { TakoRepository } from '../../../src/api/resources.ts';
import type { RepositoryReader } from '../../../src/controllers/repository/reader.ts';
import { COMMIT, repository, takoFile } from '../../../src/controllers/run/testing/builders.ts';

/** How a workflow of these repositories looks: whether it ends with a fan-out. */
interface Described {
  readonly name: string;
  readonly emits?: string;
  /** Repositories whose artifact `core` it listens to, with the event's type. */
  readonly listens: readonly { readonly to: string; readonly event: string }[];
}

/** `library` is the root, `service` listens to it and emits, the apps listen to one or both: trees of two levels below the root. */
const REPOSITORIES: readonly Described[] = [
  { name: 'library', emits: 'library_built', listens: [] },
  { name: 'service', emits: 'service_built', listens: [{ to: 'library', event: 'library_built' }] },
  { name: 'app-one', listens: [{ to: 'library', event: 'library_built' }] },
  {
    name: 'app-two',
    listens: [
      { to: 'library', event: 'library_built' },
      { to: 'service', event: 'service_built' },
    ],
  },
  { name: 'app-three', listens: [{ to: 'service', event: 'service_built' }] },
];

/** The one workflow that each of them has. */
export const WORKFLOW = 'ci';
/** The step that emits, where there is one: the last. */
export const STEP = 'emit';

/** The event that runs of a repository emit; undefined for those that do not. */
export function emitted(name: string): string | undefined {
  return REPOSITORIES.find(described => described.name === name)?.emits;
}

/** The TakoRepositories, all read and ready. */
export const repositories: readonly TakoRepository[] = REPOSITORIES.map(
  ({ name, listens }) =>
    repository({
      name,
      status: {
        slug: `acme/${name}`,
        revision: COMMIT,
        artifacts: ['core'],
        workflows: [{ name: WORKFLOW }],
        subscriptions: listens.map(({ to, event }, index) => ({
          index,
          source: `acme/${to}:core`,
          events: [event],
          workflow: WORKFLOW,
        })),
      },
    }) as TakoRepository,
);

const files = new Map(
  REPOSITORIES.map(({ name, emits }) => {
    const step =
      emits === undefined ? './test.sh' : `{id: ${STEP}, uses: tako/fan-out@v1, with: {event_type: ${emits}}}`;
    return [name, takoFile(`version: 0.1.0\nworkflows:\n  ${WORKFLOW}:\n    steps:\n      - ${step}\n`)];
  }),
);

/** Knows the workflow files of these repositories without Git. */
export const reader: RepositoryReader = {
  checkUrl: () => Promise.reject(new Error('nobody asks for it')),
  resolveRef: async () => ({ commit: COMMIT }),
  lastResolved: async () => ({ commit: COMMIT }),
  loadWorkflowFile: async ({ repository: { url } }) => {
    const file = files.get(/([^/]+)\.git$/.exec(url)?.[1] ?? '')!;
    return { file, digest: 'd'.repeat(64), notes: [] };
  },
};
