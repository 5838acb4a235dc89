/** A binary heap: the smallest element first. */
export interface Heap<T> {
  readonly size: number;
  push(element: T): void;
  peek(): T | undefined;
  pop(): T | undefined;
}

/** @param isBefore whether `a` comes out before `b`; must be a strict weak order */
export function createHeap<T>(isBefore: (a: T, b: T) => boolean): Heap<T> {
  const elements: T[] = [];

  const swap = (i: number, j: number): void => {
    [elements[i], elements[j]] = [elements[j]!, elements[i]!];
  };

  const rise = (start: number): void => {
    let child = start;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!isBefore(elements[child]!, elements[parent]!)) return;
      swap(child, parent);
      child = parent;
    }
  };

  const sink = (): void => {
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let first = parent;
      if (left < elements.length && isBefore(elements[left]!, elements[first]!)) first = left;
      if (right < elements.length && isBefore(elements[right]!, elements[first]!)) first = right;
      if (first === parent) return;
      swap(parent, first);
      parent = first;
    }
  };

  return {
    get size() {
      return elements.length;
    },
    push: element => {
      elements.push(element);
      rise(elements.length - 1);
    },
    peek: () => elements[0],
    pop: () => {
      if (elements.length <= 1) return elements.pop();
      const first = elements[0];
      elements[0] = elements.pop()!;
      sink();
      return first;
    },
  };
}
