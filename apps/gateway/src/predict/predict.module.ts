import { Module } from '@nestjs/common';
import { ModelsModule } from '../models/models.module.js';
import { WorkersModule } from '../workers/workers.module.js';
import { DeploymentsService } from './deployments.service.js';
import { InferencePool } from './inference-pool.js';
import { PredictController } from './predict.controller.js';
import { PredictService } from './predict.service.js';

@Module({
  imports: [ModelsModule, WorkersModule],
  controllers: [PredictController],
  providers: [InferencePool, DeploymentsService, PredictService],
})
export class PredictModule {}
