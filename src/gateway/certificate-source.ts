import { type Clock, systemClock } from '../kube/clock.ts';
import type { Logger } from '../kube/logger.ts';
import type { CertificateStore } from './certificate-store.ts';
import { type Certificates, certificateProblem, issueCertificates } from './certificates.ts';

/** The certificates that this replica serves. All replicas come to serve the same. */
export interface CertificateSource {
  /** Reads the shared certificates, makes or renews them when needed. Throws what the store threw, or an Error after too many races. */
  ensure(signal: AbortSignal): Promise<Certificates>;
  /** What `ensure` gave last. Throws an Error before that. */
  current(): Certificates;
  /** Calls `listener` whenever they change, until the returned function is called. */
  subscribe(listener: (certificates: Certificates) => void): () => void;
  /** Looks again every `checkIntervalMs`, until the signal is aborted. Failures are logged: what is served is good for weeks. */
  run(signal: AbortSignal): Promise<void>;
}

export interface CertificateSourceOptions {
  readonly store: CertificateStore;
  /** Names that agents call the gateway by, such as `tako-gateway.tako-system.svc`. */
  readonly dnsNames: readonly string[];
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Default 1 hour: another replica's renewal is seen long before the old certificate ends. */
  readonly checkIntervalMs?: number;
}

/** Two replicas race at most once for each write; more means that somebody else writes to the Secret all the time. */
const MAX_RACES = 5;

export function createCertificateSource(options: CertificateSourceOptions): CertificateSource {
  const { store, dnsNames, logger, clock = systemClock, checkIntervalMs = 3_600_000 } = options;
  const listeners = new Set<(certificates: Certificates) => void>();
  let served: Certificates | undefined;

  const adopt = (certificates: Certificates): Certificates => {
    const changed = served?.certificate !== certificates.certificate;
    served = certificates;
    if (changed) for (const listener of listeners) listener(certificates);
    return certificates;
  };

  const ensure = async (signal: AbortSignal): Promise<Certificates> => {
    for (let race = 0; race < MAX_RACES; race += 1) {
      const now = clock.now();
      const stored = await store.get(signal);
      const previous = stored?.certificates;
      const problem = previous === undefined ? 'there is none' : certificateProblem(previous, { dnsNames, now });
      if (previous !== undefined && problem === undefined) return adopt(previous);
      const next = await issueCertificates({ dnsNames, now, previous });
      const written = await (stored === undefined
        ? store.create(next, signal)
        : store.replace(next, stored.version, signal));
      if (written) {
        logger.info({ dnsNames, problem }, 'made a new certificate for the gateway');
        return adopt(next);
      }
    }
    throw new Error(`the gateway's certificates changed ${MAX_RACES} times while they were being renewed`);
  };

  return {
    ensure,
    current: () => {
      if (served === undefined) throw new Error('the gateway has no certificates yet: call ensure first');
      return served;
    },
    subscribe: listener => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    run: async signal => {
      while (!signal.aborted) {
        try {
          await clock.sleep(checkIntervalMs, signal);
          await ensure(signal);
        } catch (error) {
          if (signal.aborted) return;
          logger.warn({ err: error }, "could not check the gateway's certificates");
        }
      }
    },
  };
}
