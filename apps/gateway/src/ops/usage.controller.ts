import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { sql } from 'kysely';
import { z } from 'zod';
import { CurrentTenant } from '../auth/principal.js';
import { Database } from '../db/database.js';

const UsageQuery = z.strictObject({
  from: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('runs that began at or after this; 30 days ago when absent'),
  to: z.iso.datetime({ offset: true }).optional().describe('runs that began before this'),
});
const UsageView = z
  .object({
    object: z.literal('usage'),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    jobs: z.number().int(),
    job_seconds: z.number().describe('time that jobs ran, all attempts together'),
    by_recipe: z.array(z.object({ recipe: z.string(), jobs: z.number().int(), job_seconds: z.number() })),
  })
  .meta({ id: 'Usage' });
type UsageView = z.output<typeof UsageView>;

const MONTH_MS = 30 * 24 * 3_600_000;
const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

@ApiTags('usage')
@Controller('api/usage')
export class UsageController {
  constructor(private readonly db: Database) {}

  @Get()
  @ApiOperation({ summary: 'What your tenant has used' })
  @ApiResponse({ status: 200, standardSchema: UsageView })
  async usage(
    @CurrentTenant() tenantId: string,
    @Query({ schema: UsageQuery }) query: z.output<typeof UsageQuery>,
  ): Promise<UsageView> {
    const to = query.to ? new Date(query.to) : new Date();
    const from = query.from ? new Date(query.from) : new Date(to.getTime() - MONTH_MS);
    const seconds = sql<number>`(sum(run_ms + coalesce(extract(epoch from now() - running_since) * 1000, 0)) / 1000)::float8`;
    const rows = await this.db.kysely
      .selectFrom('job')
      .select(['recipe', (e) => e.fn.countAll<number>().as('jobs'), seconds.as('job_seconds')])
      .where('tenant_id', '=', tenantId)
      .where('started_at', '>=', from)
      .where('started_at', '<', to)
      .groupBy('recipe')
      .orderBy('recipe')
      .execute();
    const by_recipe = rows.map((r) => ({ ...r, job_seconds: round(r.job_seconds) }));
    return {
      object: 'usage',
      from: from.toISOString(),
      to: to.toISOString(),
      jobs: by_recipe.reduce((sum, r) => sum + r.jobs, 0),
      job_seconds: round(by_recipe.reduce((sum, r) => sum + r.job_seconds, 0)),
      by_recipe,
    };
  }
}
