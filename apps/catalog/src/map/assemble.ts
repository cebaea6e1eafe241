import { type RecipeDefinition, manifestOf } from '@strata/contracts';
import { edgesOf, type EdgeKind, type Entry } from '@strata/map';
import { createEdges } from './adjacency.js';
import type { CatalogMap, MapNode } from './map.js';
import { createPacker } from './packed.js';

/** Slug of the entry that stands for a recipe: `recipe-language-text-classifier`. */
export const recipeSlug = (name: string): string => `recipe-${name.replace('/', '-')}`;

const NONE: readonly never[] = [];

/** The entry that stands for a recipe. */
const recipeNode = (r: RecipeDefinition): Omit<MapNode, 'edges' | 'private'> => ({
  slug: recipeSlug(r.name),
  kind: 'recipe',
  name: r.title,
  summary: r.summary,
  aliases: { en: [r.name], zh: [] },
  tags: [r.queue],
  references: [],
  facets: {},
  runnable: false,
  recipes: [r.name],
});

/**
 * Written entries and recipes as nodes and edges. Nothing is checked: slugs are distinct, and an edge to nowhere is left out.
 * @param entries gone through three times; a million need not be in memory at once
 */
export function assemble(entries: Iterable<Entry>, recipes: readonly RecipeDefinition[]): CatalogMap {
  const runs = new Map<string, string[]>();
  for (const recipe of recipes)
    for (const slug of recipe.catalog) runs.set(slug, [...(runs.get(slug) ?? []), recipe.name]);

  const slugs = recipes.map((r) => recipeSlug(r.name));
  for (const { slug } of entries) slugs.push(slug);
  slugs.sort();
  const places = new Map<string, number>();
  slugs.forEach((slug, place) => places.set(slug, place));

  const building = createEdges(slugs.length);
  const add = (kind: EdgeKind, from: string, to: string): void => {
    const [start, end] = [places.get(from), places.get(to)];
    if (start !== undefined && end !== undefined) building.add(kind, start, end);
  };
  for (const entry of entries) for (const { kind, from, to } of edgesOf(entry)) add(kind, from, to);
  for (const [slug, made] of runs) for (const name of made) add('runs-as', slug, recipeSlug(name));
  const edges = building.finish();

  const packer = createPacker(slugs, edges);
  for (const entry of entries) packer.put(places.get(entry.slug)!, { ...entry, recipes: runs.get(entry.slug) ?? NONE });
  for (const recipe of recipes) packer.put(places.get(recipeSlug(recipe.name))!, recipeNode(recipe));
  const { nodes, edgesTo } = packer.finish();
  return {
    nodes,
    incoming: edgesTo,
    edgeCounts: edges.counts,
    manifests: new Map(recipes.map((r) => [r.name, manifestOf(r)])),
  };
}
