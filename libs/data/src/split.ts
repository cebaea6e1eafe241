import { createRng, StrataError, type Rng } from '@strata/kernel';

export interface Split {
  /** Row numbers, in file order. */
  readonly train: Int32Array;
  readonly test: Int32Array;
}

const ascending = (rows: number[]): Int32Array => Int32Array.from(rows).sort();

/** Rows of each class, classes in order of first appearance so that the result does not depend on their names. */
function byClass(labels: readonly unknown[]): number[][] {
  const groups = new Map<unknown, number[]>();
  for (const [i, label] of labels.entries()) {
    const group = groups.get(label);
    if (group) group.push(i);
    else groups.set(label, [i]);
  }
  return [...groups.values()];
}

/**
 * Splits rows at random, the same way for the same seed. With labels each class is split in the same proportion; a class of one row goes to `train`.
 * @throws StrataError `empty_data` when either part would be empty
 */
export function trainTestSplit(
  rows: number,
  options: { readonly testFraction: number; readonly seed: number; readonly labels?: readonly unknown[] },
): Split {
  const rng = createRng(options.seed).fork('split');
  const groups = options.labels ? byClass(options.labels) : [Array.from({ length: rows }, (_, i) => i)];
  const train: number[] = [];
  const test: number[] = [];
  // the remainder is carried from class to class, so that many small classes still give the asked-for total
  let carry = 0;
  for (const group of groups) {
    rng.shuffle(group);
    const exact = group.length * options.testFraction + carry;
    const n = Math.min(Math.max(0, Math.round(exact)), group.length > 1 ? group.length - 1 : 0);
    carry = exact - n;
    test.push(...group.slice(0, n));
    train.push(...group.slice(n));
  }
  if (train.length === 0 || test.length === 0)
    throw new StrataError(
      'empty_data',
      `${rows} rows cannot be split with a test fraction of ${options.testFraction}: one part would be empty.`,
    );
  return { train: ascending(train), test: ascending(test) };
}

/**
 * k parts for cross-validation: each row is in `test` exactly once. With labels each class is dealt out evenly.
 * @throws StrataError `empty_data` when there are fewer rows than folds
 */
export function kFold(
  rows: number,
  options: { readonly folds: number; readonly seed: number; readonly labels?: readonly unknown[] },
): Split[] {
  if (options.folds < 2 || rows < options.folds)
    throw new StrataError('empty_data', `${rows} rows cannot be split into ${options.folds} folds.`);
  const rng = createRng(options.seed).fork('k-fold');
  const groups = options.labels ? byClass(options.labels) : [Array.from({ length: rows }, (_, i) => i)];
  const fold = new Int32Array(rows);
  let next = 0;
  for (const group of groups) for (const row of rng.shuffle(group)) fold[row] = next++ % options.folds;
  return Array.from({ length: options.folds }, (_, k) => {
    const train: number[] = [];
    const test: number[] = [];
    for (let i = 0; i < rows; i++) (fold[i] === k ? test : train).push(i);
    return { train: Int32Array.from(train), test: Int32Array.from(test) };
  });
}

/** Mini-batches of row numbers; shuffled first when a generator is given. The last batch may be smaller. */
export function* batchIndices(rows: number | Int32Array, batchSize: number, rng?: Rng): Generator<Int32Array> {
  const order = typeof rows === 'number' ? Int32Array.from({ length: rows }, (_, i) => i) : Int32Array.from(rows);
  if (rng) rng.shuffle(order);
  for (let from = 0; from < order.length; from += batchSize) yield order.subarray(from, from + batchSize);
}
