import { describe, expect, it } from 'vitest';
import { highestResidentKiB } from './memory.ts';

describe('the highest resident size', () => {
  it('given /proc, then it is what the kernel says', () => {
    expect(highestResidentKiB('Name:\tnode\nVmHWM:\t   81234 kB\nVmRSS:\t   70000 kB\n')).toBe(81_234);
  });

  it('given this process, then it is some megabytes', () => {
    expect(highestResidentKiB()).toBeGreaterThan(10_000);
  });

  it('given no /proc, then it is 0', () => {
    expect(highestResidentKiB('')).toBe(0);
  });
});
