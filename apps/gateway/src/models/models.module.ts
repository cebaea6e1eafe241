import { Module } from '@nestjs/common';
import { FilesModule } from '../files/files.module.js';
import { ModelRegistrar } from '../resources.js';
import { ImportService } from './import.service.js';
import { LineageService } from './lineage.service.js';
import { ModelsController } from './models.controller.js';
import { ModelsService } from './models.service.js';

@Module({
  imports: [FilesModule],
  controllers: [ModelsController],
  providers: [ModelsService, ImportService, LineageService, { provide: ModelRegistrar, useExisting: ModelsService }],
  exports: [ModelsService, ModelRegistrar],
})
export class ModelsModule {}
