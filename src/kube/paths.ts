import { ApiError } from './errors.ts';
import type { ResourceType } from './objects.ts';

/** The parts of a path that come from outside, and so are checked. */
export interface PathParts {
  namespace?: string | undefined;
  name?: string | undefined;
  subresource?: string | undefined;
}

/**
 * The path of a collection (no name), an object or a subresource, such as `/apis/apps/v1/namespaces/a/deployments/b/status`.
 *
 * Names may come from users, so a name that could change the path is refused here, before anything is sent.
 *
 * @throws ApiError of class `invalid`
 */
export function resourcePath(type: ResourceType, parts: PathParts = {}): string {
  const { namespace, name, subresource } = parts;
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  return [
    root,
    ...(type.namespaced && namespace !== undefined ? ['namespaces', checkNamespace(namespace)] : []),
    type.plural,
    ...(name === undefined ? [] : [checkName(type, parts)]),
    ...(subresource === undefined ? [] : [checkSubresource(subresource)]),
  ].join('/');
}

/**
 * A path that the caller built, for `raw`.
 *
 * @throws ApiError of class `invalid`
 */
export function checkRawPath(path: string): string {
  const segments = path.split('/');
  if (!path.startsWith('/') || segments.some(isRelative) || /[\x00-\x20\x7f?#\\]|%2f|%2e/i.test(path)) {
    throw invalid(
      `path ${quote(path)} must be absolute, without . and .. segments, query, fragment or encoded separators`,
    );
  }
  return path;
}

/** `?a=1&b=x%20y`, or nothing; undefined values are left out. */
export function queryString(query: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(key)}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/: a namespace is a DNS label.
function checkNamespace(namespace: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) {
    throw invalid(
      `${quote(namespace)} is no name of a namespace: it takes at most 63 of a-z, 0-9 and -, and no - at its ends`,
    );
  }
  return namespace;
}

/** Kubernetes asks of every name that it is one path segment; each kind may ask for more, which the API server checks. */
function checkName(type: ResourceType, { name = '', namespace }: PathParts): string {
  if (type.namespaced && namespace === undefined) {
    throw invalid(`a ${type.kind} is named together with its namespace; ${quote(name)} came without one`);
  }
  const isSegment = !isRelative(name) && !/[\x00-\x20\x7f/%\\]/.test(name) && name.isWellFormed();
  if (name === '' || name.length > 253 || !isSegment) {
    throw invalid(
      `${quote(name)} is no name of a ${type.kind}: it takes 1 to 253 characters and no slash, per cent sign or blank`,
    );
  }
  return encodeURIComponent(name);
}

function checkSubresource(subresource: string): string {
  if (!/^[a-z]{1,63}$/.test(subresource)) throw invalid(`${quote(subresource)} is no subresource`);
  return subresource;
}

function isRelative(segment: string): boolean {
  return segment === '.' || segment === '..';
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

function invalid(message: string): ApiError {
  return new ApiError({ class: 'invalid', code: 0, reason: 'InvalidPath', message });
}
