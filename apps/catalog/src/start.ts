import type { RecipeDefinition } from '@strata/contracts';
import { catalog } from '@strata/contracts/grpc';
import { isStrataError } from '@strata/kernel';
import type { Parsed } from '@strata/map';
import {
  createGrpcServer,
  createLogger,
  createRegistry,
  startHealthServer,
  tlsOf,
  type ServiceLogger,
} from '@strata/service-kit';
import { Gauge } from 'prom-client';
import type { Config } from './config.js';
import { openEvidence } from './evidence.js';
import { coverageOf } from './map/coverage.js';
import { entriesOf } from './map/entries.js';
import { buildMap, edgeCount, type CatalogMap } from './map/map.js';
import { catalogMethods } from './methods/all.js';
import { createDatabase } from './overlay/database.js';
import type { ThreadProgram } from './overlay/read-import.js';
import { createVersions, type Versions } from './overlay/versions.js';
import { viewOf } from './public-view.js';
import { createSemantic, NO_SEMANTIC } from './semantic/semantic.js';
import type { ChildProgram } from './semantic/train.js';
import { createTenantViews } from './tenant-views.js';

/** Milliseconds between tries to note the version of the public map while the database is away. */
const AGAIN_MS = 5_000;

export interface Running {
  readonly grpcPort: number;
  readonly httpPort: number;
  close(): Promise<void>;
}

function measured(map: CatalogMap): ReturnType<typeof createRegistry> {
  const registry = createRegistry('catalog');
  const { covered, missing } = coverageOf(map);
  const gauge = (name: string, help: string, value: number): void =>
    new Gauge({ name, help, registers: [registry] }).set(value);
  gauge('strata_catalog_nodes', 'Entries of the map', map.nodes.length);
  gauge('strata_catalog_edges', 'Edges of the map', edgeCount(map));
  gauge('strata_catalog_runnable_covered', 'Runnable entries that have a recipe', covered.length);
  gauge('strata_catalog_runnable_missing', 'Runnable entries that have no recipe yet', missing.length);
  return registry;
}

/** Notes the state of the public map in its history, now or when the database is there. @returns a function that gives it up */
function recordWhenPossible(record: () => Promise<void>, log: ServiceLogger): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const attempt = (): void => {
    record().catch((e: unknown) => {
      if (stopped) return;
      const away = isStrataError(e) && e.code === 'unavailable';
      log[away ? 'debug' : 'error']({ error: String(e) }, 'the version of the public map is not noted yet');
      timer = setTimeout(attempt, AGAIN_MS).unref();
    });
  };
  attempt();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

export interface Programs {
  /** Reads imports. */
  readonly thread?: ThreadProgram;
  /** Trains the model of meanings. */
  readonly training?: ChildProgram;
}

/**
 * The catalog's servers over some content.
 * @param programs those that run beside the service, where they are not the built ones
 * @throws StrataError when the content or a recipe is wrong, or a port is taken
 */
export async function startCatalog(
  config: Config,
  content: Parsed,
  recipes: readonly RecipeDefinition[],
  programs: Programs = {},
): Promise<Running> {
  return serveMap(config, buildMap(content, recipes), recipes, programs);
}

/**
 * The same over a map that is known to hold together.
 * @throws StrataError when a port is taken
 */
export async function serveMap(
  config: Config,
  map: CatalogMap,
  recipes: readonly RecipeDefinition[],
  programs: Programs = {},
): Promise<Running> {
  const log = createLogger('catalog', config.LOG_LEVEL, config.LOG_PRETTY);
  const publicView = await viewOf(map);
  const evidence = await openEvidence(config.EVIDENCE_DIR, log);
  const database = createDatabase(config.DATABASE_URL, log);
  const versions: Versions = createVersions(database);
  const views = createTenantViews(publicView, config.DATABASE_URL ? versions : undefined);

  const semantic =
    config.CATALOG_SEMANTIC === 'on'
      ? createSemantic({ nodes: map.nodes, dataDir: config.DATA_DIR, log, program: programs.training })
      : NO_SEMANTIC;

  const grpc = createGrpcServer({
    host: config.GRPC_HOST,
    port: config.GRPC_PORT,
    token: config.SERVICE_TOKEN,
    tls: tlsOf(config),
    log,
  });
  grpc.add(
    catalog.CatalogServiceService,
    catalogMethods({
      views,
      versions,
      publicEntries: () => [...entriesOf(map)],
      recipes,
      evidence,
      thread: programs.thread,
      semantic,
    }),
  );
  const grpcPort = await grpc.listen();
  // the map is in memory before the port opens: what answers is ready
  const checks = () => ({ map: { ok: true, detail: `${map.nodes.length} entries` } });
  const health = await startHealthServer({
    host: config.HTTP_HOST,
    port: config.HTTP_PORT,
    registry: measured(map),
    checks,
  });
  const giveUp = config.DATABASE_URL
    ? recordWhenPossible(() => versions.recordPublic(publicView.version, () => [...entriesOf(map)]), log)
    : () => undefined;
  return {
    grpcPort,
    httpPort: health.port,
    async close() {
      giveUp();
      semantic.close();
      views.close();
      await Promise.all([grpc.close(), health.close()]);
      await database.close();
    },
  };
}
