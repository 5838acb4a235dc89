import 'reflect-metadata';
import { createPrivateKey, KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509Certificate as X509Document,
} from '@peculiar/x509';

/** An authority and a server certificate that it signed, all PEM. */
export interface Certificates {
  /** The authorities to trust, newest first: while an old one is valid it stays, for Pods that started with it. */
  readonly ca: string;
  readonly caKey: string;
  readonly certificate: string;
  readonly key: string;
}

const DAY_MS = 24 * 3_600_000;
/** Life of a server certificate. */
const CERTIFICATE_LIFETIME_MS = 365 * DAY_MS;
/** A server certificate is renewed when it has less than this left. */
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** Life of an authority: an agent pins it when its Pod is made, so it changes as rarely as can be. */
const AUTHORITY_LIFETIME_MS = 10 * CERTIFICATE_LIFETIME_MS;
/** Other nodes' clocks may be behind. */
const CLOCK_SKEW_MS = 5 * 60_000;

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const;

export interface IssueOptions {
  /** Names of the Service; the first is the subject. At least one. */
  readonly dnsNames: readonly string[];
  readonly now: Date;
  /** Signs with its authority again when that lives long enough. */
  readonly previous?: Certificates | undefined;
}

/** Makes a server certificate, and an authority when there is none to go on with. ECDSA P-256. */
export async function issueCertificates({ dnsNames, now, previous }: IssueOptions): Promise<Certificates> {
  const [commonName] = dnsNames;
  if (commonName === undefined) throw new RangeError('a certificate needs at least one DNS name');
  const authority = (await reusableAuthority(previous, now)) ?? (await createAuthority(previous, now));
  const keys = await generateKeys();
  const issuer = new X509Document(authority.ca);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${commonName}`,
    issuer: issuer.subject,
    notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(now.getTime() + CERTIFICATE_LIFETIME_MS),
    signingKey: authority.signingKey,
    publicKey: keys.publicKey,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(dnsNames.map(value => ({ type: 'dns', value }))),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return {
    ca: authority.ca,
    caKey: authority.caKey,
    certificate: `${certificate.toString('pem')}\n`,
    key: privateKeyPem(keys.privateKey),
  };
}

/** Why certificates cannot be served any longer; undefined while they can. */
export function certificateProblem(
  certificates: Certificates,
  { dnsNames, now }: Pick<IssueOptions, 'dnsNames' | 'now'>,
): string | undefined {
  try {
    const certificate = new X509Certificate(certificates.certificate);
    const authority = new X509Certificate(certificates.ca);
    const left = certificate.validToDate.getTime() - now.getTime();
    if (left < RENEW_BEFORE_MS) return `it ends at ${certificate.validToDate.toISOString()}`;
    if (authority.validToDate < certificate.validToDate) return 'its authority ends before it does';
    if (!certificate.checkPrivateKey(createPrivateKey(certificates.key))) return 'its key is another one';
    if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey))
      return 'its authority is another one';
    const missing = dnsNames.find(name => certificate.checkHost(name, { subject: 'never' }) === undefined);
    return missing === undefined ? undefined : `it is not for ${missing}`;
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

interface Authority {
  readonly ca: string;
  readonly caKey: string;
  readonly signingKey: webcrypto.CryptoKey;
}

/** The authority of before, if it can be read and outlives the next server certificate. */
async function reusableAuthority(previous: Certificates | undefined, now: Date): Promise<Authority | undefined> {
  if (previous === undefined) return undefined;
  try {
    const key = createPrivateKey(previous.caKey);
    const authority = new X509Certificate(previous.ca);
    const outlives = authority.validToDate.getTime() >= now.getTime() + CERTIFICATE_LIFETIME_MS;
    if (!outlives || !authority.checkPrivateKey(key)) return undefined;
    return { ca: previous.ca, caKey: previous.caKey, signingKey: await importSigningKey(key) };
  } catch {
    return undefined;
  }
}

async function createAuthority(previous: Certificates | undefined, now: Date): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=tako-gateway-ca',
    notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_LIFETIME_MS),
    keys,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pem = `${certificate.toString('pem')}\n`;
  return { ca: pem + stillValid(previous, now), caKey: privateKeyPem(keys.privateKey), signingKey: keys.privateKey };
}

/** The newest authority of before while it is valid: the other replica may serve with it for a moment yet. */
function stillValid(previous: Certificates | undefined, now: Date): string {
  if (previous === undefined) return '';
  try {
    const authority = new X509Certificate(previous.ca);
    return authority.validToDate > now ? authority.toString() : '';
  } catch {
    return '';
  }
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
}

function privateKeyPem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function importSigningKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), KEY, true, ['sign']);
}

/** 127 random bits: unique, and positive as RFC 5280 wants it. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}
