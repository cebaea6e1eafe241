import type { RecipeDefinition, RecipeManifest } from '@strata/contracts';
import { type Localized, StrataError } from '@strata/kernel';
import { checkParsed, problemError, type EdgeKind, type Entry, type MapEdge, type Parsed } from '@strata/map';
import { assemble } from './assemble.js';

export type { MapEdge } from '@strata/map';

export interface MapNode extends Omit<Entry, 'kind' | 'edges' | 'body'> {
  readonly kind: Entry['kind'] | 'recipe';
  readonly body?: Localized | undefined;
  /** Edges that begin here. */
  readonly edges: readonly MapEdge[];
  /** Names of the recipes that make it runnable. */
  readonly recipes: readonly string[];
  /** An entry of the tenant's own. */
  readonly private: boolean;
}

/** A list that makes what it holds when it is asked for. */
export interface Listed<T> extends Iterable<T> {
  readonly length: number;
  at(index: number): T | undefined;
}

/** Entries in the order of their slugs. */
export interface Nodes extends Listed<MapNode> {
  get(slug: string): MapNode | undefined;
  has(slug: string): boolean;
}

/** The map as a graph, with the recipes hung into it. Immutable; queries are plain look-ups. */
export interface CatalogMap {
  readonly nodes: Nodes;
  /** Edges that end at a node. */
  incoming(slug: string): readonly MapEdge[];
  /** How many edges there are of each kind. */
  readonly edgeCounts: ReadonlyMap<EdgeKind, number>;
  readonly manifests: ReadonlyMap<string, RecipeManifest>;
}

export function nodesWhere({ nodes }: CatalogMap, test: (n: MapNode) => boolean): MapNode[] {
  const found: MapNode[] = [];
  for (const n of nodes) if (test(n)) found.push(n);
  return found;
}
export const nodesOf = (map: CatalogMap, ...kinds: MapNode['kind'][]): MapNode[] =>
  nodesWhere(map, (n) => kinds.includes(n.kind));
export const edgeCount = ({ edgeCounts }: CatalogMap): number => [...edgeCounts.values()].reduce((a, n) => a + n, 0);

/**
 * Joins content and recipes, and refuses what does not hold together.
 * @throws StrataError `invalid_data` with the file and line of the first mistake; `recipe_definition` for a recipe that names an entry which does not exist
 */
export function buildMap(content: Parsed, recipes: readonly RecipeDefinition[]): CatalogMap {
  const problems = checkParsed(content);
  if (problems.length) throw problemError(problems, 'catalog content');
  const slugs = new Set(content.entries.map((p) => p.entry.slug));
  for (const recipe of recipes) {
    const unknown = recipe.catalog.find((slug) => !slugs.has(slug));
    if (unknown !== undefined)
      throw new StrataError(
        'recipe_definition',
        `recipe "${recipe.name}": its catalog entry "${unknown}" does not exist: write one of the slugs of apps/catalog/content, or add the entry there`,
        { where: { field: recipe.name } },
      );
  }
  return assemble(
    content.entries.map((p) => p.entry),
    recipes,
  );
}
