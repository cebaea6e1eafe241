import multipart from '@fastify/multipart';
import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { FileResolver } from '../resources.js';
import { FilesController } from './files.controller.js';
import { FilesService } from './files.service.js';
import { UploadsController } from './uploads.controller.js';
import { UploadsService } from './uploads.service.js';

@Module({
  controllers: [FilesController, UploadsController],
  providers: [FilesService, UploadsService, { provide: FileResolver, useExisting: FilesService }],
  exports: [FilesService, FileResolver],
})
export class FilesModule {
  constructor(host: HttpAdapterHost) {
    const fastify = host.httpAdapter.getInstance<FastifyInstance>();
    fastify.register(multipart);
    // a part of a tus upload is left to the tus server, as the stream that it is
    fastify.addContentTypeParser('application/offset+octet-stream', (_request, _payload, done) => done(null));
  }
}
