import { Global, Module } from '@nestjs/common';
import { ErrorsController } from './errors.controller.js';
import { HealthController } from './health.controller.js';
import { Readiness } from './readiness.js';

@Global()
@Module({ controllers: [HealthController, ErrorsController], providers: [Readiness], exports: [Readiness] })
export class OpsModule {}
