/** How rows of different lengths are padded when each length needs a graph of its own, as unrolled recurrent layers do. */
export interface LengthBuckets {
  /** Lengths that rows are padded to, ascending; the last is that of the longest row. */
  readonly limits: readonly number[];
  /** The limit of each row: as `lengths` of an order with `pool: Infinity`, it brings rows of one limit together, and those that fill no batch to the next longer ones. */
  readonly padded: Int32Array;
  /** What a batch of these rows is padded to. */
  of(rows: Int32Array): number;
}

export interface LengthBucketOptions {
  readonly batchSize: number;
  /** Passes over the rows. */
  readonly epochs: number;
  /** Most limits; default 6. Each graph that has run keeps its memory. */
  readonly most?: number;
}

/** Limits lie at multiples of this, apart from the last: finer ones save less than a graph costs. */
const MULTIPLE = 4;
/**
 * Steps of training that take as long as deriving the graph that they run on and opening its session: both grow with the length. Measured for batches of 32: 30 with 64 units, 8 with 256; a limit too few
 * costs more than one too many.
 */
const OPENING = 30;

/** The limits with which opening the graphs and training on padded rows take the least time together. */
export function lengthBuckets(lengths: ArrayLike<number>, options: LengthBucketOptions): LengthBuckets {
  const longest = Math.max(1, maxOf(lengths));
  const places = Array.from({ length: Math.ceil(longest / MULTIPLE) }, (_, i) => Math.min(longest, (i + 1) * MULTIPLE));
  const limits = cheapest(places, rowsUpTo(places, lengths), options);
  const limitOf = (length: number): number => limits.find((l) => l >= length) ?? longest;
  const padded = Int32Array.from(lengths, limitOf);
  return { limits, padded, of: (rows) => rows.reduce((n, r) => Math.max(n, padded[r] as number), 1) };
}

const maxOf = (lengths: ArrayLike<number>): number => Array.from(lengths).reduce((a, b) => Math.max(a, b), 0);

/** How many rows are no longer than each place. */
function rowsUpTo(places: readonly number[], lengths: ArrayLike<number>): number[] {
  const counts = places.map(() => 0);
  for (const length of Array.from(lengths)) {
    const i = Math.max(0, Math.ceil(length / MULTIPLE) - 1);
    counts[i] = (counts[i] as number) + 1;
  }
  let sum = 0;
  return counts.map((n) => (sum += n));
}

/** Of all choices among the places that hold the last one, the cheapest: dynamic programming over the number of limits and the highest of them. */
function cheapest(places: readonly number[], upTo: readonly number[], options: LengthBucketOptions): number[] {
  const { batchSize, epochs, most = 6 } = options;
  /** Cost of a limit at place `to` for the rows above place `from`. */
  const cost = (from: number, to: number): number => {
    const rows = (upTo[to] as number) - (from < 0 ? 0 : (upTo[from] as number));
    return (places[to] as number) * ((rows * epochs) / batchSize + OPENING);
  };
  const last = places.length - 1;
  // best[i]: the cheapest limits whose highest is place i, so many as the round says
  let best = places.map((_, i) => ({ cost: cost(-1, i), chosen: [i] }));
  let found = best[last] as (typeof best)[number];
  for (let n = 2; n <= most; n++) {
    const fewer = best;
    best = places.map((_, i) =>
      fewer.slice(0, i).reduce(
        (least, b, j) => {
          const sum = b.cost + cost(j, i);
          return sum < least.cost ? { cost: sum, chosen: [...b.chosen, i] } : least;
        },
        { cost: Infinity, chosen: [] as number[] },
      ),
    );
    const now = best[last] as (typeof best)[number];
    if (now.cost < found.cost) found = now;
  }
  return found.chosen.map((i) => places[i] as number);
}
