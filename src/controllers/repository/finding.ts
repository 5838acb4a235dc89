import type { Reason } from './reasons.ts';
import type { ConfigSummary } from './summary.ts';

/** What one look at a repository found. */
export type Finding =
  | { readonly kind: 'suspended' }
  | {
      readonly kind: 'found';
      readonly slug: string;
      readonly commit: string;
      /** Full name of the reference; absent when spec.ref is a commit. */
      readonly ref?: string;
      /** SHA-256 of the workflow file. */
      readonly digest: string;
      readonly summary: ConfigSummary;
    }
  | {
      readonly kind: 'failed';
      readonly reason: Exclude<Reason, 'Succeeded'>;
      readonly message: string;
      /** The commit that was looked at, when it came so far. */
      readonly commit?: string;
    };
