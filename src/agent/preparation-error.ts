/** A failure before the first step: the run is execution_failed. */
export class PreparationError extends Error {
  override readonly name = 'PreparationError';
  /** CamelCase. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}
