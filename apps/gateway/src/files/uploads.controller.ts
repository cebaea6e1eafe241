import { Controller, Delete, Head, Options, Patch, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentTenant } from '../auth/principal.js';
import { UploadsService } from './uploads.service.js';

/** The tus server answers on the raw response. */
@ApiTags('files')
@Controller('api/uploads')
export class UploadsController {
  constructor(private readonly uploads: UploadsService) {}

  @Options()
  @ApiOperation({ summary: 'What this tus server can do (protocol version, extensions, largest upload)' })
  options(@CurrentTenant() tenant: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(tenant, request, reply);
  }

  @Post()
  @ApiOperation({
    summary: 'Begin a resumable upload (tus 1.0.0); the `filename` and `filetype` of its metadata are kept',
  })
  create(@CurrentTenant() tenant: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(tenant, request, reply);
  }

  @Head(':id')
  @ApiOperation({ summary: 'How much of an upload has come; once all of it has, header Strata-File names the file' })
  offset(@CurrentTenant() tenant: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(tenant, request, reply);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Go on with an upload; the answer to the last part names the file in header Strata-File' })
  append(@CurrentTenant() tenant: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(tenant, request, reply);
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Give an unfinished upload up' })
  abort(@CurrentTenant() tenant: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(tenant, request, reply);
  }

  private serve(tenant: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.hijack();
    reply.raw.setHeader('x-request-id', request.id);
    return this.uploads.handle(tenant, request.raw, reply.raw);
  }
}
