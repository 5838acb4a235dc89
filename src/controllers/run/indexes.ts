/** Names of the indexes that the run controller needs on its stores. */
export const RUN_INDEXES = {
  /** Runs by the UID of the run that controls them. */
  owner: 'owner',
  /** Runs by the UID of a Pod of theirs. */
  podUid: 'podUid',
} as const;
export const POD_INDEXES = {
  /** Pods by the key of the TakoRun that controls them. */
  run: 'run',
} as const;
