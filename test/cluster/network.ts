/**
 * The cluster's addresses. All clusters have the same, as each is in a network namespace of its own; 198.18.0.0/15 is
 * reserved for tests (RFC 2544), so that it hides no address that a test could mean.
 */
export const NODE_ADDRESS = '198.18.0.1';
export const POD_RANGE = '10.244.0.0/22';
export const SERVICE_RANGE = '10.96.0.0/16';
/** The first of the Services' range is the API server's, by Kubernetes' own rule. */
export const KUBERNETES_SERVICE = '10.96.0.1';
export const DNS_SERVICE = '10.96.0.10';
export const DOMAIN = 'cluster.local';
export const API_SERVER = `https://${NODE_ADDRESS}:6443`;
export const NODE_NAME = 'local';
