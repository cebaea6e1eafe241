import type { RecipeManifest } from '@strata/contracts';
import type { catalog } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import type { Implementation } from '@strata/service-kit';
import { type CatalogMap, type MapNode, coverageOf } from './map/map.js';
import { createSearch } from './search/search.js';

const USUAL_LIMIT = 50;
const HIGHEST_LIMIT = 500;
const SUGGESTIONS = 3;

const nodeOf = (n: MapNode): catalog.Node => ({
  slug: n.slug,
  kind: n.kind,
  name: n.name,
  summary: n.summary,
  body: n.body,
  aliases: [...n.aliases],
  tags: [...n.tags],
  runnable: n.runnable,
  edges: n.edges.map((e) => ({ ...e })),
  recipes: [...n.recipes],
});

const recipeOf = (m: RecipeManifest): catalog.Recipe => ({ name: m.name, manifestJson: JSON.stringify(m) });

const entryOf = (n: MapNode): catalog.CoverageEntry => ({ slug: n.slug, name: n.name, recipes: [...n.recipes] });

/** protobuf writes an absent number as 0. */
const limitOf = (limit: number): number => (limit > 0 ? Math.min(limit, HIGHEST_LIMIT) : USUAL_LIMIT);

/** The methods of `strata.catalog.v1.CatalogService` over the map in memory. */
export function catalogMethods(map: CatalogMap): Implementation<typeof catalog.CatalogServiceService> {
  const nodes = [...map.nodes.values()].sort((a, b) => (a.slug < b.slug ? -1 : 1));
  const search = createSearch(nodes);

  const node = (slug: string): MapNode => {
    const found = map.nodes.get(slug);
    if (found) return found;
    const near = search(slug.replaceAll('-', ' '), { limit: SUGGESTIONS }).map((h) => h.node.slug);
    throw new StrataError(
      'not_found',
      `the catalog has no entry "${slug}"${near.length ? `; near to it: ${near.join(', ')}` : ''}`,
    );
  };

  return {
    getNode: async ({ slug }) => nodeOf(node(slug)),

    async listNodes({ kind, tag, after, limit }) {
      const fits = nodes.filter((n) => (!kind || n.kind === kind) && (!tag || n.tags.includes(tag)) && n.slug > after);
      const page = fits.slice(0, limitOf(limit));
      const hasMore = fits.length > page.length;
      return { nodes: page.map(nodeOf), hasMore, next: hasMore ? (page.at(-1)?.slug ?? '') : '' };
    },

    async search({ query, kind, limit }) {
      if (!query.trim()) throw new StrataError('invalid_request', 'the query is empty', { where: { field: 'q' } });
      const hits = search(query, { kind: kind || undefined, limit: limitOf(limit) });
      return { hits: hits.map((h) => ({ node: nodeOf(h.node), score: h.score })) };
    },

    async neighbours({ slug, edgeKind }) {
      const edges = [...node(slug).edges, ...(map.incoming.get(slug) ?? [])];
      return {
        neighbours: edges
          .filter((e) => !edgeKind || e.kind === edgeKind)
          .map((e) => ({ edge: { ...e }, node: nodeOf(node(e.from === slug ? e.to : e.from)) })),
      };
    },

    async stats() {
      const counts = new Map<string, number>();
      for (const n of nodes) counts.set(n.kind, (counts.get(n.kind) ?? 0) + 1);
      const byKind = [...counts].map(([kind, count]) => ({ kind, count })).sort((a, b) => b.count - a.count);
      return { nodes: nodes.length, edges: map.edges.length, byKind };
    },

    async coverage() {
      const { covered, missing } = coverageOf(map);
      return { covered: covered.map(entryOf), missing: missing.map(entryOf) };
    },

    async listRecipes({ queue }) {
      const fits = [...map.manifests.values()].filter((m) => !queue || m.queue === queue);
      return { recipes: fits.map(recipeOf) };
    },

    async getRecipe({ name }) {
      const manifest = map.manifests.get(name);
      if (manifest) return recipeOf(manifest);
      const near = search(name, { kind: 'recipe', limit: SUGGESTIONS }).flatMap((h) => h.node.recipes);
      throw new StrataError(
        'unknown_recipe',
        `there is no recipe "${name}"${near.length ? `; near to it: ${near.join(', ')}` : ''}. GET /api/recipes lists them all`,
      );
    },
  };
}
