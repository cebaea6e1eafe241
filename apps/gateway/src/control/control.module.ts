import { Module } from '@nestjs/common';
import { DatasetsModule } from '../datasets/datasets.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { ModelsModule } from '../models/models.module.js';
import { Claims } from './claims.js';
import { CommandsModule } from './commands.module.js';
import { ControlServer } from './control.server.js';
import { Reconciler } from './reconciler.js';
import { EventRecorder } from './recorder.js';
import { Roster } from './roster.js';
import { Sweeper } from './sweeper.js';

@Module({
  imports: [CommandsModule, JobsModule, DatasetsModule, ModelsModule],
  providers: [ControlServer, Claims, EventRecorder, Roster, Reconciler, Sweeper],
  exports: [ControlServer, Sweeper, Reconciler],
})
export class ControlModule {}
