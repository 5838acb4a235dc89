import { z } from 'zod';

/** A JSON schema as Kubernetes takes it (a structural schema). */
export interface StructuralSchema {
  type?: string;
  description?: string;
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema | boolean;
  items?: StructuralSchema;
  required?: string[];
  [key: string]: unknown;
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'boolean';
  readonly jsonPath: string;
  readonly description: string;
  /** 0 columns are always shown, others with `-o wide`. */
  readonly priority?: number;
}

export interface KindDefinition {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  /** Statuses for the reference; of each field the first value is shown. */
  readonly statusExamples?: readonly object[];
  readonly columns: readonly PrinterColumn[];
}

/**
 * Translates a zod schema into a structural schema.
 *
 * Kubernetes takes only a part of JSON schema: no `$schema`, no `additionalProperties` beside `properties`, no exclusive
 * bounds, no `anyOf` with types, and integers need a bound that fits. Whatever zod writes beyond that is dropped here;
 * rules that a schema cannot say stand as CEL rules in its metadata.
 */
export function toStructuralSchema(schema: z.ZodType): StructuralSchema {
  const json = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' });
  return clean(json as StructuralSchema);
}

const DROPPED = new Set(['$schema', 'id', 'passThrough', 'propertyNames', 'exclusiveMinimum', 'exclusiveMaximum']);

function clean(schema: StructuralSchema): StructuralSchema {
  const result: StructuralSchema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!DROPPED.has(key)) result[key] = value;
  }
  if (schema.passThrough === true) {
    delete result.additionalProperties;
    return result;
  }
  if (result.properties) {
    delete result.additionalProperties;
    result.properties = Object.fromEntries(
      Object.entries(result.properties).map(([name, property]) => [name, clean(property)]),
    );
  }
  if (result.items) result.items = clean(result.items);
  if (typeof result.additionalProperties === 'object') {
    result.additionalProperties = clean(result.additionalProperties);
  }
  if (result.format === 'date-time') delete result.pattern;
  if (result.type === 'integer') result.format ??= 'int32';
  if (result.type === 'integer' && result.maximum === Number.MAX_SAFE_INTEGER) {
    delete result.maximum;
    result.format = 'int64';
  }
  if (result.minimum === Number.MIN_SAFE_INTEGER) delete result.minimum;
  return result;
}

/** The CustomResourceDefinition of a kind, ready to be written as YAML. */
export function customResourceDefinition(kind: KindDefinition): Record<string, unknown> {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${kind.plural}.${kind.group}`,
      labels: { 'app.kubernetes.io/name': 'tako', 'app.kubernetes.io/component': 'crds' },
    },
    spec: {
      group: kind.group,
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: [...kind.shortNames],
        categories: ['tako'],
      },
      versions: [
        {
          name: kind.version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns.map(column => ({ ...column })),
          schema: {
            openAPIV3Schema: {
              description: kind.description,
              type: 'object',
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
                kind: { type: 'string', description: 'The kind of this object.' },
                metadata: { type: 'object' },
                spec: toStructuralSchema(kind.spec),
                status: toStructuralSchema(kind.status),
              },
            },
          },
        },
      ],
    },
  };
}
