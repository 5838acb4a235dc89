import { z } from 'zod';
import {
  conditionsSchema,
  count,
  duration,
  foreignObject,
  listMap,
  objectName,
  resourcesSchema,
  retrySchema,
  rules,
  stringMap,
  time,
  workspaceSchema,
} from './common.ts';

const refSchema = z
  .object({
    branch: z.string().min(1).max(255).optional().describe('Head of this branch.'),
    tag: z.string().min(1).max(255).optional().describe('This tag.'),
    commit: z
      .string()
      .regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/)
      .optional()
      .describe('This commit, its full hexadecimal name.'),
  })
  .meta(
    rules(
      {
        rule: '[has(self.branch), has(self.tag), has(self.commit)].filter(x, x).size() <= 1',
        message: 'give one of branch, tag and commit',
      },
      {
        rule: '[has(self.branch) ? self.branch : "", has(self.tag) ? self.tag : ""].all(r, !r.startsWith("-") && !r.contains("..") && !r.matches("[ ~^:?*\\\\[\\\\\\\\]"))',
        message: 'branch and tag must be valid Git reference names',
      },
    ),
  )
  .describe("What to follow. Without it, the remote's default branch.");

const secretMappingSchema = z.object({
  name: z
    .string()
    .max(128)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
    .describe('The name that tako.yml uses.'),
  secretKeyRef: z
    .object({
      name: objectName('Name of the Secret, in this namespace.'),
      key: z.string().min(1).max(253).describe('Key in the Secret.'),
    })
    .describe('Where the value is.'),
});

const labelSelectorSchema = z
  .object({
    matchLabels: stringMap('Labels that must all be present.', 63).optional(),
    matchExpressions: z
      .array(
        z.object({
          key: z.string().min(1).max(317).describe('Label key.'),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the values are compared.'),
          values: z.array(z.string().max(63)).max(32).optional().describe('Values for In and NotIn.'),
        }),
      )
      .max(16)
      .optional()
      .describe('Requirements that must all hold.'),
  })
  .describe('A label selector.');

const volumeSchema = z.object({
  name: z.string().min(1).max(63).describe('The name that a step uses as volumes[].source.'),
  volume: foreignObject('A volume source as in a Pod, such as {configMap: {name: x}}. hostPath is refused.'),
});

export const runTemplateSchema = z
  .object({
    serviceAccountName: objectName(
      'Service account of the Pods. Default: default. No token is mounted into steps.',
    ).optional(),
    nodeSelector: stringMap('Node labels that the Pods need.', 63).optional(),
    affinity: foreignObject('Affinity, as in a Pod.').optional(),
    tolerations: z.array(foreignObject('A toleration, as in a Pod.')).max(32).optional().describe('Tolerations.'),
    priorityClassName: objectName('Priority class of the Pods.').optional(),
    runtimeClassName: objectName('Runtime class of the Pods.').optional(),
    imagePullSecrets: z
      .array(z.object({ name: objectName('Name of the Secret.') }))
      .max(16)
      .meta(listMap('name'))
      .optional()
      .describe('Secrets to pull step images with.'),
    labels: stringMap(
      'Extra labels for the Pods. Labels below tako.dev/ and app.kubernetes.io/ are kept for Tako.',
      63,
    ).optional(),
    annotations: stringMap('Extra annotations for the Pods.').optional(),
    resources: resourcesSchema.optional(),
    workspace: workspaceSchema.optional(),
    timeout: duration('Default time limit of a run. Default 1h.').optional(),
    retry: retrySchema.optional(),
    volumes: z
      .array(volumeSchema)
      .max(16)
      .meta(listMap('name'))
      .optional()
      .describe('Volumes that steps may mount by name; others are refused.'),
  })
  .describe('How Pods of this repository look.');

const safePath = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;

export const takoRepositorySpecSchema = z
  .object({
    url: z
      .string()
      .min(8)
      .max(2048)
      .regex(/^(https?|ssh|file):\/\/[^\s\\]+$/)
      .meta(
        rules(
          {
            rule: "!self.matches('^[^/]+@[^/]+:')",
            message: 'write an address as ssh takes it, git@host:path, as a url: ssh://git@host/path',
          },
          {
            rule: "!self.matches('^https?://[^/]*@')",
            message: 'no credentials in the url: put them into a Secret and name it in secretRef',
          },
          { rule: "!self.matches('(^|/)[.][.](/|$)')", message: 'the url may not contain a ".." segment' },
          {
            rule: "!self.matches('%(2[eEfF]|5[cC]|00)')",
            message: 'the url may not contain encoded slashes, dots or NUL',
          },
          { rule: "!self.matches('[?#]')", message: 'the url may not have a query or a fragment' },
        ),
      )
      .describe(
        'Where the Git repository is: https://, http:// or ssh://. file:// only below a root that the operator allows.',
      ),
    ref: refSchema.optional(),
    slug: z
      .string()
      .max(255)
      .regex(/^[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+$/)
      .meta(
        rules({
          rule: "!self.matches('(^|/)[.][.]?(/|$)')",
          message: 'a slug is owner/repo; neither part may be "." or ".."',
        }),
      )
      .optional()
      .describe("The name owner/repo that events carry. Default: the url's last two segments."),
    path: z
      .string()
      .max(1024)
      .regex(safePath)
      .meta(
        rules({ rule: "!self.matches('(^|/)[.][.]?(/|$)')", message: 'the path may not contain "." or ".." segments' }),
      )
      .default('tako.yml')
      .describe('The workflow file inside the repository.'),
    interval: duration('How often the reference is looked up; less than 10s is taken as 10s.').default('5m'),
    suspend: z.boolean().optional().describe('Stops looking for changes and takes no part in fan-outs.'),
    secretRef: z
      .object({ name: objectName('Name of the Secret.') })
      .optional()
      .describe(
        'Git credentials: username and password (or password alone, a token) for http; identity and known_hosts for ssh.',
      ),
    secrets: z
      .array(secretMappingSchema)
      .max(64)
      .meta(listMap('name'))
      .optional()
      .describe('The secrets that workflows of this repository may name.'),
    acceptEvents: z
      .object({
        namespaces: z
          .object({
            from: z
              .enum(['Same', 'All', 'Selector'])
              .default('Same')
              .describe('Same: only this namespace. Selector: by labels of the namespace.'),
            selector: labelSelectorSchema.optional(),
          })
          .meta(
            rules({
              rule: "self.from == 'Selector' ? has(self.selector) : !has(self.selector)",
              message: 'selector goes with from: Selector, and only with it',
            }),
          )
          .describe('The namespaces whose events may start runs here.'),
      })
      .optional()
      .describe('Who may trigger this repository. Default: its own namespace only.'),
    triggers: z
      .array(
        z.object({
          workflow: z.string().min(1).max(128).describe('The workflow to run.'),
          inputs: stringMap('Its inputs.', 16_384).optional(),
        }),
      )
      .max(16)
      .meta(listMap('workflow'))
      .optional()
      .describe('Workflows to run whenever the revision changes. The run is named by the commit.'),
    concurrencyLimit: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .describe(
        'How many runs of this repository may have a Pod at once; others are Queued. Runs that wait for children do not count. Default: TAKO_REPOSITORY_CONCURRENCY of the operator, or no limit.',
      ),
    runTemplate: runTemplateSchema.optional(),
  })
  .describe('What the repository is and how its runs look.');

const inputSummarySchema = z.object({
  name: z.string().max(128).describe('Name of the input.'),
  type: z.string().max(16).describe('string, number or boolean.'),
  required: z.boolean().optional().describe('Whether a run must give it.'),
  default: z.string().max(16_384).optional().describe('What it is when a run does not give it.'),
  description: z.string().max(1024).optional().describe('What it is for.'),
});

const breakerSchema = z.object({
  workflow: z.string().max(128).describe('Name of the workflow.'),
  state: z
    .enum(['Closed', 'Open', 'HalfOpen'])
    .describe(
      'Open: its runs are refused, since the last ones could not be executed. HalfOpen: a few are tried. Closed: all is well again.',
    ),
  lastTransitionTime: time('When it came into that state.'),
  failures: count('Runs in a row that could not be executed, when it opened.').optional(),
  message: z.string().max(512).optional().describe('What the last of them said.'),
  retryTime: time('Of an open one: when runs are tried again.').optional(),
});

export const takoRepositoryStatusSchema = z
  .object({
    observedGeneration: z.int().min(0).optional().describe('The generation that the status speaks of.'),
    conditions: conditionsSchema.optional(),
    slug: z.string().max(255).optional().describe('The name owner/repo in force.'),
    revision: z.string().max(64).optional().describe('The commit whose tako.yml is in force.'),
    observedRevision: z
      .string()
      .max(64)
      .optional()
      .describe('The commit that was looked at last; differs from revision while its tako.yml is broken.'),
    configDigest: z.string().max(64).optional().describe('SHA-256 of the tako.yml in force.'),
    lastFetchTime: time('When the reference was last resolved.').optional(),
    lastHandledReconcileAt: z
      .string()
      .max(1024)
      .optional()
      .describe('Value of the annotation reconcile.tako.dev/requestedAt that was handled last.'),
    artifacts: z
      .array(z.string().max(128))
      .max(256)
      .optional()
      .describe('Artifacts that the repository can emit events for.'),
    workflows: z
      .array(
        z.object({
          name: z.string().max(128).describe('Name of the workflow.'),
          inputs: z.array(inputSummarySchema).max(64).optional().describe('What it takes.'),
        }),
      )
      .max(256)
      .optional()
      .describe('Workflows that a run can name.'),
    subscriptions: z
      .array(
        z.object({
          index: count('Position in the file, from 0.'),
          source: z.string().max(512).describe('The artifact that is listened to, owner/repo:artifact.'),
          events: z.array(z.string().max(256)).max(64).describe('Event types.'),
          schemaVersion: z.string().max(256).optional().describe('Accepted schema versions.'),
          filters: z.array(z.string().max(4096)).max(32).optional().describe('CEL expressions that must all hold.'),
          workflow: z.string().max(128).describe('The workflow that runs.'),
          inputs: stringMap('Inputs, as templates.', 16_384).optional(),
        }),
      )
      .max(256)
      .optional()
      .describe('What the repository listens to.'),
    breakers: z
      .array(breakerSchema)
      .max(256)
      .meta(listMap('workflow'))
      .optional()
      .describe('Breakers of workflows, as of their last transition. One that has never been open is not listed.'),
    notes: z.array(z.string().max(1024)).max(32).optional().describe('Remarks on the file that are no errors.'),
  })
  .describe('What was found in the repository.');

export type TakoRepositorySpec = z.infer<typeof takoRepositorySpecSchema>;
export type TakoRepositoryStatus = z.infer<typeof takoRepositoryStatusSchema>;
export type BreakerStatus = z.infer<typeof breakerSchema>;
export type SubscriptionStatus = NonNullable<TakoRepositoryStatus['subscriptions']>[number];
