import type { MultipartFile } from '@fastify/multipart';
import { Controller, Delete, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { ArtifactStore } from '@strata/artifacts';
import { FileView, listOf, ListQuery } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CurrentTenant } from '../auth/principal.js';
import { CONFIG, type Config } from '../config.js';
import type { Page } from '../http/paging.js';
import { Id } from '../http/schemas.js';
import { ApiDownload, sendBlob } from '../http/send-blob.js';
import { ARTIFACTS } from '../platform/platform.module.js';
import { fileView } from './file.table.js';
import { FilesService } from './files.service.js';
import { tooLarge } from './limit.js';

/** Boundaries and part headers around the file's bytes. */
const MULTIPART_OVERHEAD = 65_536;

@ApiTags('files')
@Controller('api/files')
export class FilesController {
  constructor(
    private readonly files: FilesService,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(ARTIFACTS) private readonly store: ArtifactStore,
  ) {}

  @Post()
  @ApiOperation({
    summary: 'Upload a file in one request; for large files over shaky lines use the tus protocol at /api/uploads',
  })
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: { type: 'object', required: ['file'], properties: { file: { type: 'string', format: 'binary' } } },
  })
  @ApiResponse({ status: 201, standardSchema: FileView })
  async upload(@CurrentTenant() tenant: string, @Req() request: FastifyRequest): Promise<FileView> {
    if (!request.isMultipart())
      throw new StrataError('unsupported_media_type', 'send the file as multipart/form-data, in the field "file"');
    const limit = this.config.UPLOAD_LIMIT_BYTES;
    if (Number(request.headers['content-length'] ?? 0) > limit + MULTIPART_OVERHEAD) throw tooLarge(limit);
    const part = await this.firstFile(request);
    if (!part)
      throw new StrataError('invalid_request', 'the form holds no file: put it into the field "file"', {
        where: { field: 'file' },
      });
    return this.files.upload(tenant, { filename: part.filename, mediaType: part.mimetype }, part.file);
  }

  @Get()
  @ApiOperation({ summary: 'Files, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(FileView) })
  list(
    @CurrentTenant() tenant: string,
    @Query({ schema: ListQuery }) query: z.output<typeof ListQuery>,
  ): Promise<Page<FileView>> {
    return this.files.list(tenant, query);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One file' })
  @ApiResponse({ status: 200, standardSchema: FileView })
  async get(@CurrentTenant() tenant: string, @Param('id', { schema: Id }) id: string): Promise<FileView> {
    return fileView(await this.files.row(tenant, id));
  }

  @Get(':id/content')
  @ApiDownload('The bytes of a file', 'application/octet-stream')
  async content(
    @CurrentTenant() tenant: string,
    @Param('id', { schema: Id }) id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const row = await this.files.row(tenant, id);
    await sendBlob(this.store, request, reply, {
      blob: { sha256: row.sha256, size: row.bytes },
      filename: row.filename,
      mediaType: row.media_type,
    });
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Delete a file; what was made from it stays' })
  @ApiResponse({ status: 200, standardSchema: FileView })
  delete(@CurrentTenant() tenant: string, @Param('id', { schema: Id }) id: string): Promise<FileView> {
    return this.files.delete(tenant, id);
  }

  private async firstFile(request: FastifyRequest): Promise<MultipartFile | undefined> {
    try {
      return await request.file({ limits: { files: 1, fields: 16, fileSize: Infinity } });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new StrataError('invalid_request', `the form cannot be read (${why}): send multipart/form-data`, { cause });
    }
  }
}
