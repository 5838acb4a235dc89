import { chmodSync, unlinkSync, writeFileSync } from 'node:fs';
import type { Channel } from './channel.ts';
import { allEnded, drain } from './drain.ts';
import { createMailbox } from './mailbox.ts';
import type { Mask } from './mask.ts';
import type { NeverStartedReason, ScriptOutcome, ScriptOutput } from './outcome.ts';
import { type Output, openOutput, type StreamName } from './output.ts';
import type { EncodedScript } from './script.ts';
import type { Slot } from './slots.ts';
import { watchState } from './state.ts';
import { type Ending, type RunEvent, supervise, waitForStart, waitForSupervisorEnd } from './supervise.ts';

export interface RunOptions {
  /** From the script's start until it is told to end, in milliseconds. Default: none. */
  timeoutMs?: number;
  /** From TERM to KILL, in milliseconds. Default 10,000. */
  graceMs?: number;
  /** How long the container may take to start the script, in milliseconds. Default 30,000. */
  startTimeoutMs?: number;
  /** Stops the script: TERM, grace, KILL. */
  signal?: AbortSignal;
  /** Whether the masked output goes into the container's log. Default true. */
  log?: boolean;
  /** How many bytes of each stream to keep, as they come and not masked. Default 0. */
  capture?: { stdoutBytes?: number; stderrBytes?: number };
  /** Every line, masked, without its newline; a line of more than 16 KiB comes in pieces. Must not throw. */
  onLine?: (line: string, stream: StreamName) => void;
  /** Every chunk, not masked. Must not throw. */
  onData?: (chunk: Buffer, stream: StreamName) => void;
  /** Every chunk, masked; its bytes are only valid during the call. Must not throw. */
  onMasked?: (chunk: Buffer, stream: StreamName) => void;
  /** The script's process exists. Must not throw. */
  onStarted?: () => void;
}

/** What a run needs of its container. */
export interface RunContext {
  readonly channel: Channel;
  readonly mask: Mask;
  /** See {@link drain}. */
  readonly logStallMs: number;
  /** Ends every process of the container; false when that must not, or cannot, be done now. */
  sweep(): Promise<boolean>;
}

/** A run under way. */
export interface Run {
  /** Tells it what comes from outside: the container's end. */
  post(event: RunEvent): void;
  /** Never rejects. */
  readonly outcome: Promise<ScriptOutcome>;
}

/** How long the loop may take to answer a question. */
const PING_TIMEOUT_MS = 5_000;
/** How long a supervisor may take to end after it has reported the exit. */
const SUPERVISOR_TIMEOUT_MS = 1_000;
/** How long to wait for the end of streams whose writers are dead. */
const DEAD_DRAIN_MS = 50;
/** The same after a sweep, which may have left much to read. */
const SWEPT_DRAIN_MS = 5_000;

export function startRun(context: RunContext, slot: Slot, script: EncodedScript, options: RunOptions): Run {
  const events = createMailbox<RunEvent>();
  return { post: event => events.post(event), outcome: perform() };

  async function perform(): Promise<ScriptOutcome> {
    const { channel } = context;
    const { signal, graceMs = 10_000, startTimeoutMs = 30_000, timeoutMs } = options;
    const lossesBefore = channel.log.losses;

    let streams: Streams;
    try {
      streams = openStreams(context, slot, script, options, event => events.post(event));
    } catch (error) {
      return neverStarted('io', `the agent cannot prepare it: ${(error as Error).message}`);
    }

    channel.send({ type: 'run', run: slot.run });
    const start = await waitForStart(events, startTimeoutMs);
    let ending: Ending;
    if (start.kind === 'started') {
      streams.closeState();
      options.onStarted?.();
      const stop = () => events.post({ type: 'stop' });
      signal?.addEventListener('abort', stop);
      if (signal?.aborted) stop();
      ending = await supervise(events, start, { timeoutMs, graceMs, send: channel.send });
      signal?.removeEventListener('abort', stop);
    } else {
      ending = start;
    }
    const durationMs = start.kind === 'started' ? performance.now() - start.at : 0;

    /** Lets go of everything that belongs to the run. */
    function finish(): ScriptOutput {
      const output = streams.finish();
      channel.send({ type: 'reap', run: slot.run });
      const logComplete = !streams.outputs.some(stream => stream.dropped) && channel.log.losses === lossesBefore;
      return { ...output, durationMs, logComplete };
    }

    switch (ending.kind) {
      case 'exit': {
        const leftovers = await endOfOutput(context, streams.outputs);
        if (!(await waitForSupervisorEnd(events, SUPERVISOR_TIMEOUT_MS))) channel.send({ type: 'drop', run: slot.run });
        return { kind: 'exited', code: ending.code, endedBy: ending.endedBy, leftovers, ...finish() };
      }
      case 'late': {
        channel.send({ type: 'drop', run: slot.run });
        finish();
        const seconds = ending.afterMs / 1000;
        return neverStarted('deadline', `the container did not start it within ${seconds} s; it may be overloaded`);
      }
      case 'containerEnded':
        await allEnded(streams.outputs, DEAD_DRAIN_MS);
        return { kind: 'containerDied', end: ending.end, ...finish() };
      case 'lost': {
        channel.send({ type: 'drop', run: slot.run });
        if (start.kind === 'started') channel.send({ type: 'kill', signal: 'KILL', pid: start.pid });
        // In a dying container the supervisors may go first: only if the loop still answers, this one was lost.
        const answered = await channel.ask({ type: 'ping' }, PING_TIMEOUT_MS);
        if (answered) await context.sweep();
        await allEnded(streams.outputs, DEAD_DRAIN_MS);
        const output = finish();
        if (channel.end !== undefined) return { kind: 'containerDied', end: channel.end, ...output };
        if (start.kind === 'started') return { kind: 'supervisorLost', detail: ending.detail, ...output };
        return neverStarted('noProcess', `${ending.detail}; the container may have reached its limit of processes`);
      }
    }
  }
}

export function neverStarted(reason: NeverStartedReason, message: string): ScriptOutcome {
  return { kind: 'neverStarted', reason, message };
}

interface Streams {
  readonly outputs: readonly Output[];
  /** Takes from steps the right to open the state FIFO; its one writer has it open. */
  closeState(): void;
  /** Stops reading and removes the slot's files. */
  finish(): Pick<ScriptOutput, 'stdout' | 'stderr'>;
}

/** Writes the script and opens the run's FIFOs, first for the agent, then for the group. Leaves nothing behind when it throws. */
function openStreams(
  { channel, mask }: RunContext,
  slot: Slot,
  script: EncodedScript,
  { log = true, capture = {}, onLine, onData, onMasked }: RunOptions,
  onState: (event: RunEvent) => void,
): Streams {
  const undo: (() => void)[] = [() => removeFiles(slot)];
  const open = (name: StreamName, captureBytes = 0): Output => {
    const output = openOutput({
      name,
      path: slot[name],
      mask,
      log: log ? channel.log : undefined,
      captureBytes,
      onLine,
      onData,
      onMasked,
    });
    undo.push(() => output.finish());
    return output;
  };
  try {
    if (script.prelude !== undefined) writeScript(slot.prelude, script.prelude);
    writeScript(slot.script, script.body);
    const stdout = open('stdout', capture.stdoutBytes);
    const stderr = open('stderr', capture.stderrBytes);
    undo.push(watchState(slot.state, onState));
    for (const path of [slot.stdout, slot.stderr, slot.state]) chmodSync(path, 0o620);
    return {
      outputs: [stdout, stderr],
      closeState: () => chmodSync(slot.state, 0o600),
      finish() {
        const captured = { stdout: stdout.finish(), stderr: stderr.finish() };
        undo.at(-1)!();
        removeFiles(slot);
        return captured;
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
}

function writeScript(path: string, content: Buffer): void {
  writeFileSync(path, content, { flag: 'wx', mode: 0o640 });
  // Whatever the umask made of it.
  chmodSync(path, 0o640);
}

function removeFiles(slot: Slot): void {
  for (const path of [slot.prelude, slot.script, slot.state, slot.stdout, slot.stderr]) {
    try {
      unlinkSync(path);
    } catch {
      // It was never made, or the whole directory is gone: either way it is not there.
    }
  }
}

/** Reads to the end of the streams, by force when a process that the script left behind holds one open. */
async function endOfOutput(
  { channel, logStallMs, sweep }: RunContext,
  outputs: readonly Output[],
): Promise<'none' | 'swept' | 'present'> {
  if (await drain(outputs, channel.log, logStallMs)) return 'none';
  if (!(await sweep())) return 'present';
  await allEnded(outputs, SWEPT_DRAIN_MS);
  return 'swept';
}
