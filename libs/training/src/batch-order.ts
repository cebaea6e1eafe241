import { StrataError, type Rng } from '@strata/kernel';

/** How rows become mini-batches. */
export interface OrderOptions {
  /** Rows of a batch at most. */
  readonly batchSize: number;
  /** Rows come in another order in each epoch; default true. */
  readonly shuffle?: boolean;
  /** Leaves the rows out that do not fill a batch; others take their place in the next epoch. */
  readonly dropLast?: boolean;
  /** Length of each row: rows of similar length come together, so that little is padded. */
  readonly lengths?: ArrayLike<number>;
  /** Batches that are sorted by length together; default 50, `Infinity` sorts all. More pads less and mixes less. */
  readonly pool?: number;
  /** Limit of rows × longest row of a batch. Needs `lengths`; all rows are sorted together. */
  readonly tokensPerBatch?: number;
  /** Class of each row: all classes are drawn equally often, rows of small ones several times in an epoch. */
  readonly classes?: ArrayLike<number>;
}

/** The batches of each epoch: a pure function of seed and epoch, so a checkpoint need not hold them. */
export interface BatchOrder {
  /** Batches of an epoch, the same number in each. */
  readonly perEpoch: number;
  epoch(epoch: number): readonly Int32Array[];
}

/** The order of an epoch's rows. */
export function epochOrder(rng: Rng, rows: number, epoch: number): Int32Array {
  return rng.fork(`epoch ${epoch}`).shuffle(Int32Array.from({ length: rows }, (_, i) => i));
}

/** @throws StrataError `empty_data`, `invalid_parameter` */
export function createOrder(rows: number, rng: Rng, options: OrderOptions): BatchOrder {
  const { batchSize, shuffle = true, lengths, tokensPerBatch, classes } = options;
  check(rows, options);
  const rowsOf = (epoch: number): Int32Array => {
    if (classes) return balanced(rng.fork(`epoch ${epoch}`), classes);
    return shuffle ? epochOrder(rng, rows, epoch) : Int32Array.from({ length: rows }, (_, i) => i);
  };
  const cut = (order: Int32Array): Int32Array[] => {
    const batches: Int32Array[] = [];
    let from = 0;
    while (from < order.length) {
      const to =
        lengths && tokensPerBatch !== undefined ? withinBudget(order, from, lengths, options) : from + batchSize;
      batches.push(order.subarray(from, to));
      from = to;
    }
    const last = batches.at(-1);
    if (options.dropLast && tokensPerBatch === undefined && last && last.length < batchSize) batches.pop();
    return batches;
  };
  const batchesOf = (epoch: number): Int32Array[] => {
    const order = rowsOf(epoch);
    if (!lengths) return cut(order);
    const pool = tokensPerBatch === undefined ? (options.pool ?? 50) * batchSize : rows;
    // what is left out is so before the rows are sorted: it would be the longest ones each time
    const filling = options.dropLast && tokensPerBatch === undefined ? rows - (rows % batchSize) : rows;
    const batches = cut(sortedInPools(order.subarray(0, filling), lengths, pool));
    return shuffle ? rng.fork(`batches ${epoch}`).shuffle(batches) : batches;
  };
  let kept = { epoch: 0, batches: batchesOf(0) };
  const perEpoch = kept.batches.length;
  if (perEpoch === 0)
    throw new StrataError('empty_data', `${rows} rows do not fill one batch of ${batchSize}: take a smaller batch`);
  return {
    perEpoch,
    epoch(epoch) {
      if (kept.epoch !== epoch) kept = { epoch, batches: batchesOf(epoch) };
      return kept.batches;
    },
  };
}

function check(rows: number, { lengths, tokensPerBatch, classes }: OrderOptions): void {
  if (rows === 0) throw new StrataError('empty_data', 'there is no row to train on');
  for (const [name, list] of Object.entries({ lengths, classes }))
    if (list && list.length !== rows)
      throw new StrataError('invalid_parameter', `${name} are ${list.length} numbers for ${rows} rows`);
  if (tokensPerBatch !== undefined && (!lengths || classes))
    throw new StrataError(
      'invalid_parameter',
      'a budget of tokens needs the lengths of the rows, and does not go with balanced classes',
    );
}

/** Pools of rows, each in order of length; the sort is stable, so rows of one length stay shuffled. */
function sortedInPools(order: Int32Array, lengths: ArrayLike<number>, pool: number): Int32Array {
  const sorted = new Int32Array(order.length);
  for (let from = 0; from < order.length; from += pool) {
    const part = Array.from(order.subarray(from, from + pool));
    sorted.set(
      part.sort((a, b) => (lengths[a] as number) - (lengths[b] as number)),
      from,
    );
  }
  return sorted;
}

/** End of the batch that begins at `from`: as many rows as the budget holds, at least one. Rows come in order of length. */
function withinBudget(order: Int32Array, from: number, lengths: ArrayLike<number>, options: OrderOptions): number {
  const { batchSize, tokensPerBatch = Infinity } = options;
  let to = from + 1;
  while (to < order.length && to - from < batchSize) {
    const longest = lengths[order[to] as number] as number;
    if ((to - from + 1) * longest > tokensPerBatch) break;
    to++;
  }
  return to;
}

/** As many rows as there are, from each class the same number give or take one: its rows in random order, over and over. */
function balanced(rng: Rng, classes: ArrayLike<number>): Int32Array {
  const members = new Map<number, number[]>();
  for (let i = 0; i < classes.length; i++) {
    const c = classes[i] as number;
    const list = members.get(c);
    if (list) list.push(i);
    else members.set(c, [i]);
  }
  const lists = [...members.entries()].sort(([a], [b]) => a - b).map(([, list]) => ({ list, at: list.length }));
  const draw = (i: number): number => {
    const from = lists[i % lists.length] as { list: number[]; at: number };
    if (from.at === from.list.length) {
      rng.shuffle(from.list);
      from.at = 0;
    }
    return from.list[from.at++] as number;
  };
  return rng.shuffle(Int32Array.from({ length: classes.length }, (_, i) => draw(i)));
}
