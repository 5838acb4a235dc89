/** The protocol cannot be set up or go on. What a step does is never one of these: that is an outcome (outcome.ts). */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}
