import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { listOf, WorkerView } from '@strata/contracts';
import { z } from 'zod';
import { CurrentPrincipal, type Principal, RequireOperator } from '../auth/principal.js';
import { Id } from '../http/schemas.js';
import { JobOwners } from './job-owners.js';
import { WorkersService } from './workers.service.js';

const WorkerQuery = z.strictObject({ state: z.enum(['online', 'offline']).optional() });

@ApiTags('workers')
@Controller('api/workers')
export class WorkersController {
  constructor(
    private readonly workers: WorkersService,
    private readonly owners: JobOwners,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Workers with their devices, their load, and which of your jobs run where' })
  @ApiResponse({ status: 200, standardSchema: listOf(WorkerView) })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Query({ schema: WorkerQuery }) query: z.output<typeof WorkerQuery>,
  ): Promise<{ object: 'list'; data: WorkerView[]; has_more: false; next: null }> {
    const data = await this.owners.hideForeign(principal, await this.workers.list(query.state));
    return { object: 'list', data, has_more: false, next: null };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One worker' })
  @ApiResponse({ status: 200, standardSchema: WorkerView })
  async get(@CurrentPrincipal() principal: Principal, @Param('id', { schema: Id }) id: string): Promise<WorkerView> {
    const worker = await this.workers.get(id);
    return (await this.owners.hideForeign(principal, [worker]))[0] ?? worker;
  }

  @Post(':id/drain')
  @RequireOperator()
  @HttpCode(202)
  @ApiOperation({ summary: 'Let a worker finish: it takes no further job and stops' })
  @ApiResponse({ status: 202, standardSchema: WorkerView })
  drain(@Param('id', { schema: Id }) id: string): Promise<WorkerView> {
    return this.workers.drain(id);
  }
}
