/** What the generations of one repository look like on the volume. */
export interface Volume {
  /** The highest that is whole; 0 when there is none. */
  highest(): number;
  /** Renames what `writer` has written to its place, as rename(2): false when something is there. */
  finish(fence: number, writer: string): boolean;
  /** Who wrote it; undefined when it is not there. */
  writerOf(fence: number): string | undefined;
  /** Notes that it is published; the highest that ever was. */
  publish(fence: number): number;
  deleteBelow(fence: number): void;
}

export function createVolume(): Volume {
  const generations = new Map<number, string>();
  let published = 0;
  return {
    highest: () => Math.max(0, ...generations.keys()),
    finish: (fence, writer) => {
      if (generations.has(fence)) return false;
      generations.set(fence, writer);
      return true;
    },
    writerOf: fence => generations.get(fence),
    publish: fence => {
      published = Math.max(published, fence);
      return published;
    },
    deleteBelow: fence => {
      for (const one of generations.keys()) if (one < fence) generations.delete(one);
    },
  };
}
