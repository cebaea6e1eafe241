import type { catalog } from '@strata/contracts/grpc';
import { ListQuery } from '@strata/contracts';
import { z } from 'zod';

const Text = z.object({ en: z.string(), zh: z.string() });
const Kind = z.string().regex(/^[a-z-]{1,40}$/, 'lower-case letters and dashes');

export const Slug = z.string().regex(/^[a-z0-9-]{1,100}$/, 'lower-case letters, digits and dashes, 100 at most');

export const CatalogEdge = z.object({ kind: z.string(), from: z.string(), to: z.string() }).meta({ id: 'CatalogEdge' });

export const CatalogNode = z
  .object({
    object: z.literal('catalog_node'),
    slug: z.string(),
    kind: z.string(),
    name: Text,
    summary: Text,
    body: Text.nullable(),
    aliases: z.array(z.string()),
    tags: z.array(z.string()),
    runnable: z.boolean().describe('the map wants it as a job'),
    edges: z.array(CatalogEdge).describe('edges that begin here'),
    recipes: z.array(z.string()).describe('recipes that make it runnable'),
  })
  .meta({ id: 'CatalogNode' });
export type CatalogNode = z.output<typeof CatalogNode>;

export const NodesQuery = ListQuery.extend({ kind: Kind.optional(), tag: Kind.optional() });
export const SearchQuery = z.strictObject({
  q: z.string().trim().min(1).max(200),
  kind: Kind.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
export const SearchHits = z
  .object({ object: z.literal('list'), data: z.array(z.object({ node: CatalogNode, score: z.number() })) })
  .meta({ id: 'CatalogSearchHits' });
export const NeighboursQuery = z.strictObject({ edge: Kind.optional().describe('only edges of this kind') });
export const Neighbours = z
  .object({ object: z.literal('list'), data: z.array(z.object({ edge: CatalogEdge, node: CatalogNode })) })
  .meta({ id: 'CatalogNeighbours' });
export const CatalogStats = z
  .object({
    object: z.literal('catalog_stats'),
    nodes: z.number().int(),
    edges: z.number().int(),
    by_kind: z.record(z.string(), z.number().int()),
  })
  .meta({ id: 'CatalogStats' });
const Entry = z.object({ slug: z.string(), name: Text, recipes: z.array(z.string()) });
export const CatalogCoverage = z
  .object({
    object: z.literal('catalog_coverage'),
    covered: z.array(Entry).describe('runnable entries with a recipe'),
    missing: z.array(Entry).describe('runnable entries without one'),
  })
  .meta({ id: 'CatalogCoverage' });

const EMPTY = { en: '', zh: '' };

export function nodeView(node: catalog.Node | undefined): CatalogNode {
  return {
    object: 'catalog_node',
    slug: node?.slug ?? '',
    kind: node?.kind ?? '',
    name: node?.name ?? EMPTY,
    summary: node?.summary ?? EMPTY,
    body: node?.body ?? null,
    aliases: node?.aliases ?? [],
    tags: node?.tags ?? [],
    runnable: node?.runnable ?? false,
    edges: node?.edges ?? [],
    recipes: node?.recipes ?? [],
  };
}

export const entryView = (e: catalog.CoverageEntry): z.output<typeof Entry> => ({
  slug: e.slug,
  name: e.name ?? EMPTY,
  recipes: e.recipes,
});
