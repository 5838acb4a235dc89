import { z } from 'zod';

/** A CEL rule of a CRD schema. `message` is what `kubectl apply` prints, so it says what to do. */
export interface ValidationRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/** Puts CEL rules on a schema; the generator copies them into the CRD. */
export function rules(...list: ValidationRule[]): Record<string, unknown> {
  return { 'x-kubernetes-validations': list };
}

/** Makes server-side apply merge a list by `keys` instead of replacing it. */
export function listMap(...keys: string[]): Record<string, unknown> {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
}

const DNS_SUBDOMAIN = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$';

/** Name of another object of the namespace (RFC 1123 subdomain). */
export function objectName(description: string) {
  return z.string().min(1).max(253).regex(new RegExp(DNS_SUBDOMAIN)).describe(description);
}

/** A span of time as Go writes it, such as `90s` or `1h30m`. */
export function duration(description: string) {
  return z
    .string()
    .max(32)
    .regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/)
    .describe(`${description} A duration such as 90s, 30m or 1h30m.`);
}

/** A point in time, RFC 3339 with second precision, as metav1.Time. */
export function time(description: string) {
  return z.iso.datetime().describe(description);
}

/** A count that is never negative. */
export function count(description: string) {
  return z.int().min(0).max(2_147_483_647).describe(description);
}

/** A whole object of another API that is handed through; the API server that owns its type checks it when it is used. */
export function foreignObject(description: string) {
  return z
    .record(z.string(), z.unknown())
    .meta({ 'x-kubernetes-preserve-unknown-fields': true, passThrough: true })
    .describe(description);
}

export function stringMap(description: string, maxValue = 4096, maxEntries = 64) {
  return z.record(z.string(), z.string().max(maxValue)).meta({ maxProperties: maxEntries }).describe(description);
}

export const conditionSchema = z
  .object({
    type: z
      .string()
      .min(1)
      .max(316)
      .describe(
        'Type of the condition: Ready, Reconciling or Stalled. A warning has one of its own, such as DeepTree.',
      ),
    status: z.enum(['True', 'False', 'Unknown']).describe('True, False or Unknown.'),
    observedGeneration: z.int().min(0).optional().describe('The metadata.generation that the condition was set for.'),
    lastTransitionTime: time('When the status last changed.'),
    reason: z
      .string()
      .min(1)
      .max(1024)
      .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
      .describe('A CamelCase word for programs.'),
    message: z.string().max(32_768).describe('What happened and what to do, for people.'),
  })
  .describe('One aspect of the state of the object, as metav1.Condition.');

export type Condition = z.infer<typeof conditionSchema>;

export const conditionsSchema = z
  .array(conditionSchema)
  .max(16)
  .meta(listMap('type'))
  .describe('The state in the terms of kstatus: Ready, Reconciling and Stalled.');

export const resourcesSchema = z
  .object({
    requests: stringMap('Requested amounts by resource name, such as cpu and memory.', 64, 16).optional(),
    limits: stringMap('Upper limits by resource name.', 64, 16).optional(),
  })
  .describe('Compute resources, as in a container of a Pod.');

export const workspaceSchema = z
  .object({
    emptyDir: z
      .object({
        sizeLimit: z
          .string()
          .max(32)
          .optional()
          .describe('How much the workspace may hold, such as 2Gi. Default 10Gi.'),
        medium: z.enum(['', 'Memory']).optional().describe('Memory for a tmpfs; the default is the disk of the node.'),
      })
      .optional()
      .describe("The node's own disk (the default)."),
    volumeClaimTemplate: foreignObject(
      'metadata and spec of a PersistentVolumeClaim. The workspace is then a generic ephemeral volume: the claim is owned by the Pod and goes with it.',
    ).optional(),
    retain: z
      .object({
        policy: z
          .enum(['Never', 'OnFailure'])
          .describe(
            'OnFailure: when a step fails or the time is up, the step containers stay, with the workspace as it is, for kubectl exec. Never is the default.',
          ),
        duration: duration('How long they stay, 24h at most. Default 1h.').optional(),
      })
      .meta(
        rules({
          rule: "!has(self.duration) || (duration(self.duration) >= duration('1s') && duration(self.duration) <= duration('24h'))",
          message: 'a workspace is retained for 1s to 24h',
          fieldPath: '.duration',
        }),
      )
      .optional()
      .describe(
        'Keeps the workspace of a failed run for a while. The operator bounds how many are kept in a namespace (TAKO_RETAINED_PER_NAMESPACE). Of a run of a workflow: an event leaves it to the repositories of its children.',
      ),
  })
  .meta(
    rules({
      rule: '!(has(self.emptyDir) && has(self.volumeClaimTemplate))',
      message: 'a workspace is either an emptyDir or a volumeClaimTemplate, not both',
    }),
  )
  .describe('The volume in which a run works. It belongs to the Pod and is gone with it.');

export const retrySchema = z
  .object({
    limit: z
      .int()
      .min(0)
      .max(10)
      .optional()
      .describe('How many further attempts there may be. Default 3, for transient causes only.'),
    backoff: z
      .object({
        initial: duration('Wait before the second attempt. Default 1s.').optional(),
        maximum: duration('Longest wait. Default 5m.').optional(),
      })
      .optional()
      .describe('How the wait between attempts grows (it doubles).'),
    onWorkflowFailure: z
      .boolean()
      .optional()
      .describe('Also retry when a step exits non-zero. Off by default: a failed test is a result.'),
  })
  .describe('Retries of a Pod. Steps run at least once: make them safe to repeat.');

export type RetrySpec = z.infer<typeof retrySchema>;
