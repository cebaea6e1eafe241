import { MOST_DOCUMENTS, STEPS, type Inverted } from './inverted.js';

export interface Wanted {
  readonly term: number;
  readonly weight: number;
}
/** Documents with their scores, in two lists. */
export interface Ranked {
  readonly documents: Uint32Array;
  readonly scores: Float64Array;
}
export interface RankOptions {
  /** Points that documents have before a term is looked at. */
  readonly points?: ReadonlyMap<number, number> | undefined;
  /** Documents that count. */
  readonly test?: ((document: number) => boolean) | undefined;
  /** Documents in the answer. */
  readonly most: number;
}
/** The documents with the highest sums of weighted impacts, highest first, equal ones in their order. */
export type Rank = (wanted: readonly Wanted[], options: RankOptions) => Ranked;

const DOCUMENT = MOST_DOCUMENTS - 1;
/** Postings that one query may add up. The heaviest are first (Lin and Trotman 2015), and below so many nothing is left out. */
export const MOST_POSTINGS = 200_000;
/** Documents that are looked at by a test. */
const MOST_TESTED = 20_000;
/** Documents that are sorted at a time, at most. */
const MOST_SORTED = 16_384;
/** Scores are sorted in steps of this size. */
const STEP = 1 / 1024;

/**
 * Ranks over one index. Impacts are added posting by posting, the heaviest segments of all lists first, until the budget is spent: exact while the
 * lists together are no longer than it, and bounded in time otherwise.
 */
export function createRank(index: Inverted, budget = MOST_POSTINGS): Rank {
  const { starts, postings, scales, documents } = index;
  const scores = new Float32Array(documents);
  const touched = new Uint32Array(documents);
  /** Scores of `touched`, side by side: those of a large map lie so far apart that each look costs as much as all else. */
  const gathered = new Float32Array(documents);
  // bits of positive floats are in the order of their values: the upper ones are the buckets of a histogram
  const bits = new Uint32Array(gathered.buffer);
  const buckets = new Uint32Array(1 << 15);
  const keys = new Float64Array(Math.min(documents, MOST_SORTED));
  let count = 0;

  const add = (document: number, score: number): void => {
    if (scores[document] === 0) touched[count++] = document;
    scores[document]! += score;
  };
  const stepAt = (at: number): number => STEPS - (postings[at]! >>> 24);
  const addRange = (from: number, to: number, step: number): void => {
    for (let at = from; at < to; at++) {
      const document = postings[at]! & DOCUMENT;
      if (scores[document] === 0) touched[count++] = document;
      scores[document]! += step * stepAt(at);
    }
  };

  /** Adds the segments of equal impact in the order of their weights while the budget lasts. */
  const addHeaviest = (lists: readonly { at: number; end: number; step: number }[]): void => {
    let left = budget;
    while (left > 0) {
      let best: (typeof lists)[number] | undefined;
      let weight = 0;
      for (const list of lists) {
        if (list.at >= list.end) continue;
        const here = list.step * stepAt(list.at);
        if (here > weight) [best, weight] = [list, here];
      }
      if (!best) return;
      const to = Math.min(endOfStep(postings, best.at, best.end), best.at + left);
      addRange(best.at, to, best.step);
      left -= to - best.at;
      best.at = to;
    }
  };

  /** Documents of the buckets `from` to below `to`, best first; not to be kept over the next call. */
  const sorted = (from: number, to: number): Float64Array => {
    let n = 0;
    for (let i = 0; i < count && n < keys.length; i++) {
      const bucket = bits[i]! >>> 16;
      if (bucket >= from && bucket < to) keys[n++] = -Math.round(gathered[i]! / STEP) * MOST_DOCUMENTS + touched[i]!;
    }
    return keys.subarray(0, n).sort();
  };

  /** Takes the scores out, which leaves room for the next query, and fills the buckets. @returns the lowest bucket and the one above the highest */
  const gather = (): [number, number] => {
    let [lowest, above] = [buckets.length, 0];
    for (let i = 0; i < count; i++) {
      const document = touched[i]!;
      gathered[i] = scores[document]!;
      scores[document] = 0;
      const bucket = bits[i]! >>> 16;
      buckets[bucket]!++;
      if (bucket < lowest) lowest = bucket;
      if (bucket >= above) above = bucket + 1;
    }
    return [lowest, above];
  };

  const choose = ({ test, most }: RankOptions, lowest: number, above: number): Ranked => {
    const room = Math.min(most, count);
    const found = { documents: new Uint32Array(room), scores: new Float64Array(room) };
    let hits = 0;
    let tested = 0;
    let size = test ? 2 * most : most;
    for (let to = above; to > lowest && hits < most && tested < MOST_TESTED; size *= 4) {
      let from = to;
      for (let n = 0; from > lowest && n < size;) n += buckets[--from]!;
      for (const key of sorted(from, to)) {
        if (hits === most) break;
        const steps = -Math.floor(key / MOST_DOCUMENTS);
        const document = key + steps * MOST_DOCUMENTS;
        tested++;
        if (test && !test(document)) continue;
        found.documents[hits] = document;
        found.scores[hits++] = steps * STEP;
      }
      to = from;
    }
    return { documents: found.documents.subarray(0, hits), scores: found.scores.subarray(0, hits) };
  };

  return (wanted, options) => {
    const lists = wanted.flatMap(({ term, weight }) => {
      const [at, end] = [starts[term] ?? 0, starts[term + 1] ?? 0];
      return at < end ? [{ at, end, step: weight * (scales[term] ?? 0) }] : [];
    });
    for (const [document, score] of options.points ?? []) if (score > 0) add(document, score);
    if (lists.reduce((n, l) => n + l.end - l.at, 0) <= budget) for (const l of lists) addRange(l.at, l.end, l.step);
    else addHeaviest(lists);
    const [lowest, above] = gather();
    try {
      return choose(options, lowest, above);
    } finally {
      buckets.fill(0, lowest, above);
      count = 0;
    }
  };
}

/** Where the postings end that have the step of the first, by doubling strides. */
function endOfStep(postings: Uint32Array, at: number, end: number): number {
  const next = ((postings[at]! >>> 24) + 1) * MOST_DOCUMENTS;
  let stride = 1;
  while (at + stride < end && postings[at + stride]! < next) stride *= 2;
  let [low, high] = [at + (stride >> 1), Math.min(at + stride, end)];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (postings[middle]! < next) low = middle + 1;
    else high = middle;
  }
  return low;
}
