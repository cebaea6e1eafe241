import { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res, UseInterceptors } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import { listOf } from '@strata/contracts';
import type { catalog } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import { fromGrpcError } from '@strata/service-kit';
import type { ServiceError } from '@grpc/grpc-js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CurrentPrincipal, CurrentTenant, type Principal, RequestId, RequireScope } from '../auth/principal.js';
import { CONFIG, type Config } from '../config.js';
import type { Page } from '../http/paging.js';
import { contentDisposition } from '../http/send-blob.js';
import { CatalogClient } from './catalog.client.js';
import { fresh } from './catalog.controller.js';
import { EtagInterceptor } from './etag.interceptor.js';
import {
  CatalogDiff,
  CatalogSuggestion,
  CatalogVersion,
  Decision,
  DiffQuery,
  ExportQuery,
  ImportQuery,
  ImportResult,
  NewSuggestion,
  SuggestionId,
  SuggestionsQuery,
  VersionNumber,
  VersionsQuery,
} from './schemas.js';
import { diffView, suggestionView, versionView } from './views.js';

/** Entries of the tenant's own, their history, and suggestions for them; the map in other formats. */
@ApiTags('catalog')
@Controller('api/catalog')
@UseInterceptors(EtagInterceptor)
export class OverlayController {
  constructor(
    private readonly catalog: CatalogClient,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get('export')
  @ApiOperation({ summary: 'The map, with entries of your own, in a format for other tools' })
  @ApiProduces('application/json', 'application/ld+json', 'text/csv', 'application/graphml+xml')
  async export(
    @Query({ schema: ExportQuery }) query: z.output<typeof ExportQuery>,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = { format: query.format, tenant, privateOnly: query.private ?? false };
    const pieces = (await this.catalog.answers('export', asked, requestId)) as AsyncIterable<catalog.Piece>;
    const iterator = pieces[Symbol.asyncIterator]();
    const first = await nextPiece(iterator);
    if (!first) throw new StrataError('internal', 'the catalog sent no piece of its export');
    async function* all(head: catalog.Piece): AsyncGenerator<Uint8Array> {
      yield head.data;
      for (let piece = await nextPiece(iterator); piece; piece = await nextPiece(iterator)) yield piece.data;
    }
    await reply
      .header('content-type', first.contentType)
      .header('content-disposition', contentDisposition(first.filename))
      .header('x-content-type-options', 'nosniff')
      .send(Readable.from(all(first), { objectMode: false }));
  }

  @Post('import')
  @HttpCode(200)
  @RequireScope('write')
  @ApiOperation({ summary: 'Entries of your own from a file (YAML, JSON, JSON-LD, CSV or GraphML): all or none' })
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: { type: 'object', required: ['file'], properties: { file: { type: 'string', format: 'binary' } } },
  })
  @ApiResponse({ status: 200, standardSchema: ImportResult })
  async import(
    @Query({ schema: ImportQuery }) query: z.output<typeof ImportQuery>,
    @CurrentPrincipal() { tenantId, keyId }: Principal,
    @RequestId() requestId: string,
    @Req() request: FastifyRequest,
  ): Promise<z.output<typeof ImportResult>> {
    const { filename, content } = await this.file(request);
    const { version, added, changed, removed } = await this.catalog.change(
      'importOverlay',
      {
        tenant: tenantId,
        actor: keyId,
        format: query.format ?? '',
        filename,
        content,
        merge: query.merge,
        dryRun: query.dry_run,
        note: query.note,
      },
      requestId,
    );
    return { object: 'catalog_import', version: version ? versionView(version) : null, added, changed, removed };
  }

  @Get('versions')
  @ApiOperation({ summary: 'Versions of your own entries, or of the public map, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(CatalogVersion) })
  async versions(
    @Query({ schema: VersionsQuery }) query: z.output<typeof VersionsQuery>,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Page<z.output<typeof CatalogVersion>>> {
    const { scope, before = 0, limit } = query;
    const asked = { tenant: scope === 'public' ? '' : tenant, before, limit };
    const { versions, hasMore } = fresh(await this.catalog.read('listVersions', asked, requestId), reply);
    const next = hasMore ? String(versions.at(-1)?.number ?? '') : null;
    return { object: 'list', data: versions.map(versionView), has_more: hasMore, next };
  }

  @Get('versions/diff')
  @ApiOperation({ summary: 'What changed between two versions, field by field' })
  @ApiResponse({ status: 200, standardSchema: CatalogDiff })
  async diff(
    @Query({ schema: DiffQuery }) { scope, from, to }: z.output<typeof DiffQuery>,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.output<typeof CatalogDiff>> {
    const asked = { tenant: scope === 'public' ? '' : tenant, from, to };
    return diffView(fresh(await this.catalog.read('diffVersions', asked, requestId), reply));
  }

  @Post('versions/:number/revert')
  @HttpCode(200)
  @ApiOperation({ summary: 'Make your own entries what they were at a version, as a new version' })
  @ApiResponse({ status: 200, standardSchema: CatalogVersion })
  async revert(
    @Param('number', { schema: VersionNumber }) number: number,
    @CurrentPrincipal() { tenantId, keyId }: Principal,
    @RequestId() requestId: string,
  ): Promise<z.output<typeof CatalogVersion>> {
    const asked = { tenant: tenantId, actor: keyId, number };
    return versionView(await this.catalog.change('revertOverlay', asked, requestId));
  }

  @Post('suggestions')
  @ApiOperation({ summary: 'Suggest an entry of your organisation’s own, a change to one, or its removal' })
  @ApiResponse({ status: 201, standardSchema: CatalogSuggestion })
  async suggest(
    @Body({ schema: NewSuggestion }) body: z.output<typeof NewSuggestion>,
    @CurrentPrincipal() { tenantId, keyId }: Principal,
    @RequestId() requestId: string,
  ): Promise<z.output<typeof CatalogSuggestion>> {
    if ((body.entry === undefined) === (body.remove === undefined))
      throw new StrataError('invalid_request', 'a suggestion has either "entry" or "remove"', {
        where: { field: 'entry' },
      });
    const asked = {
      tenant: tenantId,
      actor: keyId,
      entryJson: body.entry ? JSON.stringify(body.entry) : '',
      slug: body.remove ?? '',
      comment: body.comment,
    };
    return suggestionView(await this.catalog.change('suggest', asked, requestId));
  }

  @Get('suggestions')
  @ApiOperation({ summary: 'Suggestions, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(CatalogSuggestion) })
  async suggestions(
    @Query({ schema: SuggestionsQuery }) query: z.output<typeof SuggestionsQuery>,
    @CurrentTenant() tenant: string,
    @RequestId() requestId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Page<z.output<typeof CatalogSuggestion>>> {
    const asked = { tenant, state: query.state ?? '', after: query.after ?? '', limit: query.limit };
    const page = fresh(await this.catalog.read('listSuggestions', asked, requestId), reply);
    return {
      object: 'list',
      data: page.suggestions.map(suggestionView),
      has_more: page.hasMore,
      next: page.hasMore ? page.next : null,
    };
  }

  @Post('suggestions/:id/decide')
  @HttpCode(200)
  @RequireScope('admin')
  @ApiOperation({ summary: 'Approve a suggestion, which makes a new version, or reject it' })
  @ApiResponse({ status: 200, standardSchema: CatalogSuggestion })
  async decide(
    @Param('id', { schema: SuggestionId }) id: string,
    @Body({ schema: Decision }) { approve, reason }: z.output<typeof Decision>,
    @CurrentPrincipal() { tenantId, keyId }: Principal,
    @RequestId() requestId: string,
  ): Promise<z.output<typeof CatalogSuggestion>> {
    const asked = { tenant: tenantId, actor: keyId, id, approve, reason };
    return suggestionView(await this.catalog.change('decideSuggestion', asked, requestId));
  }

  /** The uploaded file, never more of it than the limit. @throws StrataError `payload_too_large`, `unsupported_media_type` */
  private async file(request: FastifyRequest): Promise<{ filename: string; content: Buffer }> {
    const limit = this.config.CATALOG_IMPORT_LIMIT_BYTES;
    const tooLarge = (): StrataError =>
      new StrataError(
        'payload_too_large',
        `the file is larger than the ${limit} bytes that an import may have; split it, or raise CATALOG_IMPORT_LIMIT_BYTES`,
        { where: { field: 'file' } },
      );
    if (!request.isMultipart())
      throw new StrataError('unsupported_media_type', 'send the file as multipart/form-data, in the field "file"');
    if (Number(request.headers['content-length'] ?? 0) > limit + MULTIPART_OVERHEAD) throw tooLarge();
    const part = await request.file({ limits: { fileSize: limit, files: 1 }, throwFileSizeLimit: false });
    if (!part)
      throw new StrataError('invalid_request', 'the form holds no file: put it into the field "file"', {
        where: { field: 'file' },
      });
    const content = await part.toBuffer();
    if (part.file.truncated) throw tooLarge();
    return { filename: part.filename, content };
  }
}

/** Boundaries and part headers around the file's bytes. */
const MULTIPART_OVERHEAD = 65_536;

async function nextPiece(iterator: AsyncIterator<catalog.Piece>): Promise<catalog.Piece | undefined> {
  try {
    const { done, value } = await iterator.next();
    return done ? undefined : value;
  } catch (e) {
    throw fromGrpcError(e as ServiceError, 'the catalog service');
  }
}
