/** One round of the benchmark of locks. */
export interface LockBench {
  readonly contenders: number;
  readonly grants: number;
  readonly grantsPerSecond: number;
  readonly p50WaitMs: number;
  readonly p99WaitMs: number;
  /** Overlaps that the observer saw. */
  readonly violations: number;
}

/** What else was measured of a round. */
export interface MeasuredRound {
  readonly bench: LockBench;
  /** Writes of the Lease for each grant, those that came in vain too. */
  readonly writesPerGrant: number;
  /** What a compare-and-swap of a Lease takes beside no other, milliseconds. */
  readonly plainWriteMs: number;
}

export const LOCK_LIMITS = {
  /** Alone: one write to take it and one to give it back. */
  writesAlone: 2.05,
  /** Together, writes serve several. */
  writesTogether: 1.5,
  /** Of the grants a second that two plain writes and the time of holding leave: the rest is for a machine that does something else too. */
  shareOfPlainWrites: 0.25,
  /** Of the grants a second that one contender gets alone: to contend is not to lose time. */
  shareOfAlone: 0.8,
} as const;

/** The limits that the rounds miss, in words; the first round is that of one contender. */
export function checkLockLimits([alone, ...together]: readonly MeasuredRound[], holdMs: number): string[] {
  if (alone === undefined) return ['nothing was measured'];
  const possible = 1_000 / (holdMs + 2 * alone.plainWriteMs);
  const rate = alone.bench.grantsPerSecond;
  return [
    ...[alone, ...together].map(({ bench }) =>
      atMost(`violations, ${bench.contenders} contenders`, bench.violations, 0),
    ),
    atMost('writes for each grant, alone', alone.writesPerGrant, LOCK_LIMITS.writesAlone),
    atLeast('grants a second, alone', rate, possible * LOCK_LIMITS.shareOfPlainWrites),
    ...together.flatMap(({ bench, writesPerGrant }) => {
      const of = `${bench.contenders} contenders`;
      return [
        atMost(`writes for each grant, ${of}`, writesPerGrant, LOCK_LIMITS.writesTogether),
        atLeast(`grants a second, ${of}`, bench.grantsPerSecond, rate * LOCK_LIMITS.shareOfAlone),
      ];
    }),
  ].flatMap(missed => missed ?? []);
}

function atMost(what: string, value: number, limit: number): string | undefined {
  return value <= limit ? undefined : `${what}: ${value.toFixed(2)}, at most ${limit.toFixed(2)}`;
}

function atLeast(what: string, value: number, limit: number): string | undefined {
  return value >= limit ? undefined : `${what}: ${value.toFixed(2)}, at least ${limit.toFixed(2)}`;
}
