import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { KeyPath } from '../key-path.ts';
import { isYamlMap, PlainScalar, type YamlMap, type YamlValue } from './value.ts';

/** Values in a file, with every alias counted as often as it is used: what a billion laughs would exceed. */
const MAX_VALUES = 100_000;
/** Levels of maps and lists, aliases included. The file's own shape needs eight, payloads the rest. */
const MAX_DEPTH = 32;

/** Where keys and list items stand: for each map and list, an offset in the text by key or index. */
export type Offsets = WeakMap<object, Map<string | number, number>>;

export interface Conversion {
  /** Undefined when a bound is exceeded, which is a problem too. */
  value: YamlValue | undefined;
  offsets: Offsets;
  problems: { at: KeyPath; offset: number; message: string }[];
}

interface Converted {
  value: YamlValue;
  /** Values inside, itself included. */
  size: number;
  depth: number;
}

/** Ends a conversion: the file is not worth going on with. */
class TooMuch extends Error {}

/**
 * Turns the parser's nodes into plain data. Aliases share what they point to, so that a file's memory is bounded by its
 * text whatever the aliases say; their use is counted, because what reads the data walks it in full. Duplicate keys,
 * keys that are no plain text and aliases that point to themselves are problems; the first of two equal keys counts.
 */
export function convert(document: Document.Parsed): Conversion {
  const converter = createConverter();
  if (document.contents === null) return { ...converter.result(), value: null };
  try {
    return { ...converter.result(), value: converter.node(document.contents as Node, []).value };
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    return { ...converter.result(), value: undefined };
  }
}

function createConverter() {
  const offsets: Offsets = new WeakMap();
  const problems: Conversion['problems'] = [];
  const anchors = new Map<string, Converted | 'open'>();

  function report(at: KeyPath, node: Node | null, message: string): void {
    problems.push({ at, offset: node?.range?.[0] ?? 0, message });
  }

  function stop(at: KeyPath, node: Node, message: string): never {
    report(at, node, message);
    throw new TooMuch(message);
  }

  function node(current: Node | null, at: KeyPath): Converted {
    if (current === null) return leaf(null);
    if (isAlias(current)) return alias(current, at);
    const anchor = 'anchor' in current ? current.anchor : undefined;
    if (anchor !== undefined) anchors.set(anchor, 'open');
    const converted = content(current, at);
    if (converted.size > MAX_VALUES) {
      stop(at, current, `the file has more than ${MAX_VALUES} values once its aliases are followed`);
    }
    if (converted.depth > MAX_DEPTH) stop(at, current, `the file is nested more than ${MAX_DEPTH} levels deep`);
    if (anchor !== undefined) anchors.set(anchor, converted);
    return converted;
  }

  function content(current: Node, at: KeyPath): Converted {
    if (isMap(current)) return map(current as YAMLMap<Node, Node | null>, at);
    if (isSeq(current)) return list(current as YAMLSeq<Node | Pair<Node, Node | null>>, at);
    // Aliases are followed before; a document holds nothing else.
    return leaf(scalar(current as Scalar));
  }

  function alias(current: Alias, at: KeyPath): Converted {
    const target = anchors.get(current.source);
    if (target === undefined) report(at, current, `there is no anchor &${current.source} before this alias`);
    else if (target === 'open') report(at, current, `the alias *${current.source} stands inside what it refers to`);
    else return target;
    return leaf(null);
  }

  function list(current: YAMLSeq<Node | Pair<Node, Node | null>>, at: KeyPath): Converted {
    const value: YamlValue[] = [];
    const places = new Map<string | number, number>();
    const total = { size: 1, depth: 0 };
    current.items.forEach((item, index) => {
      const converted = node(item as Node, [...at, index]);
      places.set(index, (item as Node | null)?.range?.[0] ?? current.range?.[0] ?? 0);
      value.push(converted.value);
      add(total, converted, at, current);
    });
    offsets.set(value, places);
    return { value, size: total.size, depth: total.depth + 1 };
  }

  function map(current: YAMLMap<Node, Node | null>, at: KeyPath): Converted {
    const value: YamlMap = {};
    const places = new Map<string | number, number>();
    const merged: { pair: Pair<Node, Node | null>; from: YamlMap }[] = [];
    const total = { size: 1, depth: 0 };
    for (const pair of current.items) {
      const key = keyText(pair.key, at);
      if (key === undefined) continue;
      const converted = node(pair.value, [...at, key]);
      add(total, converted, at, current);
      if (key === '<<' && isPlain(pair.key)) {
        for (const from of mergeSources(converted.value, pair.key, at)) merged.push({ pair, from });
      } else if (Object.hasOwn(value, key)) {
        report([...at, key], pair.key, 'this key is given twice');
      } else {
        value[key] = converted.value;
        places.set(key, pair.key.range?.[0] ?? 0);
      }
    }
    for (const { pair, from } of merged) {
      for (const key of Object.keys(from)) {
        if (Object.hasOwn(value, key)) continue;
        value[key] = from[key]!;
        places.set(key, offsets.get(from)?.get(key) ?? pair.key.range?.[0] ?? 0);
      }
    }
    offsets.set(value, places);
    return { value, size: total.size, depth: total.depth + 1 };
  }

  function add(total: { size: number; depth: number }, part: Converted, at: KeyPath, current: Node): void {
    total.size += part.size;
    total.depth = Math.max(total.depth, part.depth);
    if (total.size > MAX_VALUES)
      stop(at, current, `the file has more than ${MAX_VALUES} values once its aliases are followed`);
  }

  function keyText(key: Node | null, at: KeyPath): string | undefined {
    const text = isScalar(key) ? scalarText(key) : undefined;
    if (text === undefined) report(at, key, 'expected a key that is plain text');
    // An own __proto__ would turn into a prototype in the hands of the first careless reader.
    else if (text === '__proto__') report([...at, text], key, 'this key is not allowed');
    else return text;
    return undefined;
  }

  function mergeSources(value: YamlValue, key: Node, at: KeyPath): YamlMap[] {
    const sources = Array.isArray(value) ? value : [value];
    if (sources.every(isYamlMap)) return sources;
    report([...at, '<<'], key, 'expected a map, or a list of maps, to merge');
    return [];
  }

  return { node, result: () => ({ offsets, problems }) };
}

function leaf(value: YamlValue): Converted {
  return { value, size: 1, depth: 0 };
}

function isPlain(node: Node): boolean {
  return isScalar(node) && node.type === 'PLAIN';
}

function scalar(node: Scalar): YamlValue {
  const { value } = node;
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean')
    return new PlainScalar(value, node.source ?? String(value));
  return String(value);
}

/** A key's text as written: `8080: x` has the key `8080`, `on: x` the key `on`. */
function scalarText(node: Scalar): string | undefined {
  const value = scalar(node);
  if (value instanceof PlainScalar) return value.source;
  return typeof value === 'string' ? value : undefined;
}
