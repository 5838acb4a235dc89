/** A field that the API takes although this version does not act on it, or only in part. */
export interface ReservedField {
  /** Dotted, from the object: `spec.retry`. */
  readonly path: string;
  /** What happens instead, as a sentence. */
  readonly instead: string;
}

/**
 * Fields that are in the API for later versions, by kind: the API shall not change under those who write them down today. The generated
 * reference marks them, and docs/limits.md lists them.
 */
export const RESERVED_FIELDS: Readonly<Record<'TakoRun' | 'TakoRepository', readonly ReservedField[]>> = {
  TakoRun: [
    {
      path: 'spec.waitForChildren',
      instead: 'Acts on runs of an event. In a run of a workflow, wait_for_children of the fan-out step decides.',
    },
    {
      path: 'spec.idempotent',
      instead: 'Acts on runs of an event. In a run of a workflow, idempotent of the fan-out step decides.',
    },
  ],
  TakoRepository: [{ path: 'spec.triggers', instead: 'No run is started.' }],
};
