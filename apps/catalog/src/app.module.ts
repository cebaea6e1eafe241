import { fileURLToPath } from 'node:url';
import { type DynamicModule, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { RecipeDefinition } from '@strata/contracts';
import { catalog } from '@strata/contracts/grpc';
import { readContent } from '@strata/map';
import {
  createGrpcServer,
  createLogger,
  createRegistry,
  logging,
  startHealthServer,
  tlsOf,
  type GrpcServer,
  type HealthServer,
} from '@strata/service-kit';
import { Gauge } from 'prom-client';
import type { Config } from './config.js';
import { type CatalogMap, buildMap, coverageOf } from './map/map.js';
import { catalogMethods } from './methods/all.js';
import { createViews } from './public-views.js';

/** The content that comes with Strata; the path is the same from `src` and from `dist`. */
export const BUNDLED_CONTENT = fileURLToPath(new URL('../content', import.meta.url));

/** The two servers of the service, closed by Nest when the application stops. */
@Injectable()
export class CatalogServers implements OnApplicationShutdown {
  constructor(
    readonly grpcPort: number,
    readonly httpPort: number,
    private readonly grpc: GrpcServer,
    private readonly health: HealthServer,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.grpc.close(), this.health.close()]);
  }
}

async function listen(config: Config, map: CatalogMap): Promise<CatalogServers> {
  const log = createLogger('catalog', config.LOG_LEVEL, config.LOG_PRETTY);
  const grpc = createGrpcServer({
    host: config.GRPC_HOST,
    port: config.GRPC_PORT,
    token: config.SERVICE_TOKEN,
    tls: tlsOf(config),
    log,
  });
  grpc.add(catalog.CatalogServiceService, catalogMethods(createViews(map)));

  const registry = createRegistry('catalog');
  const { covered, missing } = coverageOf(map);
  const gauge = (name: string, help: string, value: number): void =>
    new Gauge({ name, help, registers: [registry] }).set(value);
  gauge('strata_catalog_nodes', 'Entries of the map', map.nodes.size);
  gauge('strata_catalog_edges', 'Edges of the map', map.edges.length);
  gauge('strata_catalog_runnable_covered', 'Runnable entries that have a recipe', covered.length);
  gauge('strata_catalog_runnable_missing', 'Runnable entries that have no recipe yet', missing.length);

  const grpcPort = await grpc.listen();
  // the map is in memory before the port opens: what answers is ready
  const checks = () => ({ map: { ok: true, detail: `${map.nodes.size} entries` } });
  const health = await startHealthServer({ host: config.HTTP_HOST, port: config.HTTP_PORT, registry, checks });
  return new CatalogServers(grpcPort, health.port, grpc, health);
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
            listen(config, buildMap(await readContent(config.CONTENT_DIR || BUNDLED_CONTENT), recipes)),
        },
      ],
      exports: [CatalogServers],
    };
  }
}
