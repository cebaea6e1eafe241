import { fileURLToPath } from 'node:url';
import { type DynamicModule, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { RecipeDefinition } from '@strata/contracts';
import { readContent } from '@strata/map';
import { logging } from '@strata/service-kit';
import type { Config } from './config.js';
import { startCatalog, type Running } from './start.js';

/** The content that comes with Strata; the path is the same from `src` and from `dist`. */
export const BUNDLED_CONTENT = fileURLToPath(new URL('../content', import.meta.url));

/** The servers of the service, closed by Nest when the application stops. */
@Injectable()
export class CatalogServers implements OnApplicationShutdown {
  constructor(private readonly running: Running) {}

  get ports(): Pick<Running, 'grpcPort' | 'httpPort'> {
    return this.running;
  }

  onApplicationShutdown(): Promise<void> {
    return this.running.close();
  }
}

export class AppModule {
  /** @throws StrataError when the content or a recipe is wrong: the service does not start with a broken map */
  static with(config: Config, recipes: readonly RecipeDefinition[]): DynamicModule {
    return {
      module: AppModule,
      imports: [logging('catalog', config.LOG_LEVEL, config.LOG_PRETTY)],
      providers: [
        {
          provide: CatalogServers,
          useFactory: async () =>
            new CatalogServers(
              await startCatalog(config, await readContent(config.CONTENT_DIR || BUNDLED_CONTENT), recipes),
            ),
        },
      ],
      exports: [CatalogServers],
    };
  }
}
