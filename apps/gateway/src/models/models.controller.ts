import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { ArtifactStore } from '@strata/artifacts';
import { listOf, ListQuery, ModelVersionView, ModelView, ResourceName } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentTenant } from '../auth/principal.js';
import type { Page } from '../http/paging.js';
import { ApiDownload, sendBlob } from '../http/send-blob.js';
import { ARTIFACTS } from '../platform/platform.module.js';
import { ImportModel, ImportService } from './import.service.js';
import { LineageGraph, LineageService } from './lineage.service.js';
import { ModelsService } from './models.service.js';
import { selectorOf } from './ref.js';
import { modelCard } from './view.js';

const SetAlias = z.strictObject({ version: z.number().int().min(1) }).meta({ id: 'SetAlias' });
const Version = z.coerce.number().int().min(1).max(2_147_483_647);
const CardQuery = z.strictObject({ lang: z.enum(['en', 'zh']).default('en') });
const VERSION_HELP = 'number, alias, `latest` or `deployed`';

@ApiTags('models')
@Controller('api/models')
export class ModelsController {
  constructor(
    private readonly models: ModelsService,
    private readonly importer: ImportService,
    private readonly lineages: LineageService,
    @Inject(ARTIFACTS) private readonly store: ArtifactStore,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Models, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(ModelView) })
  list(
    @CurrentTenant() tenant: string,
    @Query({ schema: ListQuery }) query: z.output<typeof ListQuery>,
  ): Promise<Page<ModelView>> {
    return this.models.list(tenant, query);
  }

  @Post('import')
  @HttpCode(201)
  @ApiOperation({ summary: 'Register an uploaded ONNX model; it is checked first' })
  @ApiResponse({ status: 201, standardSchema: ModelVersionView })
  import(@CurrentTenant() tenant: string, @Body({ schema: ImportModel }) body: ImportModel): Promise<ModelVersionView> {
    return this.importer.import(tenant, body);
  }

  @Get(':name')
  @ApiOperation({ summary: 'One model with its aliases' })
  @ApiResponse({ status: 200, standardSchema: ModelView })
  get(@CurrentTenant() tenant: string, @Param('name', { schema: ResourceName }) name: string): Promise<ModelView> {
    return this.models.get(tenant, name);
  }

  @Get(':name/versions')
  @ApiOperation({ summary: 'Versions of a model, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(ModelVersionView) })
  versions(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Query({ schema: ListQuery }) query: z.output<typeof ListQuery>,
  ): Promise<Page<ModelVersionView>> {
    return this.models.versions(tenant, name, query);
  }

  @Get(':name/versions/:version')
  @ApiOperation({ summary: `One version: ${VERSION_HELP}` })
  @ApiResponse({ status: 200, standardSchema: ModelVersionView })
  version(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Param('version', { schema: ResourceName }) version: string,
  ): Promise<ModelVersionView> {
    return this.models.version(tenant, name, selectorOf(version));
  }

  @Delete(':name/versions/:version')
  @ApiOperation({ summary: 'Take a version out of the registry; not while it is deployed or has an alias' })
  @ApiResponse({ status: 200, standardSchema: ModelVersionView })
  deleteVersion(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Param('version', { schema: Version }) version: number,
  ): Promise<ModelVersionView> {
    return this.models.deleteVersion(tenant, name, version);
  }

  @Get(':name/versions/:version/card')
  @ApiOperation({ summary: 'Model card in Markdown, in English or Chinese' })
  @ApiProduces('text/markdown')
  @ApiResponse({ status: 200, description: 'Markdown' })
  async card(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Param('version', { schema: ResourceName }) version: string,
    @Query({ schema: CardQuery }) query: z.output<typeof CardQuery>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const view = await this.models.version(tenant, name, selectorOf(version));
    await reply
      .type('text/markdown; charset=utf-8')
      .header('content-language', query.lang)
      .send(modelCard(view, query.lang));
  }

  @Get(':name/versions/:version/lineage')
  @ApiOperation({ summary: 'The jobs, datasets, models and files behind a version, as a graph' })
  @ApiResponse({ status: 200, standardSchema: LineageGraph })
  async lineage(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Param('version', { schema: ResourceName }) version: string,
  ): Promise<LineageGraph> {
    const { id } = await this.models.version(tenant, name, selectorOf(version));
    return this.lineages.of(tenant, id);
  }

  @Get(':name/versions/:version/files/*')
  @ApiDownload('One file of a version, by its path inside the model’s folder', 'application/octet-stream')
  async file(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Param('version', { schema: ResourceName }) version: string,
    @Param('*') path: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const view = await this.models.version(tenant, name, selectorOf(version));
    // a look-up among the names that there are: no path of the caller reaches a file system
    const blob = Object.hasOwn(view.files, path) ? view.files[path] : undefined;
    if (!blob)
      throw new StrataError(
        'not_found',
        `version ${view.version} of ${name} has no file "${path.slice(0, 200)}". Its files: ${Object.keys(view.files).join(', ')}`,
      );
    await sendBlob(this.store, request, reply, {
      blob,
      filename: path.split('/').at(-1) ?? 'file',
      mediaType: path.endsWith('.json') ? 'application/json' : 'application/octet-stream',
    });
  }

  @Put(':name/aliases/:alias')
  @ApiOperation({ summary: 'Point an alias to a version' })
  @ApiResponse({ status: 200, standardSchema: ModelView })
  setAlias(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Param('alias', { schema: ResourceName }) alias: string,
    @Body({ schema: SetAlias }) body: z.output<typeof SetAlias>,
  ): Promise<ModelView> {
    return this.models.setAlias(tenant, name, alias, body.version);
  }

  @Delete(':name/aliases/:alias')
  @ApiOperation({ summary: 'Delete an alias; its version stays' })
  @ApiResponse({ status: 200, standardSchema: ModelView })
  deleteAlias(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Param('alias', { schema: ResourceName }) alias: string,
  ): Promise<ModelView> {
    return this.models.deleteAlias(tenant, name, alias);
  }
}
