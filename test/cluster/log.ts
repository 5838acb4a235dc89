/** Receives progress, a line at a time, for a person to read. */
export type Log = (line: string) => void;
