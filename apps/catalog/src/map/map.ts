import { type RecipeDefinition, type RecipeManifest, manifestOf } from '@strata/contracts';
import { type Localized, StrataError } from '@strata/kernel';
import { checkParsed, edgesOf, problemError, type Entry, type MapEdge, type Parsed } from '@strata/map';

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

/** The map as a graph, with the recipes hung into it. Immutable; queries are plain look-ups. */
export interface CatalogMap {
  readonly nodes: ReadonlyMap<string, MapNode>;
  /** In the order of their slugs. */
  readonly sorted: readonly MapNode[];
  readonly edges: readonly MapEdge[];
  /** Edges that end at a node. */
  readonly incoming: ReadonlyMap<string, readonly MapEdge[]>;
  readonly manifests: ReadonlyMap<string, RecipeManifest>;
}

/** Slug of the entry that stands for a recipe: `recipe-language-text-classifier`. */
export const recipeSlug = (name: string): string => `recipe-${name.replace('/', '-')}`;

const NONE: readonly never[] = [];

/** Written entries and recipes as nodes and edges; nothing is checked. `own` are entries of one tenant. */
export function assemble(
  entries: readonly Entry[],
  recipes: readonly RecipeDefinition[],
  own: readonly Entry[] = [],
): CatalogMap {
  const runs = new Map<string, string[]>();
  for (const recipe of recipes)
    for (const slug of recipe.catalog) runs.set(slug, [...(runs.get(slug) ?? []), recipe.name]);

  const outgoing = new Map<string, MapEdge[]>();
  const incoming = new Map<string, MapEdge[]>();
  const edges: MapEdge[] = [];
  const push = (table: Map<string, MapEdge[]>, key: string, edge: MapEdge): void => {
    const list = table.get(key);
    if (list) list.push(edge);
    else table.set(key, [edge]);
  };
  const add = (edge: MapEdge): void => {
    edges.push(edge);
    push(outgoing, edge.from, edge);
    push(incoming, edge.to, edge);
  };
  for (const list of [entries, own]) for (const entry of list) for (const edge of edgesOf(entry)) add(edge);
  for (const [slug, made] of runs) for (const name of made) add({ kind: 'runs-as', from: slug, to: recipeSlug(name) });
  // a list that grew has room for sixteen more: at a million entries that is what the map weighs
  for (const [slug, list] of incoming) incoming.set(slug, list.slice());

  const nodes = new Map<string, MapNode>();
  const hang = (entry: Entry, isOwn: boolean): void => {
    const { slug } = entry;
    const from = outgoing.get(slug)?.slice() ?? NONE;
    nodes.set(slug, { ...entry, edges: from, recipes: runs.get(slug) ?? NONE, private: isOwn });
  };
  for (const entry of entries) hang(entry, false);
  for (const entry of own) hang(entry, true);
  for (const r of recipes)
    nodes.set(recipeSlug(r.name), {
      slug: recipeSlug(r.name),
      kind: 'recipe',
      name: r.title,
      summary: r.summary,
      aliases: { en: [r.name], zh: [] },
      tags: [r.queue],
      references: [],
      facets: {},
      runnable: false,
      edges: NONE,
      recipes: [r.name],
      private: false,
    });
  const sorted = [...nodes.values()].sort((a, b) => (a.slug < b.slug ? -1 : 1));
  return { nodes, sorted, edges, incoming, manifests: new Map(recipes.map((r) => [r.name, manifestOf(r)])) };
}

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
