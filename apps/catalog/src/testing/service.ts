import { catalog } from '@strata/contracts/grpc';
import type { RecipeDefinition } from '@strata/contracts';
import type { Parsed } from '@strata/map';
import { createGrpcClient, type GrpcClient } from '@strata/service-kit';
import { fileURLToPath } from 'node:url';
import { ConfigSchema } from '../config.js';
import { startCatalog, type Programs } from '../start.js';

const TOKEN = 'a token of sixteen characters';
const register = fileURLToPath(new URL('../../../../tools/ts-register.mjs', import.meta.url));
const execArgv = ['--no-warnings', '--conditions', '@strata/source', '--import', register];
/** What runs beside the service, from its source. */
export const PROGRAMS: Programs = {
  thread: { entry: new URL('../overlay/import-thread.ts', import.meta.url), execArgv },
  training: { entry: new URL('../semantic/train-child.ts', import.meta.url), execArgv },
};

export interface TestCatalog {
  readonly client: GrpcClient<typeof catalog.CatalogServiceService>;
  readonly http: string;
  readonly address: string;
  stop(): Promise<void>;
}

/** A catalog over some content, and a client of it. */
export async function startTestCatalog(
  content: Parsed,
  recipes: readonly RecipeDefinition[] = [],
  settings: Readonly<Record<string, string>> = {},
): Promise<TestCatalog> {
  const config = ConfigSchema.parse({
    SERVICE_TOKEN: TOKEN,
    GRPC_PORT: 0,
    LOG_LEVEL: 'silent',
    // a training takes half a minute
    CATALOG_SEMANTIC: 'off',
    ...settings,
  });
  const running = await startCatalog(config, content, recipes, PROGRAMS);
  const address = `127.0.0.1:${running.grpcPort}`;
  const client = await createGrpcClient(catalog.CatalogServiceService, { address, token: TOKEN, name: 'the catalog' });
  return {
    client,
    http: `http://127.0.0.1:${running.httpPort}`,
    address,
    async stop() {
      client.close();
      await running.close();
    },
  };
}

/** Requests as the generated types want them: every field that is not given is empty. */
export const ask = {
  get: (slug: string, tenant = ''): catalog.GetNodeRequest => ({ slug, tenant }),
  list: (filter: Partial<catalog.Filter> = {}, more: Partial<catalog.ListNodesRequest> = {}) => ({
    filter: catalog.Filter.fromPartial(filter),
    after: '',
    limit: 0,
    tenant: '',
    ...more,
  }),
  search: (query: string, more: Partial<catalog.SearchRequest> = {}) =>
    catalog.SearchRequest.fromPartial({ query, ...more } as never),
} as const;
