/** Node fires timers beyond this at once (https://nodejs.org/api/timers.html), so longer waits are cut into pieces. */
const LONGEST_NODE_TIMER = 2 ** 31 - 1;

/** Calls back once after `ms` milliseconds, of any length; at once when that is over. Returns the way to stop it. */
export function startTimer(callback: () => void, ms: number): () => void {
  let timer: NodeJS.Timeout;
  const arm = (left: number): void => {
    const piece = Math.min(Math.max(left, 0), LONGEST_NODE_TIMER);
    timer = setTimeout(() => (left > piece ? arm(left - piece) : callback()), piece);
  };
  arm(ms);
  return () => clearTimeout(timer);
}
