import type { EvidenceRecord, RecipeManifest, SmokeView } from '@strata/contracts';
import { catalog } from '@strata/contracts/grpc';
import type { z } from 'zod';
import type {
  CatalogCoverage,
  CatalogDiff,
  CatalogInsight,
  CatalogNode,
  CatalogNodeSummary,
  CatalogSuggestion,
  CatalogVersion,
  CoverageItem,
  FilterQuery,
  InsightInfo,
  SearchHits,
} from './schemas.js';

const EMPTY = { en: '', zh: '' };
/** protobuf writes what is absent as empty. */
const orNull = <T extends string | number>(value: T): T | null => (value === '' || value === 0 ? null : value);

const recipeView = (r: catalog.Recipe): NonNullable<CatalogNode['recipe']> => ({
  manifest: JSON.parse(r.manifestJson) as RecipeManifest,
  smoke: JSON.parse(r.smokeJson) as SmokeView,
  last_evidence: r.lastEvidenceJson ? (JSON.parse(r.lastEvidenceJson) as EvidenceRecord) : null,
});

export function summaryView(node = catalog.NodeSummary.fromPartial({})): CatalogNodeSummary {
  const { facets, figure } = node;
  return {
    object: 'catalog_node_summary',
    slug: node.slug,
    kind: node.kind,
    name: node.name ?? EMPTY,
    summary: node.summary ?? EMPTY,
    aliases: node.aliases ?? { en: [], zh: [] },
    tags: node.tags,
    facets: {
      openness: orNull(facets?.openness ?? ''),
      region: orNull(facets?.region ?? ''),
      since: orNull(facets?.since ?? 0),
    },
    runnable: node.runnable,
    figure: figure
      ? { ...figure, unit: figure.unit ?? EMPTY, scope: figure.scope ?? EMPTY, percent: figure.percent ?? null }
      : null,
    recipes: node.recipes,
    private: node.private,
  };
}

export function nodeView(node = catalog.Node.fromPartial({})): CatalogNode {
  const { method, citation } = node;
  return {
    ...summaryView(node),
    object: 'catalog_node',
    body: node.body ?? null,
    method: method
      ? {
          formula: method.formula,
          inputs: method.inputs ?? EMPTY,
          outputs: method.outputs ?? EMPTY,
          when: method.when ?? EMPTY,
          complexity: method.complexity ?? EMPTY,
        }
      : null,
    citation: citation
      ? {
          title: citation.title,
          authors: citation.authors,
          year: orNull(citation.year),
          venue: orNull(citation.venue),
          arxiv: orNull(citation.arxiv),
          doi: orNull(citation.doi),
          url: orNull(citation.url),
        }
      : null,
    references: node.references,
    edges: node.edges,
    recipe: node.recipe ? recipeView(node.recipe) : null,
  };
}

export const filterOf = (q: FilterQuery): catalog.Filter => ({
  kinds: q.kind ?? [],
  tag: q.tag ?? '',
  openness: q.openness ?? '',
  region: q.region ?? '',
  runnable: q.runnable,
  hasRecipe: q.has_recipe,
  where: q.where ?? [],
  privateOnly: q.private ?? false,
});

export function facetsView(counts: readonly catalog.FacetCount[]): z.output<typeof SearchHits>['facets'] {
  const facets: z.output<typeof SearchHits>['facets'] = { kind: {}, tag: {}, openness: {}, region: {} };
  for (const { facet, value, count } of counts)
    if (facet in facets) facets[facet as keyof typeof facets][value] = count;
  return facets;
}

const coverageItem = (e: catalog.CoverageEntry): z.output<typeof CoverageItem> => ({
  slug: e.slug,
  kind: e.kind,
  name: e.name ?? EMPTY,
  areas: e.areas,
  recipes: e.recipes,
});
export const coverageView = (c: catalog.CoverageResponse): z.output<typeof CatalogCoverage> => ({
  object: 'catalog_coverage',
  covered: c.covered.map(coverageItem),
  missing: c.missing.map(coverageItem),
  areas: c.areas.map((a) => ({ ...a, slug: orNull(a.slug), name: a.name ?? EMPTY })),
});

export const infoView = (i: catalog.InsightInfo | undefined): z.output<typeof InsightInfo> => ({
  name: i?.name ?? '',
  title: i?.title ?? EMPTY,
  about: i?.about ?? EMPTY,
  chart: i?.chart ?? '',
});

export const insightView = (r: catalog.InsightResponse): z.output<typeof CatalogInsight> => ({
  object: 'catalog_insight',
  ...infoView(r.info),
  columns: r.columns.map((c) => ({
    key: c.key,
    label: c.label ?? EMPTY,
    type: c.type as 'number' | 'text' | 'node',
  })),
  rows: r.rows.map(({ cells }) => cells.map(({ value }) => value?.value ?? '')),
  sources: r.sources,
});

export const versionView = (v: catalog.Version): z.output<typeof CatalogVersion> => ({
  object: 'catalog_version',
  number: v.number,
  created_at: v.createdAt,
  actor: orNull(v.actor),
  note: v.note,
  entries: v.entries,
  added: v.added,
  changed: v.changed,
  removed: v.removed,
  hash: orNull(v.hash),
});

const parsed = (json: string): unknown => (json === '' ? null : (JSON.parse(json) as unknown));

export const diffView = (d: catalog.DiffResponse): z.output<typeof CatalogDiff> => ({
  object: 'catalog_diff',
  changes: d.changes.map(({ slug, change, fields }) => ({
    slug,
    change: change as 'added' | 'changed' | 'removed',
    fields: fields.map((f) => ({ field: f.field, before: parsed(f.before), after: parsed(f.after) })),
  })),
});

export const suggestionView = (s: catalog.Suggestion): z.output<typeof CatalogSuggestion> => ({
  object: 'catalog_suggestion',
  id: s.id,
  state: s.state as 'pending' | 'approved' | 'rejected',
  slug: s.slug,
  entry: parsed(s.entryJson) as Record<string, unknown> | null,
  comment: s.comment,
  actor: s.actor,
  created_at: s.createdAt,
  decided_by: orNull(s.decidedBy),
  decided_at: orNull(s.decidedAt),
  reason: s.reason,
  version: orNull(s.version),
});
