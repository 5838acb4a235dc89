import { type ContainerEnd, openChannel } from './channel.ts';
import { ProtocolError } from './errors.ts';
import { compileMask, type Mask } from './mask.ts';
import { type Hello, incompatibility } from './messages.ts';
import { describeEnd, type ScriptOutcome } from './outcome.ts';
import { neverStarted, type Run, type RunOptions, startRun } from './run.ts';
import { encodeScript, type Script } from './script.ts';

export interface StepContainerOptions {
  /** The container's name in the Pod, for messages. */
  name: string;
  /** The container's io directory as the agent sees it: setgid, its group shared by the agent and the steps, writable only here. */
  directory: string;
  /** What to hide in logs and lines. Default: nothing. */
  mask?: Mask;
  /** How many runs' FIFOs to make at once. Default 8. Not a limit. */
  slots?: number;
  /** How many scripts may run at the same time. Default 16. */
  maxParallelRuns?: number;
  /**
   * How long the container's log may take nothing, after a script's end, before the rest of its output is thrown away.
   * Default 10,000 ms. While the script runs, it waits.
   */
  logStallMs?: number;
}

/** A container of the Pod in which the agent runs scripts. */
export interface StepContainer {
  readonly name: string;
  /** Resolves when the container's loop is ready, and rejects when it cannot be any more or `signal` fires. There is no other limit. */
  hello(options?: { signal?: AbortSignal }): Promise<Hello>;
  /** Resolves when the container takes no scripts any more. */
  readonly ended: Promise<ContainerEnd>;
  /** Runs a script, beside others if there are any. Never rejects. */
  run(script: Script, options?: RunOptions): Promise<ScriptOutcome>;
  /**
   * Writes out the log and ends the container; runs under way are lost. Returns when the loop has gone, or after some seconds.
   *
   * @param options.holdSeconds keep the container for so long, for people who want to look into it. Default 0.
   */
  close(options?: { holdSeconds?: number }): Promise<void>;
}

const SWEEP_TIMEOUT_MS = 5_000;
const LOG_TIMEOUT_MS = 2_000;
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * Makes a step container's FIFOs and waits for its loop in the background. The container may be older or younger than this call.
 *
 * @throws ProtocolError when the io directory cannot be used
 */
export async function openStepContainer(options: StepContainerOptions): Promise<StepContainer> {
  const { name, directory, mask = compileMask([]), slots = 8, maxParallelRuns = 16, logStallMs = 10_000 } = options;
  const hello = Promise.withResolvers<Hello>();
  const ended = Promise.withResolvers<ContainerEnd>();
  // Whoever asks for it gets the rejection; nobody has to.
  hello.promise.catch(() => undefined);

  const runs = new Set<Run>();
  let places = 0;
  let ready: Hello | undefined;
  /** Something that no script may start beside. */
  let upkeep: Promise<unknown> | undefined;
  let sweepOwed = false;

  const channel = await openChannel({
    directory,
    slots,
    onHello(report) {
      const problem = ready === undefined ? incompatibility(report.hello) : 'it said hello twice';
      if (problem !== undefined) return channel.violate(problem);
      ready = report.hello;
      channel.tighten();
      hello.resolve(ready);
    },
    onEnd(end) {
      hello.reject(new ProtocolError(`step container ${name} cannot be used: ${describeEnd(end)}`));
      for (const run of runs) run.post({ type: 'containerEnded', end });
      ended.resolve(end);
    },
  });

  /** Does upkeep, during which no script starts. */
  async function keepUp(order: 'log' | 'sweep', timeoutMs: number): Promise<boolean> {
    const work = channel.withOpenLog(() => channel.ask({ type: order }, timeoutMs));
    upkeep = work.catch(() => undefined);
    try {
      return await work;
    } finally {
      upkeep = undefined;
    }
  }

  /**
   * Ends all processes of the container, unless scripts run that would end with them: then it is done when they are through.
   * Only PID 1 can do it; outside of a container nothing happens.
   */
  async function sweep(): Promise<boolean> {
    if (ready?.pid !== 1 || channel.end !== undefined) return false;
    sweepOwed = places > 1 || upkeep !== undefined;
    return sweepOwed ? false : keepUp('sweep', SWEEP_TIMEOUT_MS);
  }

  /** Waits until a script may start, and puts right what earlier ones left. */
  async function prepare(): Promise<void> {
    while (upkeep !== undefined) await upkeep;
    if (channel.end !== undefined) return;
    if (sweepOwed && places === 1) await sweep();
    else if (channel.log.lost) await keepUp('log', LOG_TIMEOUT_MS);
  }

  async function runScript(script: Script, runOptions: RunOptions): Promise<ScriptOutcome> {
    const encoded = encodeScript(script);
    if (typeof encoded === 'string') return neverStarted('invalidScript', encoded);
    if (ready === undefined) return neverStarted('notReady', `container ${name} has not said hello yet`);
    if (places >= maxParallelRuns) {
      return neverStarted('tooManyRuns', `${places} scripts run in container ${name} already, and no more may`);
    }
    places++;
    try {
      await prepare();
      const slot = await channel.slots.take();
      if (runOptions.signal?.aborted) return neverStarted('aborted', 'it was stopped before');
      if (channel.end !== undefined) return neverStarted('closed', describeEnd(channel.end));
      const run = startRun(
        { channel, mask, logStallMs, sweep: () => sweep().catch(() => false) },
        slot,
        encoded,
        runOptions,
      );
      runs.add(run);
      try {
        return await run.outcome;
      } finally {
        runs.delete(run);
      }
    } catch (error) {
      return neverStarted('io', `the agent cannot prepare it: ${(error as Error).message}`);
    } finally {
      places--;
    }
  }

  return {
    name,
    ended: ended.promise,
    hello: ({ signal } = {}) => abortable(hello.promise, signal),
    run: (script, runOptions = {}) => runScript(script, runOptions),
    async close({ holdSeconds = 0 } = {}) {
      await channel.log.finish(logStallMs);
      await channel.quit({ holdSeconds, timeoutMs: ready === undefined ? 0 : CLOSE_TIMEOUT_MS });
    },
  };
}

/** The promise, or the signal's reason as a rejection. Leaves no listener behind. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
