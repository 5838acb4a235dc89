import { expect, test } from 'vitest';
import { differences, type Snapshot, snapshot } from './snapshot.ts';

const empty: Snapshot = {
  mounts: [],
  links: [],
  routes: [],
  networkNamespaces: [],
  iptables: [],
  cgroups: [],
  sysctls: [],
};

test('differences: given what came and what went, then both by part, and no part without any', () => {
  const before = { ...empty, links: ['eth0', 'lo'], sysctls: ['/proc/sys/kernel/panic:1'] };
  const after = { ...empty, links: ['lo', 'veth1'], sysctls: ['/proc/sys/kernel/panic:1'] };
  expect(differences(before, after)).toEqual({ links: ['- eth0', '+ veth1'] });
});

test('snapshot: given this machine, then the parts that every machine has are not empty', async () => {
  const now = await snapshot('none');
  expect(now.links).toContain('lo');
  expect(now.mounts.join('\n')).toContain('/proc ');
  expect(now.sysctls.length).toBeGreaterThan(100);
  expect(now.cgroups).toEqual([]);
});
