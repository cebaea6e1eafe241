import type { MapNode } from '../map/map.js';

interface Scored {
  readonly node: MapNode;
  readonly score: number;
}

/** Of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009, who take 60 for lists of a thousand), and the share of the second ranking: chosen on questions that are not those of the tests. */
const K = 5;
const SHARE = 0.7;

/**
 * Joins two rankings by Σ w / (k + rank). Hits whose name is the query stay in front, in their order: no meaning can be nearer than that. Scores are those of the fusion, which compare
 * within one answer only.
 * @param named whether a hit of the first ranking is called what was asked for
 */
export function fused(words: readonly Scored[], meaning: readonly Scored[], named: (hit: Scored) => boolean): Scored[] {
  const scores = new Map<string, number>();
  const nodes = new Map<string, MapNode>();
  for (const [ranking, share] of [
    [words, 1],
    [meaning, SHARE],
  ] as const)
    for (const [i, { node }] of ranking.entries()) {
      nodes.set(node.slug, node);
      scores.set(node.slug, (scores.get(node.slug) ?? 0) + share / (K + i + 1));
    }
  const first = words.filter(named);
  for (const [i, { node }] of first.entries()) scores.set(node.slug, 1 + (first.length - i) / first.length);
  return [...nodes.values()]
    .map((node) => ({ node, score: scores.get(node.slug) as number }))
    .sort((a, b) => b.score - a.score || (a.node.slug < b.node.slug ? -1 : 1));
}
