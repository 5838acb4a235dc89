import { X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { certificateProblem, issueCertificates } from './certificates.ts';

const DAY_MS = 24 * 3_600_000;
const now = new Date('2026-01-01T00:00:00Z');
const dnsNames = ['tako-gateway.tako-system.svc', 'tako-gateway.tako-system.svc.cluster.local'];
const later = (days: number): Date => new Date(now.getTime() + days * DAY_MS);
const authorities = (ca: string): string[] => ca.match(/-----BEGIN CERTIFICATE-----/g) ?? [];

/** The name that a TLS handshake with these certificates ends with, or its error. */
async function handshake(
  served: { certificate: string; key: string },
  ca: string,
  servername: string,
): Promise<string> {
  const server = createServer({ cert: served.certificate, key: served.key });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  try {
    return await new Promise<string>(resolve => {
      const socket = connect({ port, host: '127.0.0.1', ca, servername });
      socket.once('error', error => resolve((error as NodeJS.ErrnoException).code ?? error.message));
      socket.once('secureConnect', () => {
        resolve(socket.getPeerCertificate().subject.CN as string);
        socket.destroy();
      });
    });
  } finally {
    server.close();
  }
}

describe('issueCertificates', () => {
  it('given the names of a Service, then a client that trusts the authority is satisfied, and no other', async () => {
    const certificates = await issueCertificates({ dnsNames, now: new Date() });
    const stranger = await issueCertificates({ dnsNames, now: new Date() });
    for (const name of dnsNames) expect(await handshake(certificates, certificates.ca, name)).toBe(dnsNames[0]);
    expect(await handshake(certificates, certificates.ca, 'other.svc')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await handshake(certificates, stranger.ca, dnsNames[0]!)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  it('given a new certificate, then it is as RFC 5280 and the design want it', async () => {
    const { ca, certificate } = await issueCertificates({ dnsNames, now });
    const server = new X509Certificate(certificate);
    const authority = new X509Certificate(ca);
    expect(server.validFromDate.getTime()).toBe(now.getTime() - 300_000);
    expect(server.validToDate).toEqual(later(365));
    expect(authority.validToDate).toEqual(later(3_650));
    expect([server.ca, authority.ca]).toEqual([false, true]);
    expect(server.subjectAltName).toBe(dnsNames.map(name => `DNS:${name}`).join(', '));
    expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(server.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(server.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  it('given earlier certificates, then the authority stays, so that running agents go on', async () => {
    const first = await issueCertificates({ dnsNames, now });
    const second = await issueCertificates({ dnsNames, now: later(340), previous: first });
    expect(second.ca).toBe(first.ca);
    expect(second.caKey).toBe(first.caKey);
    expect(second.certificate).not.toBe(first.certificate);
    expect(certificateProblem(second, { dnsNames, now: later(340) })).toBeUndefined();
  });

  it('given an authority that ends before the next certificate would, then a new one, and the old is trusted to its end', async () => {
    const first = await issueCertificates({ dnsNames, now });
    const second = await issueCertificates({ dnsNames, now: later(3_300), previous: first });
    expect(second.ca).not.toBe(first.ca);
    expect(second.ca).toContain(first.ca.trim());
    expect(authorities(second.ca)).toHaveLength(2);
    expect(certificateProblem(second, { dnsNames, now: later(3_300) })).toBeUndefined();
    const third = await issueCertificates({ dnsNames, now: later(3_300 + 3_650), previous: second });
    expect(authorities(third.ca)).toHaveLength(1);
  });

  it.each([
    ['an unreadable authority', { ca: 'rubbish' }],
    ['an unreadable key', { caKey: 'rubbish' }],
  ])('given %s, then a new one', async (_what, damage) => {
    const first = await issueCertificates({ dnsNames, now });
    const second = await issueCertificates({ dnsNames, now, previous: { ...first, ...damage } });
    expect(certificateProblem(second, { dnsNames, now })).toBeUndefined();
  });

  it('given the key of another authority, then a new one', async () => {
    const [first, other] = [await issueCertificates({ dnsNames, now }), await issueCertificates({ dnsNames, now })];
    const second = await issueCertificates({ dnsNames, now, previous: { ...first, caKey: other.caKey } });
    expect(second.caKey).not.toBe(other.caKey);
    expect(certificateProblem(second, { dnsNames, now })).toBeUndefined();
  });

  it('given no name, then it throws', async () => {
    await expect(issueCertificates({ dnsNames: [], now })).rejects.toThrow('at least one DNS name');
  });
});

describe('certificateProblem', () => {
  it('given a certificate, then it is good until 30 days before its end', async () => {
    const certificates = await issueCertificates({ dnsNames, now });
    expect(certificateProblem(certificates, { dnsNames, now: later(335) })).toBeUndefined();
    expect(certificateProblem(certificates, { dnsNames, now: later(335.01) })).toBe(
      'it ends at 2027-01-01T00:00:00.000Z',
    );
  });

  it('given another name than it was made for, then it is not good', async () => {
    const certificates = await issueCertificates({ dnsNames, now });
    expect(certificateProblem(certificates, { dnsNames: [...dnsNames, 'new.svc'], now })).toBe('it is not for new.svc');
  });

  it('given parts that do not belong together, then it is not good', async () => {
    const [one, other] = [await issueCertificates({ dnsNames, now }), await issueCertificates({ dnsNames, now })];
    expect(certificateProblem({ ...one, key: other.key }, { dnsNames, now })).toBe('its key is another one');
    expect(certificateProblem({ ...one, ca: other.ca }, { dnsNames, now })).toBe('its authority is another one');
    expect(certificateProblem({ ...one, certificate: 'x' }, { dnsNames, now })).toMatch(/^it cannot be read: /);
  });

  it('given an authority that ends first, then it is not good', async () => {
    const old = await issueCertificates({ dnsNames, now: later(-3_500) });
    const young = await issueCertificates({ dnsNames, now });
    expect(certificateProblem({ ...young, ca: old.ca }, { dnsNames, now })).toBe('its authority ends before it does');
  });
});
