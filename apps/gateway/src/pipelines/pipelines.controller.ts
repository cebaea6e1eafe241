import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CreatePipeline, listOf, ListQuery, PipelineView } from '@strata/contracts';
import type { FastifyReply } from 'fastify';
import { CurrentTenant, RequestId } from '../auth/principal.js';
import type { Page } from '../http/paging.js';
import { Id } from '../http/schemas.js';
import { IDEMPOTENCY_HEADER } from '../jobs/jobs.controller.js';
import { PipelinesService } from './pipelines.service.js';

@ApiTags('pipelines')
@Controller('api/pipelines')
export class PipelinesController {
  constructor(private readonly pipelines: PipelinesService) {}

  @Post()
  @ApiOperation({ summary: 'Submit a graph of jobs: steps take outputs of other steps by name' })
  @ApiHeader(IDEMPOTENCY_HEADER)
  @ApiResponse({ status: 201, standardSchema: PipelineView })
  async create(
    @CurrentTenant() tenantId: string,
    @RequestId() requestId: string,
    @Headers('idempotency-key') key: string | undefined,
    @Body({ schema: CreatePipeline }) body: CreatePipeline,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PipelineView> {
    const { view, replayed } = await this.pipelines.create(body, { tenantId, requestId }, key);
    void reply.header('location', `/api/pipelines/${view.id}`);
    if (replayed) void reply.header('idempotent-replayed', 'true');
    return view;
  }

  @Get()
  @ApiOperation({ summary: 'Pipelines, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(PipelineView) })
  list(@CurrentTenant() tenantId: string, @Query({ schema: ListQuery }) query: ListQuery): Promise<Page<PipelineView>> {
    return this.pipelines.list(tenantId, query);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One pipeline with all its jobs' })
  @ApiResponse({ status: 200, standardSchema: PipelineView })
  get(@CurrentTenant() tenantId: string, @Param('id', { schema: Id }) id: string): Promise<PipelineView> {
    return this.pipelines.get(tenantId, id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel all jobs of a pipeline that have not ended' })
  @ApiResponse({ status: 200, standardSchema: PipelineView })
  cancel(@CurrentTenant() tenantId: string, @Param('id', { schema: Id }) id: string): Promise<PipelineView> {
    return this.pipelines.cancel(tenantId, id);
  }
}
