import { ApiError } from './errors.ts';
import type { KubeObject, ObjectRef, ResourceType } from './objects.ts';
import { pods } from './objects.ts';
import type {
  ApplyOptions,
  DeleteOptions,
  JsonPatchOperation,
  ListOptions,
  LogOptions,
  RawOptions,
  Selection,
  WriteOptions,
} from './options.ts';
import { checkRawPath, queryString, resourcePath } from './paths.ts';

/** A call of the API as what goes over the wire; each function here builds one and does nothing else. */
export interface Request {
  method: string;
  /** With the query. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Whether sending it twice leads where sending it once does (or to an error that tells). */
  idempotent: boolean;
}

const defaultLogBytes = 1024 * 1024;

export function get(type: ResourceType, { name, namespace }: ObjectRef): Request {
  return { method: 'GET', path: resourcePath(type, { name, namespace }), headers: {}, idempotent: true };
}

/** What a list holds of each object. */
export type ListContent = 'objects' | 'metadata';

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables has the same way to ask for less. */
const METADATA_ONLY = { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' };

export function list(type: ResourceType, options: ListOptions, content: ListContent = 'objects'): Request {
  const { namespace, limit, continue: next, resourceVersion } = options;
  // A continue token brings its own resourceVersion; both together are refused.
  const version = next === undefined ? resourceVersion : undefined;
  const query = queryString({ ...selectors(options), limit, continue: next, resourceVersion: version });
  const headers = content === 'metadata' ? METADATA_ONLY : {};
  return { method: 'GET', path: resourcePath(type, { namespace }) + query, headers, idempotent: true };
}

export function watch(
  type: ResourceType,
  options: Selection & { resourceVersion: string; timeoutSeconds: number },
): Request {
  const { namespace, resourceVersion, timeoutSeconds } = options;
  const query = queryString({
    watch: 1,
    ...selectors(options),
    resourceVersion,
    timeoutSeconds,
    allowWatchBookmarks: true,
  });
  return { method: 'GET', path: resourcePath(type, { namespace }) + query, headers: {}, idempotent: true };
}

export function create(type: ResourceType, object: KubeObject, options: WriteOptions = {}): Request {
  const { name, namespace } = object.metadata;
  const path = resourcePath(type, options.subresource === undefined ? { namespace } : { ...options, name, namespace });
  checkNamespaced(type, namespace);
  const body = JSON.stringify(object);
  return json('POST', path + writeQuery(options), 'application/json', body, name !== undefined);
}

export function replace(type: ResourceType, object: KubeObject, options: WriteOptions = {}): Request {
  const path = pathOf(type, object.metadata, options);
  return json('PUT', path + writeQuery(options), 'application/json', JSON.stringify(object), true);
}

export function apply(type: ResourceType, configuration: KubeObject, options: ApplyOptions): Request {
  const path = pathOf(type, configuration.metadata, options);
  const query = writeQuery(options, { force: options.force === true ? true : undefined });
  return json('PATCH', path + query, 'application/apply-patch+yaml', JSON.stringify(configuration), true);
}

export function mergePatch(type: ResourceType, ref: ObjectRef, patch: object, options: WriteOptions = {}): Request {
  const path = pathOf(type, ref, options) + writeQuery(options);
  return json('PATCH', path, 'application/merge-patch+json', JSON.stringify(patch), true);
}

export function jsonPatch(
  type: ResourceType,
  ref: ObjectRef,
  patch: readonly JsonPatchOperation[],
  options: WriteOptions = {},
): Request {
  const path = pathOf(type, ref, options) + writeQuery(options);
  return json('PATCH', path, 'application/json-patch+json', JSON.stringify(patch), false);
}

export function remove(type: ResourceType, { name, namespace }: ObjectRef, options: DeleteOptions = {}): Request {
  return json('DELETE', resourcePath(type, { name, namespace }), 'application/json', deleteBody(options), true);
}

export function removeCollection(type: ResourceType, options: Selection & DeleteOptions): Request {
  const { namespace, labelSelector, fieldSelector } = options;
  if (namespace === undefined && labelSelector === undefined && fieldSelector === undefined) {
    throw invalid(`refusing to delete all ${type.plural} of the cluster: give a namespace or a selector`);
  }
  const path = resourcePath(type, { namespace }) + queryString(selectors(options));
  return json('DELETE', path, 'application/json', deleteBody(options), true);
}

export function podLogs({ name, namespace }: ObjectRef, options: LogOptions = {}): Request {
  const { container, previous, tailLines, sinceSeconds, timestamps, limitBytes = defaultLogBytes } = options;
  const path = resourcePath(pods, { name, namespace, subresource: 'log' });
  const query = queryString({ container, previous, tailLines, sinceSeconds, timestamps, limitBytes });
  return { method: 'GET', path: path + query, headers: { accept: '*/*' }, idempotent: true };
}

export function raw(path: string, options: RawOptions = {}): Request {
  const { method = 'GET', query = {}, body, contentType = 'application/json' } = options;
  const { idempotent = ['GET', 'HEAD', 'PUT', 'DELETE'].includes(method) } = options;
  return {
    method,
    path: checkRawPath(path) + queryString(query),
    headers: { accept: 'application/json, */*', ...(body === undefined ? {} : { 'content-type': contentType }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    idempotent,
  };
}

function json(method: string, path: string, contentType: string, body: string, idempotent: boolean): Request {
  return { method, path, headers: { 'content-type': contentType }, body, idempotent };
}

function pathOf(
  type: ResourceType,
  { name, namespace }: { name?: string | undefined; namespace?: string | undefined },
  { subresource }: WriteOptions,
): string {
  return resourcePath(type, { name: name ?? '', namespace, subresource });
}

function checkNamespaced(type: ResourceType, namespace: string | undefined): void {
  if (type.namespaced && namespace === undefined) throw invalid(`a ${type.kind} needs metadata.namespace`);
}

function selectors({ labelSelector, fieldSelector }: Selection): Record<string, string | undefined> {
  return { labelSelector, fieldSelector };
}

function writeQuery({ fieldManager, dryRun }: WriteOptions, more: Record<string, boolean | undefined> = {}): string {
  return queryString({ fieldManager, dryRun: dryRun === true ? 'All' : undefined, ...more });
}

function deleteBody({ propagationPolicy, gracePeriodSeconds, preconditions, dryRun }: DeleteOptions): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy,
    gracePeriodSeconds,
    preconditions,
    dryRun: dryRun === true ? ['All'] : undefined,
  });
}

function invalid(message: string): ApiError {
  return new ApiError({ class: 'invalid', code: 0, reason: 'InvalidRequest', message });
}
