import { Controller, Get, Inject, type OnModuleInit, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { QueuePort } from '@strata/queue';
import type { FastifyReply } from 'fastify';
import { Registry } from 'prom-client';
import { Public } from '../auth/principal.js';
import { Database } from '../db/database.js';
import { QUEUE } from '../platform/platform.module.js';
import { type CheckResult, Readiness } from './readiness.js';

@ApiTags('operations')
@Controller()
@Public()
export class HealthController implements OnModuleInit {
  constructor(
    private readonly readiness: Readiness,
    private readonly registry: Registry,
    private readonly db: Database,
    @Inject(QUEUE) private readonly queue: QueuePort,
  ) {}

  onModuleInit(): void {
    this.readiness.add('database', () => this.db.pool.query('select 1'));
    this.readiness.add('queue', () => this.queue.check());
  }

  @Get('health/live')
  @ApiOperation({ summary: 'The process turns' })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('health/ready')
  @ApiOperation({ summary: 'All that the gateway needs answers; 503 while something does not' })
  async ready(
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ status: string; checks: Record<string, CheckResult> }> {
    const checks = await this.readiness.run();
    const ok = Object.values(checks).every((c) => c.ok);
    if (!ok) void reply.status(503);
    return { status: ok ? 'ready' : 'not ready', checks };
  }

  @Get('metrics')
  @ApiOperation({ summary: 'Figures in the Prometheus text format' })
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.type(this.registry.contentType);
    return this.registry.metrics();
  }
}
