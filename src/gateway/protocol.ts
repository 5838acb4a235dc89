import { PROTOCOL_HEADER, PROTOCOL_VERSION } from '../agent/contract.ts';
import { GatewayFailure } from './failure.ts';

/** Versions of the contract that this gateway speaks: its own, and the one before for Pods that started before an upgrade. */
const SUPPORTED_VERSIONS: readonly number[] = [PROTOCOL_VERSION, PROTOCOL_VERSION - 1].filter(version => version > 0);

/** Throws a `GatewayFailure` (400) unless the header names a version that this gateway speaks. */
export function checkProtocol(header: unknown): void {
  if (typeof header === 'string' && SUPPORTED_VERSIONS.some(version => header === String(version))) return;
  const versions = SUPPORTED_VERSIONS.join(' and ');
  const found = header === undefined ? 'none' : JSON.stringify(String(header).slice(0, 32));
  throw new GatewayFailure(
    400,
    'UnsupportedProtocol',
    `the header ${PROTOCOL_HEADER} must be ${versions}, got ${found}: agent and operator must be at most one version apart`,
  );
}
