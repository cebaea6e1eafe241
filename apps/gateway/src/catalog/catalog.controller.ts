import { Controller, Get, Param, Query, Res, UseInterceptors } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { listOf } from '@strata/contracts';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { CurrentTenant, RequestId } from '../auth/principal.js';
import type { Page } from '../http/paging.js';
import { CatalogClient, type Read } from './catalog.client.js';
import { EtagInterceptor } from './etag.interceptor.js';
import {
  CatalogCoverage,
  CatalogInsight,
  CatalogNode,
  CatalogPath,
  CatalogStats,
  InsightInfo,
  Neighbours,
  NeighboursQuery,
  NodesQuery,
  PathQuery,
  SearchHits,
  SearchQuery,
  Slug,
  Subgraph,
  SubgraphQuery,
} from './schemas.js';
import { coverageView, facetsView, filterOf, infoView, insightView, nodeView, summaryView } from './views.js';

/** Says in the headers when an answer is an old one, kept for while the catalog is away (RFC 9111, section 5.5, and RFC 5861). */
export function fresh<T>({ answer, staleSince }: Read<T>, reply: FastifyReply): T {
  if (staleSince !== undefined)
    void reply.headers({
      warning: '110 - "the catalog service is away: this answer was kept"',
      age: String(Math.max(0, Math.round((Date.now() - staleSince) / 1000))),
      'x-strata-stale': 'true',
    });
  return answer;
}

/** The map, as the key's tenant sees it. */
@ApiTags('catalog')
@Controller('api/catalog')
@UseInterceptors(EtagInterceptor)
export class CatalogController {
  constructor(private readonly catalog: CatalogClient) {}

  @Get('nodes')
  @ApiOperation({ summary: 'Entries of the map that meet all conditions, in the order of their slugs' })
  @ApiResponse({ status: 200, standardSchema: listOf(CatalogNode) })
  async nodes(
    @Query({ schema: NodesQuery }) query: z.output<typeof NodesQuery>,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Page<CatalogNode>> {
    const { after = '', limit, ...filter } = query;
    const asked = { filter: filterOf(filter), after, limit, tenant };
    const { nodes, hasMore, next } = fresh(await this.catalog.read('listNodes', asked, requestId), reply);
    return { object: 'list', data: nodes.map(nodeView), has_more: hasMore, next: hasMore ? next : null };
  }

  @Get('nodes/:slug')
  @ApiOperation({ summary: 'One entry of the map' })
  @ApiResponse({ status: 200, standardSchema: CatalogNode })
  async node(
    @Param('slug', { schema: Slug }) slug: string,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CatalogNode> {
    return nodeView(fresh(await this.catalog.read('getNode', { slug, tenant }, requestId), reply));
  }

  @Get('nodes/:slug/neighbours')
  @ApiOperation({ summary: 'Entries at the other end of an entry’s edges, in both directions' })
  @ApiResponse({ status: 200, standardSchema: Neighbours })
  async neighbours(
    @Param('slug', { schema: Slug }) slug: string,
    @Query({ schema: NeighboursQuery }) query: z.output<typeof NeighboursQuery>,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.output<typeof Neighbours>> {
    const asked = { slug, edgeKind: query.edge ?? '', tenant };
    const found = fresh(await this.catalog.read('neighbours', asked, requestId), reply);
    return {
      object: 'list',
      data: found.neighbours.map((n) => ({
        edge: n.edge ?? { kind: '', from: '', to: '' },
        node: nodeView(n.node),
      })),
    };
  }

  @Get('search')
  @ApiOperation({
    summary:
      'Search in English and Chinese, by words, names, pinyin and meaning, tolerant of typing errors; best first',
  })
  @ApiResponse({ status: 200, standardSchema: SearchHits })
  async search(
    @Query({ schema: SearchQuery }) query: z.output<typeof SearchQuery>,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.output<typeof SearchHits>> {
    const { q, limit, offset, mode, ...filter } = query;
    const asked = { query: q, filter: filterOf(filter), limit, offset, mode, tenant };
    const found = fresh(await this.catalog.read('search', asked, requestId), reply);
    return {
      object: 'list',
      data: found.hits.map((h) => ({ node: summaryView(h.node), score: h.score })),
      total: found.total,
      mode: found.mode,
      facets: facetsView(found.facets),
    };
  }

  @Get('path')
  @ApiOperation({ summary: 'A shortest way between two entries along edges, in either direction' })
  @ApiResponse({ status: 200, standardSchema: CatalogPath })
  async path(
    @Query({ schema: PathQuery }) query: z.output<typeof PathQuery>,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.output<typeof CatalogPath>> {
    const asked = { from: query.from, to: query.to, maxLength: query.max_length, edgeKinds: query.edge ?? [], tenant };
    const { nodes, edges } = fresh(await this.catalog.read('path', asked, requestId), reply);
    return {
      object: 'catalog_path',
      length: nodes.length ? edges.length : null,
      nodes: nodes.map(nodeView),
      edges,
    };
  }

  @Get('subgraph')
  @ApiOperation({ summary: 'What lies within some edges of the given entries, with all edges between' })
  @ApiResponse({ status: 200, standardSchema: Subgraph })
  async subgraph(
    @Query({ schema: SubgraphQuery }) query: z.output<typeof SubgraphQuery>,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.output<typeof Subgraph>> {
    const { slug, depth, edge = [], limit } = query;
    const asked = { slugs: slug, depth, edgeKinds: edge, limit, tenant };
    const { nodes, edges, truncated } = fresh(await this.catalog.read('subgraph', asked, requestId), reply);
    return { object: 'catalog_subgraph', nodes: nodes.map(nodeView), edges, truncated };
  }

  @Get('stats')
  @ApiOperation({ summary: 'Size of the map, by kind of entry and of edge' })
  @ApiResponse({ status: 200, standardSchema: CatalogStats })
  async stats(
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.output<typeof CatalogStats>> {
    const s = fresh(await this.catalog.read('stats', { tenant }, requestId), reply);
    return {
      object: 'catalog_stats',
      version: s.version,
      nodes: s.nodes,
      edges: s.edges,
      private_nodes: s.privateNodes,
      by_kind: Object.fromEntries(s.byKind.map((k) => [k.kind, k.count])),
      edges_by_kind: Object.fromEntries(s.edgesByKind.map((k) => [k.kind, k.count])),
      semantic: s.semantic,
    };
  }

  @Get('coverage')
  @ApiOperation({ summary: 'Which runnable entries of the map have a recipe, and which have none yet' })
  @ApiResponse({ status: 200, standardSchema: CatalogCoverage })
  async coverage(
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.output<typeof CatalogCoverage>> {
    return coverageView(fresh(await this.catalog.read('coverage', { tenant }, requestId), reply));
  }

  @Get('insights')
  @ApiOperation({ summary: 'Aggregations that there are' })
  @ApiResponse({ status: 200, standardSchema: listOf(InsightInfo) })
  async insights(
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Page<z.output<typeof InsightInfo>>> {
    const { available } = fresh(await this.catalog.read('insight', { name: '', tenant }, requestId), reply);
    return { object: 'list', data: available.map(infoView), has_more: false, next: null };
  }

  @Get('insights/:name')
  @ApiOperation({ summary: 'An aggregation, ready for a chart, with its sources' })
  @ApiResponse({ status: 200, standardSchema: CatalogInsight })
  async insight(
    @Param('name', { schema: Slug }) name: string,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.output<typeof CatalogInsight>> {
    return insightView(fresh(await this.catalog.read('insight', { name, tenant }, requestId), reply));
  }
}
