import { byScore, type Hit } from '../search/search.js';

// Chosen on questions that are not those of the tests.
/** Of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009, who take 60 for lists of a thousand). */
const K = 10;
/** The weight of the ranking by meaning; words have 1. */
const SHARE = 0.7;
/** A best hit by words of at least this score is called by a good part of the query. */
const SURE = 18;

/**
 * Joins two rankings. Where words are sure of what is asked for, all that they found stays in front, in its order, and meaning adds what they miss; where they have found scattered words,
 * entries are ordered by Σ w / (10 + rank), except that those whose name is the query stay in front. Scores compare within one answer only.
 * @param named whether a hit of the first ranking is called what was asked for
 */
export function fused(words: readonly Hit[], meaning: readonly Hit[], named: (hit: Hit) => boolean): Hit[] {
  const scores = new Map<string, number>();
  const found = new Map<string, Hit>();
  for (const [ranking, weight] of [
    [words, 1],
    [meaning, SHARE],
  ] as const)
    for (const [i, hit] of ranking.entries()) {
      const { slug } = hit.node;
      found.set(slug, hit);
      scores.set(slug, (scores.get(slug) ?? 0) + weight / (K + i + 1));
    }
  const first = (words[0]?.score ?? 0) >= SURE ? words : words.filter(named);
  // no sum of the above reaches 1
  for (const [i, { node }] of first.entries()) scores.set(node.slug, 1 + (first.length - i) / first.length);
  return [...found.values()].map((hit) => ({ ...hit, score: scores.get(hit.node.slug) as number })).sort(byScore);
}
