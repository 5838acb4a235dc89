// Needed before @peculiar/x509, which the gateway's certificates use.
import 'reflect-metadata';
import { pino } from 'pino';
import { ConfigError, readConfig } from './config.ts';
import { mistypedSettings } from './mistyped.ts';
import { createOperator } from './operator.ts';

/** What a Kubernetes Pod is given to end by default, less a reserve for the process itself. Milliseconds. */
const DRAIN_MS = 27_000;

try {
  const config = readConfig(process.env);
  const logger = pino({ level: config.TAKO_LOG_LEVEL, base: { replica: config.POD_NAME } });
  for (const warning of mistypedSettings(process.env)) logger.warn(warning);
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      logger.info({ signal: name }, 'stopping');
      stop.abort();
      setTimeout(() => process.exit(1), DRAIN_MS + 2_000).unref();
    });
  }
  const operator = await createOperator({ config, logger, drainMs: DRAIN_MS });
  const outcome = await operator.run(stop.signal);
  logger.info({ outcome }, 'stopped');
  process.exit(outcome === 'stopped' ? 0 : 1);
} catch (error) {
  if (error instanceof ConfigError) console.error(error.message);
  else console.error(error);
  process.exit(78);
}
