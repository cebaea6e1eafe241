import { EvidenceRecord, ListQuery, RecipeManifest, SmokeView } from '@strata/contracts';
import { z } from 'zod';

export const Text = z.object({ en: z.string(), zh: z.string() });
const Word = z.string().regex(/^[a-z0-9-]{1,80}$/, 'lower-case letters, digits and dashes');
/** Several values, separated by commas. */
const Words = z
  .string()
  .max(1000)
  .transform((s) => s.split(',').filter(Boolean))
  .pipe(z.array(Word).max(30));
const Flag = z.enum(['true', 'false']).transform((v) => v === 'true');

export const Slug = z.string().regex(/^[a-z0-9-]{1,100}$/, 'lower-case letters, digits and dashes, 100 at most');

/** `applied-in:fine-tuning`, or `~contains:deep-learning` for the other direction. */
const Condition = z
  .string()
  .regex(/^~?[a-z-]{1,40}:[a-z0-9-]{1,100}$/, 'EDGE:SLUG, or ~EDGE:SLUG when the edge comes from the entry')
  .transform((s) => {
    const [edge = '', slug = ''] = s.replace(/^~/, '').split(':');
    return { edge, slug, incoming: s.startsWith('~') };
  });
const Conditions = z
  .string()
  .max(1000)
  .transform((s) => s.split(',').filter(Boolean))
  .pipe(z.array(Condition).max(10));

/** What entries must be; every condition narrows. */
export const FilterQuery = z.strictObject({
  kind: Words.optional().describe('kinds of entries, separated by commas'),
  tag: Word.optional(),
  openness: Word.optional().describe('open, closed or mixed'),
  region: Word.optional().describe('china, abroad or worldwide'),
  runnable: Flag.optional().describe('true: only what the map wants as a job'),
  has_recipe: Flag.optional().describe('true: only what runs today; false: only what does not'),
  where: Conditions.optional().describe(
    'edges that an entry must have, separated by commas: applied-in:fine-tuning counts everything below fine-tuning too; ~contains:deep-learning asks for the edge from deep-learning',
  ),
  private: Flag.optional().describe('true: only entries of your own'),
});
export type FilterQuery = z.output<typeof FilterQuery>;

export const CatalogEdge = z.object({ kind: z.string(), from: z.string(), to: z.string() }).meta({ id: 'CatalogEdge' });
const Method = z.object({
  formula: z.string().describe('LaTeX'),
  inputs: Text,
  outputs: Text,
  when: Text,
  complexity: Text,
});
const Figure = z.object({
  value: z.number(),
  unit: Text,
  date: z.string(),
  scope: Text,
  source: z.string().describe('entry of kind source'),
  sum: z.array(z.string()).describe('figures that add up to this one'),
  percent: z
    .object({ part: z.string(), whole: z.string(), decimals: z.number().int() })
    .nullable()
    .describe('this one is 100 · part / whole, rounded'),
});
const Citation = z.object({
  title: z.string(),
  authors: z.string(),
  year: z.number().int().nullable(),
  venue: z.string().nullable(),
  arxiv: z.string().nullable(),
  doi: z.string().nullable(),
  url: z.string().nullable(),
});

const Recipe = z.object({
  manifest: RecipeManifest,
  smoke: SmokeView.describe('the small run that comes with it'),
  last_evidence: EvidenceRecord.nullable().describe('its last runs in the evidence suite, where they are known'),
});

export const CatalogNodeSummary = z
  .object({
    object: z.literal('catalog_node_summary'),
    slug: z.string(),
    kind: z.string(),
    name: Text,
    summary: Text,
    aliases: z.object({ en: z.array(z.string()), zh: z.array(z.string()) }),
    tags: z.array(z.string()),
    facets: z.object({
      openness: z.string().nullable(),
      region: z.string().nullable(),
      since: z.number().int().nullable(),
    }),
    runnable: z.boolean().describe('the map wants it as a job'),
    figure: Figure.nullable().describe('a number with its source'),
    recipes: z.array(z.string()).describe('recipes that make it runnable'),
    private: z.boolean().describe('an entry of your own'),
  })
  .meta({ id: 'CatalogNodeSummary' });
export type CatalogNodeSummary = z.output<typeof CatalogNodeSummary>;

export const CatalogNode = CatalogNodeSummary.extend({
  object: z.literal('catalog_node'),
  body: Text.nullable().describe('Markdown without HTML'),
  method: Method.nullable().describe('how a method works'),
  citation: Citation.nullable().describe('where a source was published'),
  references: z.array(z.string()).describe('entries of kind source'),
  edges: z.array(CatalogEdge).describe('edges that begin here'),
  recipe: Recipe.nullable().describe('of an entry of kind recipe, when it is asked for by its slug'),
}).meta({ id: 'CatalogNode' });
export type CatalogNode = z.output<typeof CatalogNode>;

export const NodesQuery = ListQuery.extend(FilterQuery.shape);
export const SearchQuery = FilterQuery.extend({
  q: z.string().trim().min(1).max(200),
  mode: z
    .enum(['plain', 'semantic', 'both'])
    .default('both')
    .describe(
      'plain: by words; semantic: by meaning; both. While the model of meanings is not ready, or where it is switched off, it is words',
    ),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  offset: z.coerce.number().int().min(0).max(100_000).default(0),
});
const FacetCounts = z.record(z.string(), z.number().int());
export const SearchHits = z
  .object({
    object: z.literal('list'),
    data: z.array(z.object({ node: CatalogNodeSummary, score: z.number() })),
    total: z.number().int(),
    mode: z.string().describe('how it was searched: plain, semantic or both'),
    facets: z
      .object({ kind: FacetCounts, tag: FacetCounts, openness: FacetCounts, region: FacetCounts })
      .describe('how often each value occurs among all that match'),
  })
  .meta({ id: 'CatalogSearchHits' });
export const NeighboursQuery = z.strictObject({ edge: Word.optional().describe('only edges of this kind') });
export const Neighbours = z
  .object({ object: z.literal('list'), data: z.array(z.object({ edge: CatalogEdge, node: CatalogNode })) })
  .meta({ id: 'CatalogNeighbours' });
export const PathQuery = z.strictObject({
  from: Slug,
  to: Slug,
  edge: Words.optional().describe('only along edges of these kinds, separated by commas'),
  max_length: z.coerce.number().int().min(1).max(12).default(12).describe('edges at most'),
});
export const CatalogPath = z
  .object({
    object: z.literal('catalog_path'),
    length: z.number().int().nullable().describe('edges; null when there is no way'),
    nodes: z.array(CatalogNode),
    edges: z
      .array(CatalogEdge)
      .describe('each joins two neighbours of the list, in the direction in which it is written'),
  })
  .meta({ id: 'CatalogPath' });
export const SubgraphQuery = z.strictObject({
  slug: z
    .string()
    .max(2000)
    .transform((s) => s.split(',').filter(Boolean))
    .pipe(z.array(Slug).min(1).max(50))
    .describe('entries to begin at, separated by commas'),
  depth: z.coerce.number().int().min(0).max(6).default(1).describe('edges from them at most'),
  edge: Words.optional(),
  limit: z.coerce.number().int().min(1).max(2000).default(200).describe('entries at most'),
});
export const Subgraph = z
  .object({
    object: z.literal('catalog_subgraph'),
    nodes: z.array(CatalogNode),
    edges: z.array(CatalogEdge),
    truncated: z.boolean(),
  })
  .meta({ id: 'CatalogSubgraph' });
export const CatalogStats = z
  .object({
    object: z.literal('catalog_stats'),
    version: z.string().describe('equal versions, equal answers'),
    nodes: z.number().int(),
    edges: z.number().int(),
    private_nodes: z.number().int(),
    by_kind: z.record(z.string(), z.number().int()),
    edges_by_kind: z.record(z.string(), z.number().int()),
    semantic: z.boolean().describe('search by meaning is ready'),
  })
  .meta({ id: 'CatalogStats' });
export const CoverageItem = z.object({
  slug: z.string(),
  kind: z.string(),
  name: Text,
  areas: z.array(z.string()).describe('sections of the layer that it lies in, the nearest first'),
  recipes: z.array(z.string()),
});
const CoverageArea = z.object({
  slug: z.string().nullable().describe('a section of the layer; null: entries of none'),
  name: Text,
  covered: z.array(z.string()),
  missing: z.array(z.string()),
});
export const CatalogCoverage = z
  .object({
    object: z.literal('catalog_coverage'),
    covered: z.array(CoverageItem).describe('runnable entries with a recipe'),
    missing: z.array(CoverageItem).describe('runnable entries without one'),
    areas: z.array(CoverageArea).describe('the same by area; each entry counts in the nearest of its areas'),
  })
  .meta({ id: 'CatalogCoverage' });
export const InsightInfo = z
  .object({ name: z.string(), title: Text, about: Text, chart: z.string() })
  .meta({ id: 'CatalogInsightInfo' });
export const CatalogInsight = InsightInfo.extend({
  object: z.literal('catalog_insight'),
  columns: z.array(z.object({ key: z.string(), label: Text, type: z.enum(['number', 'text', 'node']) })),
  rows: z
    .array(z.array(z.union([z.number(), Text, z.string()])))
    .describe('a cell is a number, a text in both languages, or the slug of an entry, as its column says'),
  sources: z.array(z.string()).describe('entries of kind figure or source that the numbers come from'),
}).meta({ id: 'CatalogInsight' });

export const EXPORT_FORMATS = ['json', 'jsonld', 'csv', 'graphml'] as const;
export const IMPORT_FORMATS = ['yaml', 'json', 'jsonld', 'csv', 'graphml'] as const;
export const ExportQuery = z.strictObject({
  format: z.enum(EXPORT_FORMATS).default('json').describe('json is a bundle for a static site'),
  private: Flag.optional().describe('true: only entries of your own'),
});
export const ImportQuery = z.strictObject({
  format: z.enum(IMPORT_FORMATS).optional().describe('without: by the ending of the file’s name'),
  merge: Flag.default(false).describe('keep entries of your own that the file does not name'),
  dry_run: Flag.default(false).describe('check, say what would change, and change nothing'),
  note: z.string().max(500).default('').describe('why, for the history'),
});
export const CatalogVersion = z
  .object({
    object: z.literal('catalog_version'),
    number: z.number().int(),
    created_at: z.string(),
    actor: z.string().nullable(),
    note: z.string(),
    entries: z.number().int(),
    added: z.number().int(),
    changed: z.number().int(),
    removed: z.number().int(),
    hash: z.string().nullable().describe('of the public map'),
  })
  .meta({ id: 'CatalogVersion' });
export const ImportResult = z
  .object({
    object: z.literal('catalog_import'),
    version: CatalogVersion.nullable().describe('null after a dry run'),
    added: z.array(z.string()),
    changed: z.array(z.string()),
    removed: z.array(z.string()),
  })
  .meta({ id: 'CatalogImport' });
export const VersionsQuery = z.strictObject({
  scope: z
    .enum(['private', 'public'])
    .default('private')
    .describe('private: your own entries; public: the map for all'),
  before: z.coerce.number().int().min(1).optional().describe('older than this number'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const DiffQuery = z.strictObject({
  scope: z.enum(['private', 'public']).default('private'),
  from: z.coerce.number().int().min(0).describe('0: nothing yet'),
  to: z.coerce.number().int().min(1),
});
export const CatalogDiff = z
  .object({
    object: z.literal('catalog_diff'),
    changes: z.array(
      z.object({
        slug: z.string(),
        change: z.enum(['added', 'changed', 'removed']),
        fields: z.array(z.object({ field: z.string(), before: z.unknown(), after: z.unknown() })),
      }),
    ),
  })
  .meta({ id: 'CatalogDiff' });
export const VersionNumber = z.coerce.number().int().min(0);

export const CatalogSuggestion = z
  .object({
    object: z.literal('catalog_suggestion'),
    id: z.string(),
    state: z.enum(['pending', 'approved', 'rejected']),
    slug: z.string(),
    entry: z.record(z.string(), z.unknown()).nullable().describe('the entry as it should be; null: remove it'),
    comment: z.string(),
    actor: z.string(),
    created_at: z.string(),
    decided_by: z.string().nullable(),
    decided_at: z.string().nullable(),
    reason: z.string(),
    version: z.number().int().nullable().describe('version that the approval made'),
  })
  .meta({ id: 'CatalogSuggestion' });
export const NewSuggestion = z.strictObject({
  entry: z.record(z.string(), z.unknown()).optional().describe('an entry as a content file holds it'),
  remove: Slug.optional().describe('slug of an entry of your own that should go'),
  comment: z.string().max(2000).default(''),
});
export const SuggestionsQuery = ListQuery.extend({ state: z.enum(['pending', 'approved', 'rejected']).optional() });
export const Decision = z.strictObject({
  approve: z.boolean(),
  reason: z.string().max(2000).default(''),
});
export const SuggestionId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
