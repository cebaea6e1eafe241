import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { listOf } from '@strata/contracts';
import type { z } from 'zod';
import { RequestId } from '../auth/principal.js';
import type { Page } from '../http/paging.js';
import { CatalogClient } from './catalog.client.js';
import {
  CatalogCoverage,
  CatalogNode,
  CatalogStats,
  entryView,
  Neighbours,
  NeighboursQuery,
  NodesQuery,
  nodeView,
  SearchHits,
  SearchQuery,
  Slug,
} from './schemas.js';

@ApiTags('catalog')
@Controller('api/catalog')
export class CatalogController {
  constructor(private readonly catalog: CatalogClient) {}

  @Get('nodes')
  @ApiOperation({ summary: 'Entries of the map, in the order of their slugs' })
  @ApiResponse({ status: 200, standardSchema: listOf(CatalogNode) })
  async nodes(
    @Query({ schema: NodesQuery }) query: z.output<typeof NodesQuery>,
    @RequestId() requestId: string,
  ): Promise<Page<CatalogNode>> {
    const { kind = '', tag = '', after = '', limit } = query;
    const { nodes, hasMore, next } = await this.catalog.call('listNodes', { kind, tag, after, limit }, requestId);
    return { object: 'list', data: nodes.map(nodeView), has_more: hasMore, next: hasMore ? next : null };
  }

  @Get('nodes/:slug')
  @ApiOperation({ summary: 'One entry of the map' })
  @ApiResponse({ status: 200, standardSchema: CatalogNode })
  async node(@Param('slug', { schema: Slug }) slug: string, @RequestId() requestId: string): Promise<CatalogNode> {
    return nodeView(await this.catalog.call('getNode', { slug }, requestId));
  }

  @Get('nodes/:slug/neighbours')
  @ApiOperation({ summary: 'Entries at the other end of an entry’s edges, in both directions' })
  @ApiResponse({ status: 200, standardSchema: Neighbours })
  async neighbours(
    @Param('slug', { schema: Slug }) slug: string,
    @Query({ schema: NeighboursQuery }) query: z.output<typeof NeighboursQuery>,
    @RequestId() requestId: string,
  ): Promise<z.output<typeof Neighbours>> {
    const found = await this.catalog.call('neighbours', { slug, edgeKind: query.edge ?? '' }, requestId);
    return {
      object: 'list',
      data: found.neighbours.map((n) => ({
        edge: n.edge ?? { kind: '', from: '', to: '' },
        node: nodeView(n.node),
      })),
    };
  }

  @Get('search')
  @ApiOperation({ summary: 'Search in English and Chinese, tolerant of typing errors; best first' })
  @ApiResponse({ status: 200, standardSchema: SearchHits })
  async search(
    @Query({ schema: SearchQuery }) query: z.output<typeof SearchQuery>,
    @RequestId() requestId: string,
  ): Promise<z.output<typeof SearchHits>> {
    const { q, kind = '', limit } = query;
    const { hits } = await this.catalog.call('search', { query: q, kind, limit }, requestId);
    return { object: 'list', data: hits.map((h) => ({ node: nodeView(h.node), score: h.score })) };
  }

  @Get('stats')
  @ApiOperation({ summary: 'Size of the map, by kind of entry' })
  @ApiResponse({ status: 200, standardSchema: CatalogStats })
  async stats(@RequestId() requestId: string): Promise<z.output<typeof CatalogStats>> {
    const { nodes, edges, byKind } = await this.catalog.call('stats', {}, requestId);
    return {
      object: 'catalog_stats',
      nodes,
      edges,
      by_kind: Object.fromEntries(byKind.map((k) => [k.kind, k.count])),
    };
  }

  @Get('coverage')
  @ApiOperation({ summary: 'Which runnable entries of the map have a recipe, and which have none yet' })
  @ApiResponse({ status: 200, standardSchema: CatalogCoverage })
  async coverage(@RequestId() requestId: string): Promise<z.output<typeof CatalogCoverage>> {
    const { covered, missing } = await this.catalog.call('coverage', {}, requestId);
    return { object: 'catalog_coverage', covered: covered.map(entryView), missing: missing.map(entryView) };
  }
}
