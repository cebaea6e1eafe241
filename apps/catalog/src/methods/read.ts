import { catalog } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import type { Implementation } from '@strata/service-kit';
import { INSIGHTS, insightNamed } from '../insight/all.js';
import type { Cell, Insight } from '../insight/insight.js';
import { NO_FILTER, testOf, type NodeFilter } from '../map/filter.js';
import { around, edgesAt, wayBetween } from '../map/graph.js';
import { coverageOf } from '../map/coverage.js';
import { edgeCount, type MapNode, type Nodes } from '../map/map.js';
import { firstWhere } from '../search/bisect.js';
import { foundOf, isNamed, type Found } from '../search/search.js';
import { fused } from '../semantic/fuse.js';
import type { Semantic } from '../semantic/semantic.js';
import type { View, Views } from '../views.js';
import { nodeAnswer, nodesAnswer, searchAnswer } from '../wire-bytes.js';
import { wireCoverage, wireNode } from '../wire.js';
import type { RecipeDetail } from './recipes.js';

const USUAL_LIMIT = 50;
const HIGHEST_LIMIT = 500;
const SUGGESTIONS = 3;
const LONGEST_WAY = 12;
const USUAL_AROUND = 200;
const HIGHEST_AROUND = 2_000;
const DEEPEST = 6;

/** protobuf writes an absent number as 0. */
const limitOf = (limit: number, usual = USUAL_LIMIT, highest = HIGHEST_LIMIT): number =>
  limit > 0 ? Math.min(limit, highest) : usual;

/** The entry of this slug. @throws StrataError `not_found`, naming near ones */
function known(view: View, slug: string): MapNode {
  const found = view.map.nodes.get(slug);
  if (found) return found;
  const near = view
    .search(slug, { most: SUGGESTIONS })
    .hits()
    .map((h) => h.node.slug);
  throw new StrataError(
    'not_found',
    `the catalog has no entry "${slug}"${near.length ? `; near to it: ${near.join(', ')}` : ''}`,
  );
}

const filterOf = (f: catalog.Filter | undefined): NodeFilter => (f ? { ...f, privateOnly: f.privateOnly } : NO_FILTER);

const MODES = ['plain', 'semantic', 'both'] as const;
type Mode = (typeof MODES)[number];
/** Entries that are near in meaning; beside words, those that words may have missed. */
const MOST_NEAR: Readonly<Record<Mode, number>> = { plain: 0, semantic: 100, both: 50 };

/** @throws StrataError `invalid_request` */
function modeOf(mode: string): Mode {
  const found = mode === '' ? 'both' : MODES.find((m) => m === mode);
  if (found) return found;
  throw new StrataError('invalid_request', `there is no mode "${mode}"; there are ${MODES.join(', ')}`, {
    where: { field: 'mode' },
  });
}

const cellOf = (cell: Cell): catalog.InsightCell => ({
  value:
    typeof cell === 'number'
      ? { $case: 'number', value: cell }
      : 'node' in cell
        ? { $case: 'node', value: cell.node }
        : { $case: 'text', value: cell },
});
const infoOf = ({ name, title, about, chart }: Insight): catalog.InsightInfo => ({ name, title, about, chart });

type Reading = Pick<
  Implementation<typeof catalog.CatalogServiceService>,
  'getNode' | 'listNodes' | 'search' | 'neighbours' | 'path' | 'subgraph' | 'stats' | 'coverage' | 'insight' | 'watch'
>;

/** What reads the map. */
export function readMethods(views: Views, recipe: RecipeDetail, semantic: Semantic): Reading {
  return {
    async getNode({ slug, tenant }) {
      const node = known(await views.of(tenant), slug);
      const [name] = node.recipes;
      return node.kind === 'recipe' && name ? { ...wireNode(node), recipe: await recipe(name) } : nodeAnswer(node);
    },

    async listNodes({ filter, after, limit, tenant }) {
      const view = await views.of(tenant);
      const test = testOf(view.map, filterOf(filter), (slug) => known(view, slug));
      const most = limitOf(limit);
      const page: MapNode[] = [];
      const { nodes: all } = view.map;
      for (let i = firstBehind(all, after); i < all.length && page.length <= most; i++) {
        const n = all.at(i);
        if (n && test(n)) page.push(n);
      }
      const hasMore = page.length > most;
      const nodes = page.slice(0, most);
      const next = hasMore ? (nodes.at(-1)?.slug ?? '') : '';
      return nodesAnswer(nodes, catalog.ListNodesResponse.encode({ nodes: [], hasMore, next }));
    },

    async search({ query, filter, limit, offset, mode, tenant }) {
      if (!query.trim()) throw new StrataError('invalid_request', 'the query is empty', { where: { field: 'q' } });
      const wanted = modeOf(mode);
      const view = await views.of(tenant);
      const test = filter ? testOf(view.map, filterOf(filter), (slug) => known(view, slug)) : undefined;
      const meaning = wanted === 'plain' ? undefined : semantic.current();
      const how = meaning ? wanted : 'plain';
      const near = meaning?.nearest(query, view.map.nodes, { most: MOST_NEAR[wanted], test }) ?? [];
      const words = (): Found => view.search(query, { test });
      const found = how === 'plain' ? words() : foundOf(how === 'both' ? fused(words().hits(), near, isNamed) : near);
      const page = found.hits(offset, offset + limitOf(limit));
      return searchAnswer(page, { total: found.total, facets: found.facets(), mode: how });
    },

    async neighbours({ slug, edgeKind, tenant }) {
      const view = await views.of(tenant);
      known(view, slug);
      return {
        neighbours: edgesAt(view.map, slug)
          .filter((e) => !edgeKind || e.kind === edgeKind)
          .map((e) => ({ edge: { ...e }, node: wireNode(known(view, e.from === slug ? e.to : e.from)) })),
      };
    },

    async path({ from, to, maxLength, edgeKinds, tenant }) {
      const view = await views.of(tenant);
      const ends = [known(view, from).slug, known(view, to).slug] as const;
      const way = wayBetween(view.map, ...ends, {
        most: limitOf(maxLength, LONGEST_WAY, LONGEST_WAY),
        kinds: edgeKinds,
      });
      return { nodes: way?.nodes.map(wireNode) ?? [], edges: way?.edges.map((e) => ({ ...e })) ?? [] };
    },

    async subgraph({ slugs, depth, edgeKinds, limit, tenant }) {
      const view = await views.of(tenant);
      if (!slugs.length) throw new StrataError('invalid_request', 'no entry is named', { where: { field: 'slugs' } });
      const given = slugs.map((s) => known(view, s).slug);
      const { nodes, edges, truncated } = around(view.map, given, {
        depth: Math.min(depth, DEEPEST),
        kinds: edgeKinds,
        limit: limitOf(limit, USUAL_AROUND, HIGHEST_AROUND),
      });
      return nodesAnswer(
        nodes,
        catalog.SubgraphResponse.encode({ nodes: [], edges: edges.map((e) => ({ ...e })), truncated }),
      );
    },

    async stats({ tenant }) {
      const { map, version } = await views.of(tenant);
      const kinds = new Map<string, number>();
      let privateNodes = 0;
      for (const n of map.nodes) {
        kinds.set(n.kind, (kinds.get(n.kind) ?? 0) + 1);
        if (n.private) privateNodes++;
      }
      const counted = (counts: ReadonlyMap<string, number>): catalog.KindCount[] =>
        [...counts].map(([kind, count]) => ({ kind, count })).sort((a, b) => b.count - a.count);
      return {
        nodes: map.nodes.length,
        edges: edgeCount(map),
        byKind: counted(kinds),
        edgesByKind: counted(map.edgeCounts),
        version,
        privateNodes,
        semantic: semantic.current() !== undefined,
      };
    },

    async coverage({ tenant }) {
      return wireCoverage(coverageOf((await views.of(tenant)).map));
    },

    async insight({ name, tenant }) {
      const available = INSIGHTS.map(infoOf);
      if (!name) return { available, info: undefined, columns: [], rows: [], sources: [] };
      const insight = insightNamed(name);
      const { columns, rows, sources } = insight.table((await views.of(tenant)).map);
      return {
        available,
        info: infoOf(insight),
        columns: columns.map((c) => ({ ...c })),
        rows: rows.map((cells) => ({ cells: cells.map(cellOf) })),
        sources: [...sources],
      };
    },

    watch(call) {
      const { tenant } = call.request;
      const write = (c: { version: string } & Partial<catalog.Change>): boolean =>
        call.write({ version: c.version, added: c.added ?? [], changed: c.changed ?? [], removed: c.removed ?? [] });
      const stop = views.watch(tenant, (change) =>
        write({
          version: change.version,
          added: [...change.added],
          changed: [...change.changed],
          removed: [...change.removed],
        }),
      );
      call.on('cancelled', stop);
      call.on('close', stop);
      views.of(tenant).then(
        ({ version }) => write({ version }),
        (e: unknown) => call.destroy(e instanceof Error ? e : new Error(String(e))),
      );
    },
  };
}

/** Index of the first entry whose slug comes behind `after`. */
const firstBehind = (nodes: Nodes, after: string): number =>
  firstWhere(nodes.length, (i) => (nodes.at(i)?.slug ?? '') > after);
