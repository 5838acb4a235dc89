export async function requireTools(_mode: string, _log: (line: string) => void): Promise<void> {}
