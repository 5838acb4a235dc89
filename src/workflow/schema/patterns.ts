/** A text of a given form, and how to say that form in a sentence that starts with "expected". */
export interface Form {
  pattern: RegExp;
  expected: string;
}

/** Artifacts, workflows, inputs, steps and outputs. */
export const NAME: Form = {
  pattern: /^[A-Za-z0-9_-]{1,100}$/,
  expected: 'a name of at most 100 letters, digits, _ and -',
};

export const EVENT_TYPE: Form = {
  pattern: /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/,
  expected: 'an event type in snake_case such as library_built',
};

export const SCHEMA_VERSION: Form = {
  pattern: /^(?:0|[1-9]\d{0,14})\.(?:0|[1-9]\d{0,14})\.(?:0|[1-9]\d{0,14})$/,
  expected: 'a schema version x.y.z such as 1.2.0',
};

export const ENV_NAME: Form = {
  pattern: /^[A-Za-z_][A-Za-z0-9_]{0,254}$/,
  expected: 'a variable name of letters, digits and _ that does not start with a digit',
};

/** A variable that the author sets. Tako's own begin with TAKO_: the values of templates in scripts among them. */
export const VARIABLE: Form = {
  pattern: /^(?!TAKO_)[A-Za-z_][A-Za-z0-9_]{0,254}$/,
  expected: 'a variable name of letters, digits and _ that starts with neither a digit nor TAKO_',
};

export const FILE_VERSION: Form = {
  pattern: /^v?(?:0\.1|1)(?:\.0){0,2}$/,
  expected: 'the version of the file format, 0.1.0 (1, v1 and 1.0 are the same)',
};

export const EVENT_SOURCE: Form = {
  pattern: /^(?!\.{1,2}\/)[\w.-]{1,100}\/(?!\.{1,2}:)[\w.-]{1,100}:[A-Za-z0-9_-]{1,100}$/,
  expected: 'an artifact of a repository, owner/repo:artifact',
};

/** Kubernetes' own check follows when the Pod is made; this one catches what is no image at all, templates among it. */
export const IMAGE: Form = {
  pattern: /^[\w.][\w.:/@+-]{0,511}$/,
  expected: 'a container image such as golang:1.22 (without templates)',
};

/** A Kubernetes quantity above zero. */
export const QUANTITY: Form = {
  pattern: /^(?!0+(?:\.0*)?[A-Za-z]*$)\d{1,15}(?:\.\d{1,9})?(?:m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/,
  expected: 'a quantity such as "1.0", 500m or 512Mi',
};

export const CAPABILITY: Form = {
  pattern: /^(?:CAP_)?[A-Z][A-Z0-9_]{1,40}$/,
  expected: 'a Linux capability such as NET_BIND_SERVICE',
};

export const VOLUME_NAME: Form = {
  pattern: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  expected: 'the name of a volume that the repository allows (lower case letters, digits and -)',
};

/** Whether a text holds a template: then its form can only be checked once it is rendered. */
export function hasTemplate(text: string): boolean {
  return text.includes('{{');
}
