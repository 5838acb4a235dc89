import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const main = path.join(import.meta.dirname, 'main.ts');

describe("the agent's program", () => {
  it('given no assignment, then it says who is meant to start it', () => {
    const { status, stderr } = spawnSync(process.execPath, [main], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    });
    expect(stderr).toContain(
      'TAKO_ASSIGNMENT is not set: this program runs in the Pods that the Tako operator creates',
    );
    expect(status).toBe(64);
  });
});
