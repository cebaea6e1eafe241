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
  const near = new Map(meaning.map((hit, i) => [hit.node.slug, { ...hit, score: SHARE / (K + i + 1) }]));
  const sure = (words[0]?.score ?? 0) >= SURE;
  const first: Hit[] = [];
  const others: Hit[] = [];
  for (const [i, hit] of words.entries()) {
    const { slug } = hit.node;
    if (sure || named(hit)) first.push(hit);
    else others.push({ ...hit, score: 1 / (K + i + 1) + (near.get(slug)?.score ?? 0) });
    near.delete(slug);
  }
  // no sum of the others reaches 1
  return [
    ...first.map((hit, i) => ({ ...hit, score: 1 + (first.length - i) / first.length })),
    ...[...others, ...near.values()].sort(byScore),
  ];
}
