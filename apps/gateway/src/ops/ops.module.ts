import { Global, Module } from '@nestjs/common';
import { ErrorsController } from './errors.controller.js';
import { HealthController } from './health.controller.js';
import { JobMetrics } from './job-metrics.js';
import { Readiness } from './readiness.js';
import { UsageController } from './usage.controller.js';

@Global()
@Module({
  controllers: [HealthController, ErrorsController, UsageController],
  providers: [Readiness, JobMetrics],
  exports: [Readiness],
})
export class OpsModule {}
