import { Module } from '@nestjs/common';
import { FilesModule } from '../files/files.module.js';
import { DatasetRegistrar } from '../resources.js';
import { DatasetsController } from './datasets.controller.js';
import { DatasetsService } from './datasets.service.js';

@Module({
  imports: [FilesModule],
  controllers: [DatasetsController],
  providers: [DatasetsService, { provide: DatasetRegistrar, useExisting: DatasetsService }],
  exports: [DatasetsService, DatasetRegistrar],
})
export class DatasetsModule {}
