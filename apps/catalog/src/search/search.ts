import { folded } from '@strata/map';
import MiniSearch from 'minisearch';
import type { MapNode } from '../map/map.js';
import { indexTerms, isHan, queryTerms } from './tokens.js';

export interface Hit {
  readonly node: MapNode;
  readonly score: number;
}
export interface SearchOptions {
  /** Entries that count. */
  readonly test?: ((n: MapNode) => boolean) | undefined;
}
/** All entries that match, best first. */
export type Search = (query: string, options?: SearchOptions) => Hit[];

/** An entry whose name, alias or slug is the query itself stands above every other hit, however often the words occur elsewhere. */
const EXACT = 1_000;
/** An entry of the map comes before the recipe that runs it, which has nearly the same words. */
const RECIPE_WEIGHT = 0.5;
/** Edits allowed, as a share of the term's length; short words would match anything, Chinese pairs too. */
const TYPO_SHARE = 0.25;
const SHORTEST_WITH_TYPO = 4;

const namesOf = (n: MapNode): string[] => [n.name.en, n.name.zh, n.slug, ...n.aliases.en, ...n.aliases.zh];

/**
 * Full-text search (BM25+, MiniSearch) over names, aliases, slugs and summaries in both languages. All terms of a query need not occur: the
 * more do, the higher the hit.
 */
export function createSearch(nodes: readonly MapNode[]): Search {
  const bySlug = new Map(nodes.map((n) => [n.slug, n]));
  const exact = new Map<string, Set<string>>();
  for (const n of nodes)
    for (const text of namesOf(n)) {
      const key = folded(text);
      exact.set(key, (exact.get(key) ?? new Set()).add(n.slug));
    }

  const index = new MiniSearch<{ id: string; name: string; aliases: string; slug: string; summary: string }>({
    fields: ['name', 'aliases', 'slug', 'summary'],
    tokenize: indexTerms,
    processTerm: (term) => term,
  });
  index.addAll(
    nodes.map((n) => ({
      id: n.slug,
      name: `${n.name.en} ${n.name.zh}`,
      aliases: [...n.aliases.en, ...n.aliases.zh].join(' '),
      slug: n.slug.replaceAll('-', ' '),
      summary: `${n.summary.en} ${n.summary.zh}`,
    })),
  );

  return (query, { test } = {}) => {
    const exactly = exact.get(folded(query)) ?? new Set<string>();
    const scores = new Map<string, number>();
    for (const result of index.search(query, {
      tokenize: queryTerms,
      processTerm: (term) => term,
      boostDocument: (slug: string) => (bySlug.get(slug)?.kind === 'recipe' ? RECIPE_WEIGHT : 1),
      boost: { name: 4, aliases: 3, slug: 2 },
      prefix: (term) => !isHan(term) && term.length > 1,
      fuzzy: (term) => (!isHan(term) && term.length >= SHORTEST_WITH_TYPO ? TYPO_SHARE : false),
    }))
      scores.set(String(result.id), result.score);
    for (const slug of exactly) scores.set(slug, (scores.get(slug) ?? 0) + EXACT);

    return [...scores]
      .flatMap(([slug, score]) => {
        const node = bySlug.get(slug);
        return node && (!test || test(node)) ? [{ node, score }] : [];
      })
      .sort((a, b) => b.score - a.score || (a.node.slug < b.node.slug ? -1 : 1));
  };
}
