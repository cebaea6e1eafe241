import { type DynamicModule, Module, StandardSchemaValidationPipe } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { createRegistry, logging, metricsModule } from '@strata/service-kit';
import { AuthModule } from './auth/auth.module.js';
import { CatalogModule } from './catalog/catalog.module.js';
import type { Config } from './config.js';
import { ControlModule } from './control/control.module.js';
import { DatasetsModule } from './datasets/datasets.module.js';
import { FilesModule } from './files/files.module.js';
import { invalidRequest } from './http/problem.js';
import { ProblemFilter } from './http/problem.filter.js';
import { ModelsModule } from './models/models.module.js';
import { JobsModule } from './jobs/jobs.module.js';
import { OpsModule } from './ops/ops.module.js';
import { PlatformModule } from './platform/platform.module.js';
import { PredictModule } from './predict/predict.module.js';
import { RecipesModule } from './recipes/recipes.module.js';
import { TenantsModule } from './tenants/tenants.module.js';
import { WorkersModule } from './workers/workers.module.js';

@Module({})
export class AppModule {
  static with(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [
        logging('gateway', config.LOG_LEVEL, config.LOG_PRETTY),
        metricsModule(createRegistry('gateway')),
        PlatformModule.with(config),
        OpsModule,
        AuthModule,
        TenantsModule,
        FilesModule,
        DatasetsModule,
        ModelsModule,
        PredictModule,
        RecipesModule,
        CatalogModule,
        JobsModule,
        ControlModule,
        WorkersModule,
      ],
      providers: [
        { provide: APP_FILTER, useClass: ProblemFilter },
        {
          provide: APP_PIPE,
          useFactory: () => new StandardSchemaValidationPipe({ exceptionFactory: invalidRequest }),
        },
      ],
    };
  }
}
