/** Means in seconds, but for the memory, which is the highest. */
export interface PodBench {
  readonly bareSeconds: number;
  readonly takoOneStepSeconds: number;
  readonly takoFiveStepSeconds: number;
  readonly bareTwentySeconds: number;
  readonly takoTwentySeconds: number;
  readonly agentRssMiB: number;
  readonly writesPerRun: number;
  readonly lockWritesPerRun: number;
}

/** What a run may cost beyond a bare Pod. One second is one relist of the kubelet. */
export const LIMITS = {
  overheadSeconds: 1.0,
  fourMoreStepsSeconds: 0.5,
  twentyRatio: 1.3,
  agentRssMiB: 80,
  writesPerRun: 6,
} as const;

/** The limits that a measurement misses, in words. */
export function checkLimits(bench: PodBench): string[] {
  const rows: [string, number, number][] = [
    ['takoOneStepSeconds - bareSeconds', bench.takoOneStepSeconds - bench.bareSeconds, LIMITS.overheadSeconds],
    [
      'takoFiveStepSeconds - takoOneStepSeconds',
      bench.takoFiveStepSeconds - bench.takoOneStepSeconds,
      LIMITS.fourMoreStepsSeconds,
    ],
    ['takoTwentySeconds / bareTwentySeconds', bench.takoTwentySeconds / bench.bareTwentySeconds, LIMITS.twentyRatio],
    ['agentRssMiB', bench.agentRssMiB, LIMITS.agentRssMiB],
    ['writesPerRun', bench.writesPerRun, LIMITS.writesPerRun],
  ];
  return rows
    .filter(([, value, limit]) => value > limit)
    .map(([name, value, limit]) => `${name} is ${value.toFixed(2)}, at most ${limit}`);
}
