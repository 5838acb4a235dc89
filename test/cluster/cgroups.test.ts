import { expect, test } from 'vitest';
import { cgroupMounts, cpuHierarchy } from './cgroups.ts';

const V1 = `21 20 0:19 / /sys rw,relatime shared:2 - sysfs sysfs rw
25 21 0:22 / /sys/fs/cgroup rw,relatime shared:4 - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu rw,relatime shared:5 - cgroup cgroup rw,cpu
27 25 0:24 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
28 25 0:25 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const V2 = `30 21 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n`;

test('given controllers of v1 beside v2, then each is a hierarchy, and the tmpfs that holds them is none', () => {
  expect(cgroupMounts(V1)).toEqual(['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/unified']);
});

test('given v2 alone, then there is one', () => {
  expect(cgroupMounts(V2)).toEqual(['/sys/fs/cgroup']);
});

test('given no cgroups, then there are none', () => {
  expect(cgroupMounts('')).toEqual([]);
});

test('given controllers of v1 beside v2, then CPU time is shared out by the one for it', () => {
  expect(cpuHierarchy(V1)).toMatchObject({ version: 1, path: '/sys/fs/cgroup/cpu' });
});

test('given a controller that is mounted together with another, then it is found', () => {
  const both = V1.replace('/sys/fs/cgroup/cpu ', '/sys/fs/cgroup/cpu,cpuacct ').replace('rw,cpu\n', 'rw,cpu,cpuacct\n');
  expect(cpuHierarchy(both)).toMatchObject({ version: 1, path: '/sys/fs/cgroup/cpu,cpuacct' });
});

test.each([
  ['v2 alone', V2, '/sys/fs/cgroup'],
  ['v1 without a controller for CPU time', V1.replace('rw,cpu\n', 'rw,cpuset\n'), '/sys/fs/cgroup/unified'],
])('given %s, then it is v2 that shares out CPU time', (_, mountInfo, path) => {
  expect(cpuHierarchy(mountInfo)).toMatchObject({ version: 2, path });
});

test('given no cgroups, then nothing shares out CPU time', () => {
  expect(cpuHierarchy('')).toBeUndefined();
});
