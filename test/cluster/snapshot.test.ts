import { expect, test } from 'vitest';
import { differences, type Snapshot } from './snapshot.ts';

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
