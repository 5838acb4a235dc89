/** How long a holder may be silent unless it asks for another time, seconds. */
export const DEFAULT_LOCK_SECONDS = 30 * 60;

/** The longest that a holder may be silent, seconds. */
export const MAX_LOCK_SECONDS = 2 * 3_600;

/** A waiter that no keeper had in hand for so long has gone, milliseconds. It asks anew when it has not. */
export const WAITER_SILENCE_MS = 60_000;

/** A keeper says this often that it has a waiter in hand, milliseconds: a third of the time after which it would be dropped. */
export const WAITER_REFRESH_MS = 20_000;

/** Holders and waiters together. At 900 bytes each, with the longest names there are, they fit into the 256 KiB of an object's annotations. */
export const MAX_ENTRIES = 250;

/** Of a published generation: more are neither cached together nor written into a Lease. */
export const MAX_COMMITS = 50;

/** Ids that were given back and are remembered. Late requests are seconds late: dozens of later locks lie between. */
export const MAX_RELEASED = 32;

/**
 * The highest generation that anybody may claim to have seen. A Lease counts to 2^31 - 1 (leaseTransitions is an int32), so no claim can use
 * the numbers up.
 */
export const MAX_SEEN_FENCE = 1_000_000_000;
