import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CreateJob, JobView, listOf } from '@strata/contracts';
import type { FastifyReply } from 'fastify';
import { CurrentTenant, RequestId } from '../auth/principal.js';
import type { Page } from '../http/paging.js';
import { Id } from '../http/schemas.js';
import { JobCommands } from './commands.js';
import { JobsService, ListJobs } from './jobs.service.js';

export const IDEMPOTENCY_HEADER = {
  name: 'Idempotency-Key',
  required: false,
  description: 'the same key and body again give the job that was made first, for 24 hours',
} as const;

@ApiTags('jobs')
@Controller('api/jobs')
export class JobsController {
  constructor(
    private readonly jobs: JobsService,
    private readonly commands: JobCommands,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Submit a job' })
  @ApiHeader(IDEMPOTENCY_HEADER)
  @ApiResponse({ status: 201, standardSchema: JobView })
  async create(
    @CurrentTenant() tenantId: string,
    @RequestId() requestId: string,
    @Headers('idempotency-key') key: string | undefined,
    @Body({ schema: CreateJob }) body: CreateJob,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    const { view, replayed } = await this.jobs.create(body, { tenantId, requestId }, key);
    void reply.header('location', `/api/jobs/${view.id}`);
    if (replayed) void reply.header('idempotent-replayed', 'true');
    return view;
  }

  @Get()
  @ApiOperation({ summary: 'Jobs, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(JobView) })
  list(@CurrentTenant() tenantId: string, @Query({ schema: ListJobs }) query: ListJobs): Promise<Page<JobView>> {
    return this.jobs.list(tenantId, query);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One job, with every transition' })
  @ApiResponse({ status: 200, standardSchema: JobView })
  get(@CurrentTenant() tenantId: string, @Param('id', { schema: Id }) id: string): Promise<JobView> {
    return this.jobs.get(tenantId, id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel a job; one that runs ends within seconds' })
  @ApiResponse({ status: 200, standardSchema: JobView })
  cancel(@CurrentTenant() tenantId: string, @Param('id', { schema: Id }) id: string): Promise<JobView> {
    return this.commands.cancel(tenantId, id);
  }

  @Post(':id/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Pause a job; one that runs stops at a checkpoint' })
  @ApiResponse({ status: 200, standardSchema: JobView })
  pause(@CurrentTenant() tenantId: string, @Param('id', { schema: Id }) id: string): Promise<JobView> {
    return this.commands.pause(tenantId, id);
  }

  @Post(':id/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Go on with a paused job where its checkpoint is' })
  @ApiResponse({ status: 200, standardSchema: JobView })
  resume(@CurrentTenant() tenantId: string, @Param('id', { schema: Id }) id: string): Promise<JobView> {
    return this.commands.resume(tenantId, id);
  }

  @Post(':id/retry')
  @HttpCode(200)
  @ApiOperation({ summary: 'Run a failed or cancelled job again' })
  @ApiResponse({ status: 200, standardSchema: JobView })
  retry(@CurrentTenant() tenantId: string, @Param('id', { schema: Id }) id: string): Promise<JobView> {
    return this.commands.retry(tenantId, id);
  }
}
