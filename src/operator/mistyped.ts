import { nearest } from '../workflow/nearest.ts';
import { configSchema } from './config.ts';

const PREFIX = 'TAKO_';
/** What Kubernetes gives containers for each Service: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables */
const OF_A_SERVICE = /_SERVICE_(?:HOST|PORT(?:_.+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_.+)?$/;

/**
 * What to warn of: variables that are no settings, and nearly have the name of one. They are no errors, for another version may know them, and an
 * upgrade or the way back must not fail by them.
 */
export function mistypedSettings(environment: Readonly<Record<string, string | undefined>>): string[] {
  const settings = Object.keys(configSchema.shape);
  const candidates = settings.filter(name => name.startsWith(PREFIX)).map(name => name.slice(PREFIX.length));
  return Object.keys(environment).flatMap(name => {
    if (!name.startsWith(PREFIX) || settings.includes(name) || OF_A_SERVICE.test(name)) return [];
    const meant = nearest(name.slice(PREFIX.length), candidates);
    return meant === undefined
      ? []
      : [`there is no setting ${name}, did you mean ${PREFIX}${meant}? It has no effect.`];
  });
}
