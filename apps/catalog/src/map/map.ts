import { type RecipeDefinition, type RecipeManifest, manifestOf } from '@strata/contracts';
import { type Localized, StrataError } from '@strata/kernel';
import type { Placed } from './read.js';
import type { EdgeKind, Entry } from './schema.js';

export interface MapEdge {
  readonly kind: EdgeKind;
  readonly from: string;
  readonly to: string;
}

export interface MapNode extends Omit<Entry, 'kind' | 'edges' | 'name' | 'summary' | 'body'> {
  readonly kind: Entry['kind'] | 'recipe';
  readonly name: Localized;
  readonly summary: Localized;
  readonly body?: Localized | undefined;
  /** Edges that begin here. */
  readonly edges: readonly MapEdge[];
  /** Names of the recipes that make it runnable. */
  readonly recipes: readonly string[];
}

/** The map as a graph, with the recipes hung into it. Immutable; queries are plain look-ups. */
export interface CatalogMap {
  readonly nodes: ReadonlyMap<string, MapNode>;
  readonly edges: readonly MapEdge[];
  /** Edges that end at a node. */
  readonly incoming: ReadonlyMap<string, readonly MapEdge[]>;
  readonly manifests: ReadonlyMap<string, RecipeManifest>;
}

/** Slug of the entry that stands for a recipe: `recipe-language-text-classifier`. */
export const recipeSlug = (name: string): string => `recipe-${name.replace('/', '-')}`;

const wrong = (message: string, at?: Placed): StrataError =>
  new StrataError('invalid_data', `catalog content${at ? ` ${at.file}:${at.line}` : ''}: ${message}`, {
    ...(at ? { where: { file: at.file, line: at.line } } : {}),
  });

function checkEdges(content: readonly Placed[], bySlug: ReadonlyMap<string, Placed>): void {
  const linked = new Set<string>();
  for (const placed of content)
    for (const [kind, targets] of Object.entries(placed.entry.edges)) {
      const seen = new Set<string>();
      for (const to of targets) {
        if (!bySlug.has(to)) throw wrong(`"${placed.entry.slug}" ${kind} "${to}", and there is no such entry`, placed);
        if (to === placed.entry.slug) throw wrong(`"${to}" ${kind} itself`, placed);
        if (seen.has(to)) throw wrong(`"${placed.entry.slug}" ${kind} "${to}" twice`, placed);
        seen.add(to);
        linked.add(to).add(placed.entry.slug);
      }
    }
  for (const placed of content)
    if (!linked.has(placed.entry.slug))
      throw wrong(
        `"${placed.entry.slug}" hangs in the air: give it an edge, or name it in the edges of another`,
        placed,
      );
}

/** `contains`, `subset-of` and `precedes` are orders: a cycle in one of them is a mistake. */
function checkCycles(edges: readonly MapEdge[], kind: EdgeKind): void {
  const next = new Map<string, string[]>();
  for (const e of edges) if (e.kind === kind) next.set(e.from, [...(next.get(e.from) ?? []), e.to]);
  const done = new Set<string>();
  const walk = (slug: string, path: readonly string[]): void => {
    if (path.includes(slug)) throw wrong(`${kind} runs in a circle: ${[...path, slug].join(' → ')}`);
    if (done.has(slug)) return;
    for (const to of next.get(slug) ?? []) walk(to, [...path, slug]);
    done.add(slug);
  };
  for (const slug of next.keys()) walk(slug, []);
}

/**
 * Joins content and recipes, and refuses what does not hold together.
 * @throws StrataError `invalid_data` for a duplicate slug, an edge into nothing, a circle or an entry without any edge; `recipe_definition` for
 *   a recipe that names an entry which does not exist
 */
export function buildMap(content: readonly Placed[], recipes: readonly RecipeDefinition[]): CatalogMap {
  const bySlug = new Map<string, Placed>();
  for (const placed of content) {
    const first = bySlug.get(placed.entry.slug);
    if (first) throw wrong(`slug "${placed.entry.slug}" is taken by ${first.file}:${first.line}`, placed);
    bySlug.set(placed.entry.slug, placed);
  }
  checkEdges(content, bySlug);

  const runs = new Map<string, string[]>();
  for (const recipe of recipes)
    for (const slug of recipe.catalog) {
      if (!bySlug.has(slug))
        throw new StrataError(
          'recipe_definition',
          `recipe "${recipe.name}": its catalog entry "${slug}" does not exist: write one of the slugs of apps/catalog/content, or add the entry there`,
          { where: { field: recipe.name } },
        );
      runs.set(slug, [...(runs.get(slug) ?? []), recipe.name]);
    }

  const nodes = new Map<string, MapNode>();
  for (const { entry } of content) {
    const written = Object.entries(entry.edges).flatMap(([kind, targets]) =>
      targets.map((to) => ({ kind: kind as EdgeKind, from: entry.slug, to })),
    );
    const made = runs.get(entry.slug) ?? [];
    const running = made.map((name) => ({ kind: 'runs-as' as const, from: entry.slug, to: recipeSlug(name) }));
    nodes.set(entry.slug, { ...entry, edges: [...written, ...running], recipes: made });
  }
  for (const r of recipes)
    nodes.set(recipeSlug(r.name), {
      slug: recipeSlug(r.name),
      kind: 'recipe',
      name: r.title,
      summary: r.summary,
      aliases: [r.name],
      tags: [r.queue],
      runnable: false,
      edges: [],
      recipes: [r.name],
    });

  const edges = [...nodes.values()].flatMap((n) => n.edges);
  for (const kind of ['contains', 'subset-of', 'precedes'] as const) checkCycles(edges, kind);
  const incoming = new Map<string, MapEdge[]>();
  for (const e of edges) incoming.set(e.to, [...(incoming.get(e.to) ?? []), e]);
  return { nodes, edges, incoming, manifests: new Map(recipes.map((r) => [r.name, manifestOf(r)])) };
}

/** Runnable entries with and without a recipe: what the map promises and what of it runs today. */
export function coverageOf(map: CatalogMap): { covered: MapNode[]; missing: MapNode[] } {
  const wanted = [...map.nodes.values()].filter((n) => n.runnable);
  return { covered: wanted.filter((n) => n.recipes.length > 0), missing: wanted.filter((n) => !n.recipes.length) };
}
