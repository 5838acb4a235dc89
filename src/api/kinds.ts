import type { KindDefinition } from './crd.ts';
import { TAKO_RUN_STATUS_EXAMPLES } from './examples.ts';
import { GROUP, VERSION } from './meta.ts';
import { takoRepositorySpecSchema, takoRepositoryStatusSchema } from './takorepository.ts';
import { takoRunSpecSchema } from './takorun.ts';
import { takoRunStatusSchema } from './takorun-status.ts';

export const takoRunKind: KindDefinition = {
  group: GROUP,
  version: VERSION,
  kind: 'TakoRun',
  plural: 'takoruns',
  singular: 'takorun',
  shortNames: ['trun'],
  description:
    'A TakoRun is one run: of a workflow of a repository, in a Pod of its own, or of an event, which becomes a child run for every repository that subscribes to it.',
  spec: takoRunSpecSchema,
  status: takoRunStatusSchema,
  statusExamples: TAKO_RUN_STATUS_EXAMPLES,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the run stands.' },
    { name: 'Children', type: 'string', jsonPath: '.status.children', description: 'Finished and all children.' },
    {
      name: 'Workflow',
      type: 'string',
      jsonPath: '.spec.workflow.name',
      description: 'The workflow that runs.',
      priority: 1,
    },
    {
      name: 'Event',
      type: 'string',
      jsonPath: '.spec.event.type',
      description: 'The event that is fanned out.',
      priority: 1,
    },
    {
      name: 'Revision',
      type: 'string',
      jsonPath: '.status.revision',
      description: 'The commit of the run.',
      priority: 1,
    },
    { name: 'Message', type: 'string', jsonPath: '.status.message', description: 'What happened.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'How long ago it was created.' },
  ],
};

export const takoRepositoryKind: KindDefinition = {
  group: GROUP,
  version: VERSION,
  kind: 'TakoRepository',
  plural: 'takorepositories',
  singular: 'takorepository',
  shortNames: ['trepo'],
  description:
    'A TakoRepository is a Git repository that takes part: its tako.yml says which workflows it can run and which events it listens to.',
  spec: takoRepositorySpecSchema,
  status: takoRepositoryStatusSchema,
  columns: [
    { name: 'Slug', type: 'string', jsonPath: '.status.slug', description: 'The name in events.' },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether it can take part.',
    },
    {
      name: 'Revision',
      type: 'string',
      jsonPath: '.status.revision',
      description: 'The commit in force.',
      priority: 1,
    },
    {
      name: 'Status',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      description: 'What was found.',
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'How long ago it was created.' },
  ],
};
