/** Anything with a time that sorts as text. */
interface Timed {
  time: string;
}

/** Several iterables, each in order of time, as one. Reads from each only as far as it needs to. */
export async function* mergedByTime<Item extends Timed>(sources: readonly AsyncIterable<Item>[]): AsyncGenerator<Item> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
    for (;;) {
      const index = earliest(heads);
      const head = heads[index];
      const iterator = iterators[index];
      if (head === undefined || head.done || iterator === undefined) return;
      yield head.value;
      heads[index] = await iterator.next();
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

/** Index of the head with the smallest time, the first of equals; -1 where all have ended. */
function earliest<Item extends Timed>(heads: readonly IteratorResult<Item>[]): number {
  let best = -1;
  let bestTime = "";
  heads.forEach((head, index) => {
    if (head.done || (best !== -1 && head.value.time >= bestTime)) return;
    best = index;
    bestTime = head.value.time;
  });
  return best;
}

/**
 * Brings items that arrive almost in order into order: holds each for a moment and hands over what came meanwhile
 * sorted. Whoever pushes waits while too much is held, so that a reader that stands still stops the writers.
 */
export interface Reorderer<Item extends Timed> {
  push(item: Item): Promise<void>;
  /** Hands over the rest; nothing may be pushed after it. */
  end(): Promise<void>;
}

const holdTime = 80;
const mostHeld = 5_000;

export function reorderer<Item extends Timed>(
  onItem: (item: Item) => void | Promise<void>,
  onError: (error: unknown) => void,
): Reorderer<Item> {
  let held: Item[] = [];
  let flushing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  const flush = () => {
    timer = undefined;
    const ready = held.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    held = [];
    flushing = flushing.then(async () => {
      for (const item of ready) await onItem(item);
    });
    flushing.catch(onError);
  };
  return {
    async push(item) {
      held.push(item);
      timer ??= setTimeout(flush, holdTime);
      if (held.length < mostHeld) return;
      clearTimeout(timer);
      flush();
      await flushing;
    },
    async end() {
      clearTimeout(timer);
      flush();
      await flushing;
    },
  };
}
