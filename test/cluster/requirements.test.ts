import { describe, expect, test } from 'vitest';
import { isDebian, type Machine, missing } from './requirements.ts';

const machine = (changes: Partial<Machine> = {}): Machine => ({
  platform: 'linux',
  root: true,
  debian: true,
  go: '1.26.8',
  has: () => true,
  ...changes,
});
const without = (...proofs: string[]): Machine => machine({ has: proof => !proofs.includes(proof) });

describe('missing', () => {
  test('given a machine with everything, then nothing', () => {
    expect(missing(machine(), 'full')).toEqual({ packages: [], problems: [] });
  });

  test('given a Debian without some packages, then these are to be installed, which is no problem', () => {
    expect(missing(without('buildah', '/usr/lib/cni/ptp'), 'full')).toEqual({
      packages: ['containernetworking-plugins', 'buildah'],
      problems: [],
    });
  });

  test('given a control plane only, then what runs Pods is not needed', () => {
    expect(missing(without('buildah', 'containerd', 'openssl'), 'control-plane').packages).toEqual(['openssl']);
  });

  test('given the tests as the purpose, then what they run against is needed too', () => {
    const found = missing(without('dash', '/usr/sbin/sshd', 'runc'), 'tests');
    expect(found.packages).toEqual(['runc', 'dash', 'openssh-server']);
    expect(missing(without('dash', '/usr/sbin/sshd'), 'full').packages).toEqual([]);
  });

  test('given another system without some packages, then the problem names them as Debian does', () => {
    const { problems } = missing({ ...without('containerd', 'ip'), debian: false }, 'full');
    expect(problems).toEqual([expect.stringContaining('iproute2, containerd')]);
  });

  test('given a user who is not root and has no Go, then both are named at once', () => {
    const { problems } = missing(machine({ root: false, go: undefined }), 'control-plane');
    expect(problems).toEqual([expect.stringContaining('root'), expect.stringMatching(/Go 1\.24.*go\.dev\/dl/)]);
  });

  test.each([
    ['1.19.8', true],
    ['1.9', true],
    ['1.23.99', true],
    ['1.24', false],
    ['1.24rc1', false],
    ['1.26.8', false],
    ['2.0', false],
  ])('given Go %s, then that it is too old is %s', (go, tooOld) => {
    expect(missing(machine({ go }), 'control-plane').problems).toHaveLength(tooOld ? 1 : 0);
  });

  test.each(['darwin', 'win32'] as const)('given %s, then it says that it needs Linux, and nothing else', platform => {
    const { problems } = missing(machine({ platform, root: false, go: undefined, has: () => false }), 'full');
    expect(problems).toEqual([`it needs Linux, this is ${platform}`]);
  });
});

test.each([
  ['ID=debian\nVERSION_ID="12"\n', true],
  ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', true],
  ['ID=fedora\nHOME_URL="https://debian.example"\n', false],
  ['ID=alpine\n', false],
])('isDebian: given %j, then %s', (osRelease, expected) => {
  expect(isDebian(osRelease)).toBe(expected);
});
