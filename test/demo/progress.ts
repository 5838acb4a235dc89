/** Where progress goes: a terminal is redrawn, anything else gets a line whenever something changed. */
export interface Progress {
  /** What is being done now. */
  say(line: string): void;
  /** The tree as it is now. */
  tree(lines: readonly string[]): void;
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1_000).toFixed(1).padStart(6)} s`;
  let drawn = 0;
  let last = '';
  return {
    say(line) {
      drawn = 0;
      stream.write(`${seconds()}  ${line}\n`);
    },
    tree(lines) {
      // Running times change all the time; only another phase is news where nothing can be redrawn.
      const text = stream.isTTY ? lines.join('\n') : lines.map(line => line.replace(/ {2}\d+ s$/, '')).join('\n');
      if (text === last) return;
      last = text;
      if (stream.isTTY && drawn > 0) stream.write(`\u001b[${drawn}A\u001b[J`);
      for (const line of lines) stream.write(`${stream.isTTY ? '' : `${seconds()}  `}${line}\n`);
      if (!stream.isTTY) stream.write('\n');
      drawn = lines.length;
    },
  };
}
