import type { Refusal } from './refusals.ts';

/** What becomes of the value at one place of a script. */
export type Placement = AcceptedPlacement | RefusedPlacement;

export interface AcceptedPlacement {
  readonly kind: 'accepted';
  readonly form: Form;
  /** The place is code that a shell will parse again: the value must come from `shell_quote`. */
  readonly code?: true;
  /** Only a value of these characters is accepted. */
  readonly plain?: { readonly pattern: RegExp; readonly refusal: Refusal };
}

export interface RefusedPlacement {
  readonly kind: 'refused';
  readonly refusal: Refusal;
}

/** How the reference to a value's variable V is written. */
export type Form =
  /** `${V}`: quotes are around it already. */
  | { readonly kind: 'braced' }
  /** `"${V}"`: one word. */
  | { readonly kind: 'word' }
  /** `'"${V}"'`: the single quotes around it are interrupted. */
  | { readonly kind: 'interrupted' }
  /**
   * `"${V_1}" "${V_2}"`: split on blanks. `alone`: nothing else is in the word, so that an empty value leaves no word. `textFollows`: text of the
   * same word stands directly behind.
   */
  | { readonly kind: 'split'; readonly alone: boolean; readonly textFollows: boolean }
  /** A comment: nothing depends on it. */
  | { readonly kind: 'comment' };
