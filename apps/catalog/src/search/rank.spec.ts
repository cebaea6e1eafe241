import { describe, expect, it } from '@jest/globals';
import { createRng } from '@strata/kernel';
import { createInverted, type Field, type Inverted } from './inverted.js';
import { createRank, type Rank } from './rank.js';
import { finished } from './steps.js';

/** Terms of the fields of one document. */
type Document = readonly (readonly number[])[];
const PLAIN: readonly Field[] = [{ weight: 1, b: 0.75 }];

function indexOf(fields: readonly Field[], documents: readonly Document[], weights: readonly number[] = []): Inverted {
  const builder = createInverted(fields);
  documents.forEach((d, i) => {
    d.forEach((terms, field) => terms.forEach((t) => builder.add(field, t)));
    builder.next(weights[i] ?? 1);
  });
  return finished(builder.finish());
}

/** The documents found, each with its score. */
function ranking(index: Inverted, budget?: number) {
  const rank = createRank(index, budget);
  return (...query: Parameters<Rank>) => {
    const { documents, scores } = rank(...query);
    expect(scores).toHaveLength(documents.length);
    return Array.from(documents, (document, i) => ({ document, score: scores[i]! }));
  };
}

const [A, B, C] = [0, 1, 2];
/** An impact is kept in 255 steps of the greatest, and scores in steps of 1/1024. */
const tolerance = (greatest: number): number => greatest / 255 + 1 / 512;

describe('scores', () => {
  // "a b", "a a c", "b": lengths 2, 3 and 1, mean 2
  const rank = ranking(indexOf(PLAIN, [[[A, B]], [[A, A, C]], [[B]]]));

  it('are BM25, worked out by hand', () => {
    // idf(a) = ln(1 + 1.5 / 2.5) = 0.4700; document 0 has 0.4700 · 2.2 / (1 + 1.2), document 1 has 0.4700 · 4.4 / (2 + 1.2 · 1.375)
    const a = rank([{ term: A, weight: 1 }], { most: 5 });
    expect(a.map((r) => r.document)).toEqual([1, 0]);
    expect(Math.abs((a[0]?.score ?? 0) - 0.5666)).toBeLessThan(tolerance(0.5666));
    expect(Math.abs((a[1]?.score ?? 0) - 0.47)).toBeLessThan(tolerance(0.5666));
    // idf(c) = ln(1 + 2.5 / 1.5) = 0.9808; 0.9808 · 2.2 / (1 + 1.2 · 1.375) = 0.8143; b in document 2: 0.4700 · 2.2 / (1 + 1.2 · 0.625) = 0.5909
    const all = rank(
      [
        { term: A, weight: 1 },
        { term: B, weight: 1 },
        { term: C, weight: 2 },
      ],
      { most: 5 },
    );
    expect(all.map((r) => r.document)).toEqual([1, 0, 2]);
    for (const [i, expected] of [0.5666 + 2 * 0.8143, 0.47 + 0.47, 0.5909].entries())
      expect(Math.abs((all[i]?.score ?? 0) - expected)).toBeLessThan(3 * tolerance(0.8143));
  });

  it('weigh fields before they are saturated, and documents behind it', () => {
    // one term everywhere: lengths do not matter with b = 0; idf = ln(1 + 0.5 / 2.5) = 0.1823
    const fields = [
      { weight: 3, b: 0 },
      { weight: 1, b: 0 },
    ];
    const both = ranking(
      indexOf(
        fields,
        [
          [[A], [A]],
          [[], [A]],
        ],
        [1, 0.5],
      ),
    )([{ term: A, weight: 10 }], { most: 2 });
    // tf' = 4: 1.823 · 2.2 · 4 / 5.2 = 3.0856; tf' = 1, half: 1.823 / 2 = 0.9116
    expect(Math.abs((both[0]?.score ?? 0) - 3.0856)).toBeLessThan(tolerance(3.0856));
    expect(Math.abs((both[1]?.score ?? 0) - 0.9116)).toBeLessThan(tolerance(3.0856));
  });
});

describe('the best of a corpus', () => {
  const rng = createRng(11);
  const TERMS = 30;
  const random = (): Document[] =>
    Array.from({ length: 300 }, () => [
      // terms are as unequal as words
      Array.from({ length: 1 + Math.floor(rng.next() * 12) }, () => Math.floor(TERMS * rng.next() ** 3)),
    ]);

  /** BM25 of every document as the formula has it; occurrences count to three. */
  function exhaustive(documents: readonly Document[], wanted: readonly { term: number; weight: number }[]): number[] {
    const mean = documents.reduce((n, [terms]) => n + (terms?.length ?? 0), 0) / documents.length;
    return documents.map(([terms = []]) =>
      wanted.reduce((sum, { term, weight }) => {
        const df = documents.filter(([other]) => other?.includes(term)).length;
        const tf = Math.min(3, terms.filter((t) => t === term).length);
        const idf = Math.log(1 + (documents.length - df + 0.5) / (df + 0.5));
        return sum + (weight * idf * tf * 2.2) / (tf + 1.2 * (0.25 + (0.75 * terms.length) / mean));
      }, 0),
    );
  }

  it('are those of an exhaustive search', () => {
    for (let n = 0; n < 20; n++) {
      const documents = random();
      const rank = ranking(indexOf(PLAIN, documents));
      const wanted = [0, 3, 8, 20].map((term) => ({ term, weight: 0.5 + rng.next() }));
      const scores = exhaustive(documents, wanted);
      const error = 4 * tolerance(12);
      for (const most of [1, 10, 1_000]) {
        const test = (d: number): boolean => d % 3 !== n % 3;
        const found = rank(wanted, { most, test });
        const right = scores.flatMap((s, d) => (s > 0 && test(d) ? [s] : [])).sort((a, b) => b - a);
        expect(found).toHaveLength(Math.min(most, right.length));
        expect(new Set(found.map((f) => f.document)).size).toBe(found.length);
        found.forEach(({ document, score }, i) => {
          expect(test(document)).toBe(true);
          expect(Math.abs(score - (scores[document] ?? 0))).toBeLessThan(error);
          expect(Math.abs(score - (right[i] ?? 0))).toBeLessThan(error);
        });
      }
    }
  });

  it('are kept when the budget is short: the heaviest postings are added first', () => {
    const documents = random();
    const index = indexOf(PLAIN, documents);
    const wanted = [
      { term: 0, weight: 1 },
      { term: 25, weight: 1 },
    ];
    const all = ranking(index)(wanted, { most: 300 });
    const length = (t: number): number => (index.starts[t + 1] ?? 0) - (index.starts[t] ?? 0);
    const budget = length(25) + 20;
    expect(length(0)).toBeGreaterThan(2 * budget);
    const some = ranking(index, budget)(wanted, { most: 300 });
    // every holder of the rare word is there, and of the frequent one the twenty heaviest
    expect(some.length).toBeLessThanOrEqual(budget);
    const best = all.slice(0, length(25)).map((r) => r.document);
    expect(best.filter((d) => documents[d]?.[0]?.includes(25)).length).toBeGreaterThan(0);
    for (const d of best.filter((one) => documents[one]?.[0]?.includes(25)))
      expect(some.map((r) => r.document)).toContain(d);
    // one list alone: its best are exact
    const one = [{ term: 0, weight: 1 }];
    expect(ranking(index, 40)(one, { most: 10 })).toEqual(ranking(index)(one, { most: 10 }));
  });

  it('come in the order of documents where they are equal, and points come on top', () => {
    const rank = ranking(indexOf(PLAIN, [[[A]], [[B]], [[A]], [[A]]]));
    const wanted = [{ term: A, weight: 1 }];
    expect(rank(wanted, { most: 9 }).map((r) => r.document)).toEqual([0, 2, 3]);
    const points = new Map([
      [1, 0.01],
      [3, 5],
    ]);
    expect(rank(wanted, { most: 9, points }).map((r) => r.document)).toEqual([3, 0, 2, 1]);
    // nothing is left of one query in the next, not even of one that failed
    const broken = (): never => {
      throw new Error('no test');
    };
    expect(() => rank(wanted, { most: 9, points, test: broken })).toThrow('no test');
    expect(rank(wanted, { most: 9 }).map((r) => r.document)).toEqual([0, 2, 3]);
  });

  it('of an empty index are none', () => {
    expect(ranking(indexOf(PLAIN, []))([{ term: 0, weight: 1 }], { most: 5 })).toEqual([]);
  });
});
