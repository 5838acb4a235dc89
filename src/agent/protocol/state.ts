import { openReadEnd } from './fifo.ts';
import { createLineSplitter } from './lines.ts';
import { MAX_REPORT_BYTES, parseStateReport, type StateReport } from './messages.ts';

/** What a run's supervisor tells, or that it tells no more. */
export type StateEvent = StateReport | { type: 'stateEnded' } | { type: 'stateGarbled'; line: string };

/**
 * Reads the state FIFO of a run and reports each event. After a line that no supervisor writes it reports that and stops reading.
 *
 * @returns a function that stops reading
 */
export function watchState(path: string, onEvent: (event: StateEvent) => void): () => void {
  const socket = openReadEnd(path);
  let garbled = false;
  const lines = createLineSplitter(MAX_REPORT_BYTES, bytes => {
    if (garbled) return;
    const line = bytes.toString('latin1');
    const report = parseStateReport(line);
    if (report !== undefined) return onEvent(report);
    garbled = true;
    socket.destroy();
    onEvent({ type: 'stateGarbled', line });
  });
  socket.on('data', (chunk: Buffer) => lines.push(chunk));
  socket.on('error', () => undefined);
  socket.on('end', () => onEvent({ type: 'stateEnded' }));
  return () => socket.destroy();
}
