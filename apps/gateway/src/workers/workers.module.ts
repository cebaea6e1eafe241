import { Module } from '@nestjs/common';
import { CommandsModule } from '../control/commands.module.js';
import { JobOwners } from './job-owners.js';
import { WorkersController } from './workers.controller.js';
import { WorkersService } from './workers.service.js';

@Module({
  imports: [CommandsModule],
  controllers: [WorkersController],
  providers: [WorkersService, JobOwners],
  exports: [WorkersService],
})
export class WorkersModule {}
