import { Module } from '@nestjs/common';
import { CommandsModule } from '../control/commands.module.js';
import { DatasetsModule } from '../datasets/datasets.module.js';
import { ArtifactsService } from '../events/artifacts.service.js';
import { EventStreams } from '../events/event-stream.js';
import { EventHub } from '../events/hub.js';
import { RecordsController } from '../events/records.controller.js';
import { RecordsService } from '../events/records.service.js';
import { FilesModule } from '../files/files.module.js';
import { ModelsModule } from '../models/models.module.js';
import { Relay } from '../outbox/relay.js';
import { PipelinesController } from '../pipelines/pipelines.controller.js';
import { PipelinesService } from '../pipelines/pipelines.service.js';
import { JobChanges } from './changes.js';
import { JobCommands } from './commands.js';
import { JobsController } from './jobs.controller.js';
import { JobsService } from './jobs.service.js';
import { JobPlanner } from './planner.js';
import { Submitter } from './submitter.js';

@Module({
  imports: [CommandsModule, DatasetsModule, FilesModule, ModelsModule],
  controllers: [JobsController, RecordsController, PipelinesController],
  providers: [
    JobsService,
    JobCommands,
    JobPlanner,
    JobChanges,
    Submitter,
    Relay,
    EventHub,
    EventStreams,
    RecordsService,
    ArtifactsService,
    PipelinesService,
  ],
  exports: [JobChanges, EventHub, JobsService],
})
export class JobsModule {}
