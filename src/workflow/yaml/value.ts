/**
 * What a YAML file says, as plain data. Numbers and booleans keep the text they were written with, since only the
 * reader of a key knows whether `1.10` is meant as a version or as a number.
 */
export type YamlValue = null | string | PlainScalar | YamlValue[] | YamlMap;

export interface YamlMap {
  [key: string]: YamlValue;
}

/** A number or boolean written without quotes. */
export class PlainScalar {
  readonly value: number | boolean;
  /** As written: `1.10`, `0x1F`, `true`. */
  readonly source: string;

  constructor(value: number | boolean, source: string) {
    this.value = value;
    this.source = source;
  }
}

export function isYamlMap(value: unknown): value is YamlMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof PlainScalar);
}
