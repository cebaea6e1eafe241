import { Readable } from 'node:stream';
import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import { JobEvent } from '@strata/contracts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { CurrentTenant } from '../auth/principal.js';
import { Id } from '../http/schemas.js';
import { ArtifactsService, type ArtifactView } from './artifacts.service.js';
import { EventStreams } from './event-stream.js';
import { type LogPage, type MetricSeries, RecordsService } from './records.service.js';

const Seq = z.coerce.number().int().min(0).max(2_147_483_647);
const Follow = z.strictObject({ after: Seq.optional().describe('number of the last event seen') });
const LogQuery = z.strictObject({
  after: Seq.default(0).describe('number of the last line seen'),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  level: z.enum(['debug', 'info', 'warn', 'error']).default('debug').describe('least level to show'),
});
const MetricQuery = z.strictObject({
  names: z
    .string()
    .max(2000)
    .transform((s) => s.split(','))
    .optional()
    .describe('only these, separated by commas'),
  points: z.coerce.number().int().min(2).max(100_000).default(2000).describe('values of each series at most'),
});
const FileQuery = z.strictObject({ file: z.string().max(255).optional() });
const OutputName = z.string().min(1).max(64);

/** Safe in a header whatever the name: RFC 6266 with RFC 8187's encoding. */
const disposition = (name: string): string =>
  `attachment; filename="${name.replace(/[^\w.-]/g, '_')}"; filename*=UTF-8''${encodeURIComponent(name)}`;

/** What a job reports and leaves behind. */
@ApiTags('jobs')
@Controller('api/jobs/:id')
export class RecordsController {
  constructor(
    private readonly streams: EventStreams,
    private readonly records: RecordsService,
    private readonly artifacts: ArtifactsService,
  ) {}

  @Get('events')
  @ApiOperation({
    summary: 'Events as they happen (server-sent events), from the first one or after Last-Event-ID; ends with the job',
  })
  @ApiProduces('text/event-stream')
  @ApiResponse({ status: 200, standardSchema: JobEvent })
  async events(
    @CurrentTenant() tenantId: string,
    @Param('id', { schema: Id }) id: string,
    @Query({ schema: Follow }) query: z.output<typeof Follow>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const last = Seq.safeParse(lastEventId === '' ? undefined : lastEventId);
    const stream = await this.streams.open(tenantId, id, last.success ? last.data : (query.after ?? 0));
    await reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .send(Readable.from(stream, { objectMode: false }));
  }

  @Get('logs')
  @ApiOperation({ summary: 'Log lines, oldest first' })
  logs(
    @CurrentTenant() tenantId: string,
    @Param('id', { schema: Id }) id: string,
    @Query({ schema: LogQuery }) query: z.output<typeof LogQuery>,
  ): Promise<LogPage> {
    return this.records.logs(tenantId, id, query);
  }

  @Get('metrics')
  @ApiOperation({ summary: 'Metrics as series over the steps' })
  metrics(
    @CurrentTenant() tenantId: string,
    @Param('id', { schema: Id }) id: string,
    @Query({ schema: MetricQuery }) query: z.output<typeof MetricQuery>,
  ): Promise<MetricSeries> {
    return this.records.metrics(tenantId, id, query.names, query.points);
  }

  @Get('artifacts')
  @ApiOperation({ summary: 'Outputs with their files' })
  async list(
    @CurrentTenant() tenantId: string,
    @Param('id', { schema: Id }) id: string,
  ): Promise<{ object: 'list'; data: ArtifactView[]; has_more: false; next: null }> {
    return { object: 'list', data: await this.artifacts.list(tenantId, id), has_more: false, next: null };
  }

  @Get('artifacts/:name')
  @ApiOperation({ summary: 'Download a file of an output' })
  @ApiProduces('application/octet-stream')
  async download(
    @CurrentTenant() tenantId: string,
    @Param('id', { schema: Id }) id: string,
    @Param('name', { schema: OutputName }) name: string,
    @Query({ schema: FileQuery }) query: z.output<typeof FileQuery>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { stream, blob, name: filename, mediaType } = await this.artifacts.download(tenantId, id, name, query.file);
    await reply
      .header('content-type', mediaType)
      .header('content-length', blob.size)
      .header('etag', `"${blob.sha256}"`)
      .header('content-disposition', disposition(filename))
      // what a job wrote is never shown as a page of this site
      .header('x-content-type-options', 'nosniff')
      .send(stream);
  }
}
