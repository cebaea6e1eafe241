import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { ArtifactStore } from '@strata/artifacts';
import { CreateDataset, DatasetView, listOf, ListQuery, TaskSuggestion } from '@strata/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentTenant } from '../auth/principal.js';
import type { Page } from '../http/paging.js';
import { Id } from '../http/schemas.js';
import { ApiDownload, sendBlob } from '../http/send-blob.js';
import { ARTIFACTS } from '../platform/platform.module.js';
import { datasetView } from './dataset.table.js';
import { DatasetsService } from './datasets.service.js';

const PreviewQuery = z.strictObject({ rows: z.coerce.number().int().min(1).max(1000).default(20) });
const DatasetPreview = z
  .object({
    object: z.literal('dataset_preview'),
    dataset: z.string(),
    columns: z.array(z.string()),
    rows: z.array(z.array(z.string().nullable())).describe('cells as text in the order of columns; null: missing'),
  })
  .meta({ id: 'DatasetPreview' });
const SuggestTask = z.strictObject({ target: z.string().min(1) }).meta({ id: 'SuggestTask' });

@ApiTags('datasets')
@Controller('api/datasets')
export class DatasetsController {
  constructor(
    private readonly datasets: DatasetsService,
    @Inject(ARTIFACTS) private readonly store: ArtifactStore,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Make a dataset of an uploaded file: its form is found out, every line is checked' })
  @ApiResponse({ status: 201, standardSchema: DatasetView })
  create(@CurrentTenant() tenant: string, @Body({ schema: CreateDataset }) body: CreateDataset): Promise<DatasetView> {
    return this.datasets.create(tenant, body);
  }

  @Get()
  @ApiOperation({ summary: 'Datasets, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(DatasetView) })
  list(
    @CurrentTenant() tenant: string,
    @Query({ schema: ListQuery }) query: z.output<typeof ListQuery>,
  ): Promise<Page<DatasetView>> {
    return this.datasets.list(tenant, query);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One dataset with its columns' })
  @ApiResponse({ status: 200, standardSchema: DatasetView })
  async get(@CurrentTenant() tenant: string, @Param('id', { schema: Id }) id: string): Promise<DatasetView> {
    return datasetView(await this.datasets.row(tenant, id));
  }

  @Get(':id/preview')
  @ApiOperation({ summary: 'The first rows of a dataset' })
  @ApiResponse({ status: 200, standardSchema: DatasetPreview })
  async preview(
    @CurrentTenant() tenant: string,
    @Param('id', { schema: Id }) id: string,
    @Query({ schema: PreviewQuery }) query: z.output<typeof PreviewQuery>,
  ): Promise<z.output<typeof DatasetPreview>> {
    return { object: 'dataset_preview', dataset: id, ...(await this.datasets.preview(tenant, id, query.rows)) };
  }

  @Post(':id/suggest')
  @HttpCode(200)
  @ApiOperation({ summary: 'Which recipe learns a column of this dataset, and why' })
  @ApiResponse({ status: 200, standardSchema: TaskSuggestion })
  suggest(
    @CurrentTenant() tenant: string,
    @Param('id', { schema: Id }) id: string,
    @Body({ schema: SuggestTask }) body: z.output<typeof SuggestTask>,
  ): Promise<TaskSuggestion> {
    return this.datasets.suggest(tenant, id, body.target);
  }

  @Get(':id/content')
  @ApiDownload('The file of a dataset', 'text/csv', 'application/x-ndjson')
  async content(
    @CurrentTenant() tenant: string,
    @Param('id', { schema: Id }) id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const row = await this.datasets.row(tenant, id);
    const csv = row.format.format === 'csv';
    await sendBlob(this.store, request, reply, {
      blob: { sha256: row.sha256, size: row.size },
      filename: `${row.name}.${csv ? 'csv' : 'jsonl'}`,
      mediaType: csv ? 'text/csv' : 'application/x-ndjson',
    });
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Delete a dataset; what was learned from it stays' })
  @ApiResponse({ status: 200, standardSchema: DatasetView })
  delete(@CurrentTenant() tenant: string, @Param('id', { schema: Id }) id: string): Promise<DatasetView> {
    return this.datasets.delete(tenant, id);
  }
}
