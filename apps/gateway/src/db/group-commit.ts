import { isLost } from './error-code.js';

/**
 * Work that arrives while a transaction is under way goes into the next one together: many callers share one wait for the disk, and a lone
 * caller waits for nobody.
 */
export interface GroupCommit<T, R> {
  /** Resolves when the transaction that holds the item is committed. */
  add(item: T): Promise<R>;
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export function groupCommit<T, R>(options: {
  /** Items in one transaction, and transactions under way at once. */
  readonly most: number;
  readonly flying: number;
  /** One transaction; returns a result for each item, in their order. */
  readonly run: (items: readonly T[]) => Promise<readonly R[]>;
}): GroupCommit<T, R> {
  const { most, run } = options;
  let waiting: Waiting<T, R>[] = [];
  let flying = 0;
  let scheduled = false;

  const flush = async (batch: readonly Waiting<T, R>[]): Promise<void> => {
    try {
      const results = await run(batch.map((w) => w.item));
      for (const [i, w] of batch.entries()) w.resolve(results[i] as R);
    } catch (e) {
      if (batch.length === 1 || isLost(e)) for (const w of batch) w.reject(e);
      // one item that the database refuses must not take the others with it
      else for (const w of batch) await flush([w]);
    }
  };
  const fly = (): void => {
    while (waiting.length && flying < options.flying) {
      const batch = waiting.slice(0, most);
      waiting = waiting.slice(most);
      flying++;
      void flush(batch).finally(() => {
        flying--;
        fly();
      });
    }
  };
  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        if (scheduled) return;
        scheduled = true;
        // what came in the same turn of the event loop travels together
        setImmediate(() => {
          scheduled = false;
          fly();
        });
      }),
  };
}
