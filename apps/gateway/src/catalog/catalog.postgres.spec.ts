import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem, RecipeManifest } from '@strata/contracts';
import { catalog } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import { recipes } from '@strata/recipes';
import { createGrpcServer, createLogger, type GrpcServer, type Implementation } from '@strata/service-kit';
import {
  SERVICE_TOKEN,
  startDatabase,
  startTestGateway,
  type TestDatabase,
  type TestGateway,
} from '../testing/gateway.js';
import type { CatalogNode } from './schemas.js';

const node: catalog.Node = {
  slug: 'lora',
  kind: 'technique',
  name: { en: 'LoRA', zh: '低秩适配' },
  summary: { en: 'Small change.', zh: '小改动。' },
  body: undefined,
  aliases: ['PEFT'],
  tags: [],
  runnable: true,
  edges: [{ kind: 'subset-of', from: 'lora', to: 'transfer-learning' }],
  recipes: [],
};

let database: TestDatabase;
let gateway: TestGateway;
let server: GrpcServer;
const seen: { method: string; request: unknown; requestId: string }[] = [];
/** Calls that fail before one succeeds. */
let failures = 0;

beforeAll(async () => {
  const answer =
    <R>(method: string, response: R) =>
    async (request: unknown, call: { requestId: string }): Promise<R> => {
      seen.push({ method, request, requestId: call.requestId });
      if (failures-- > 0) throw new StrataError('unavailable', 'the catalog is being restarted');
      return response;
    };
  const methods: Implementation<typeof catalog.CatalogServiceService> = {
    getNode: async (request, call) => {
      if (request.slug !== 'lora') throw new StrataError('not_found', `the catalog has no entry "${request.slug}"`);
      return answer('getNode', node)(request, call);
    },
    listNodes: answer('listNodes', { nodes: [node], next: 'lora', hasMore: true }),
    search: answer('search', { hits: [{ node, score: 3.5 }] }),
    neighbours: answer('neighbours', { neighbours: [{ edge: node.edges[0], node }] }),
    stats: answer('stats', { nodes: 2, edges: 1, byKind: [{ kind: 'technique', count: 2 }] }),
    coverage: answer('coverage', { covered: [], missing: [{ slug: 'lora', name: node.name, recipes: [] }] }),
    listRecipes: answer('listRecipes', { recipes: [] }),
    getRecipe: answer('getRecipe', { name: '', manifestJson: '' }),
  };
  server = createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    token: SERVICE_TOKEN,
    log: createLogger('catalog', 'silent'),
  });
  server.add(catalog.CatalogServiceService, methods);
  const port = await server.listen();
  database = await startDatabase();
  gateway = await startTestGateway(await database.create(), { CATALOG_ADDRESS: `127.0.0.1:${port}` });
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await server?.close();
  await database?.stop();
});

describe('the catalog through the gateway', () => {
  it('answers in the form of the API, and passes the request id on', async () => {
    const one = await gateway.call<CatalogNode>('GET', '/api/catalog/nodes/lora', {
      headers: { 'x-request-id': 'look-up-1' },
    });
    expect(one.body).toMatchObject({ object: 'catalog_node', slug: 'lora', body: null, aliases: ['PEFT'] });
    expect(seen.at(-1)).toMatchObject({ method: 'getNode', requestId: 'look-up-1' });

    const list = await gateway.call('GET', '/api/catalog/nodes?kind=technique&limit=7&after=a');
    expect(list.body).toMatchObject({ object: 'list', has_more: true, next: 'lora' });
    expect(seen.at(-1)?.request).toEqual({ kind: 'technique', tag: '', after: 'a', limit: 7 });

    const hits = await gateway.call('GET', `/api/catalog/search?q=${encodeURIComponent('低秩')}`);
    expect(hits.body).toMatchObject({ data: [{ score: 3.5, node: { slug: 'lora' } }] });
    expect(seen.at(-1)?.request).toEqual({ query: '低秩', kind: '', limit: 20 });

    const near = await gateway.call('GET', '/api/catalog/nodes/lora/neighbours?edge=subset-of');
    expect(near.body).toMatchObject({ data: [{ edge: { to: 'transfer-learning' } }] });
    expect((await gateway.call('GET', '/api/catalog/stats')).body).toMatchObject({ by_kind: { technique: 2 } });
    expect((await gateway.call('GET', '/api/catalog/coverage')).body).toMatchObject({ missing: [{ slug: 'lora' }] });
  });

  it('tells what the catalog does not have, and what it does not take', async () => {
    const missing = await gateway.call<Problem>('GET', '/api/catalog/nodes/nothing');
    expect([missing.status, missing.body.code]).toEqual([404, 'not_found']);
    for (const url of [
      '/api/catalog/search',
      '/api/catalog/search?q=',
      '/api/catalog/nodes/..%2fx',
      '/api/catalog/nodes?limit=0',
    ])
      expect((await gateway.call<Problem>('GET', url)).body.code).toBe('invalid_request');
  });

  it('tries again while the catalog is restarted, and says so when it stays away', async () => {
    failures = 2;
    expect((await gateway.call('GET', '/api/catalog/stats')).status).toBe(200);
    failures = 3;
    const away = await gateway.call<Problem>('GET', '/api/catalog/stats');
    expect([away.status, away.body.code, away.body.retryable]).toEqual([503, 'unavailable', true]);
    failures = 0;
  });

  it('is unavailable when there is none, without harm to the rest', async () => {
    const alone = await startTestGateway(gateway.config.DATABASE_URL, {}, gateway.adminKey);
    const away = await alone.call<Problem>('GET', '/api/catalog/stats');
    expect([away.status, away.body.code]).toEqual([503, 'unavailable']);
    expect(away.body.detail).toContain('the catalog service at 127.0.0.1:1');
    expect((await alone.call('GET', '/api/recipes')).status).toBe(200);
    await alone.stop();
  });
});

describe('recipes', () => {
  it('are listed with the schema of their parameters', async () => {
    const { body } = await gateway.call<{ data: RecipeManifest[] }>('GET', '/api/recipes');
    expect(body.data.map((r) => r.name)).toEqual(recipes.map((r) => r.name));
    for (const recipe of body.data) expect(recipe.params).toMatchObject({ type: 'object' });
    const infer = await gateway.call<{ data: RecipeManifest[] }>('GET', '/api/recipes?queue=infer');
    expect(infer.body.data.length).toBeGreaterThan(0);
    expect(infer.body.data.every((r) => r.queue === 'infer')).toBe(true);
  });

  it('are found by name, and a wrong name brings near ones', async () => {
    expect((await gateway.call<RecipeManifest>('GET', '/api/recipes/data/clean')).body.name).toBe('data/clean');
    const wrong = await gateway.call<Problem>('GET', '/api/recipes/data/claen');
    expect([wrong.status, wrong.body.code]).toEqual([404, 'unknown_recipe']);
    expect(wrong.body.detail).toContain('data/clean');
  });
});
