import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { defineRecipe, RecipeManifest } from '@strata/contracts';
import { catalog } from '@strata/contracts/grpc';
import { createGrpcClient, type GrpcClient } from '@strata/service-kit';
import { z } from 'zod';
import { AppModule, CatalogServers } from './app.module.js';
import { ConfigSchema } from './config.js';

const TOKEN = 'a token of sixteen characters';
const cleaner = defineRecipe({
  name: 'data/cleaner',
  version: 2,
  queue: 'train',
  title: { en: 'Cleaner', zh: '清洗器' },
  summary: { en: 'Cleans.', zh: '清洗数据。' },
  catalog: ['data-cleaning'],
  params: z.object({ strict: z.boolean().default(false).describe('refuse instead of mend') }),
  inputs: {},
  outputs: { data: { kind: 'dataset', description: { en: 'clean', zh: '干净' } } },
  resumable: false,
  smoke: { params: {}, inputs: {} },
  run: () => Promise.reject(new Error('not run here')),
});

describe('the catalog service over gRPC, with the bundled map', () => {
  let app: INestApplicationContext;
  let client: GrpcClient<typeof catalog.CatalogServiceService>;
  let http: string;

  beforeAll(async () => {
    const config = ConfigSchema.parse({ SERVICE_TOKEN: TOKEN, GRPC_PORT: 0, LOG_LEVEL: 'silent' });
    app = await NestFactory.createApplicationContext(AppModule.with(config, [cleaner]), { logger: false });
    const { grpcPort, httpPort } = app.get(CatalogServers);
    http = `http://127.0.0.1:${httpPort}`;
    client = await createGrpcClient(catalog.CatalogServiceService, {
      address: `127.0.0.1:${grpcPort}`,
      token: TOKEN,
      name: 'the catalog',
    });
  });
  afterAll(async () => {
    client.close();
    await app.close();
  });

  it('gives a node in both languages with its edges', async () => {
    const node = await client.call.getNode({ slug: 'pytorch' });
    expect(node.kind).toBe('framework');
    expect(node.summary?.en).toMatch(/34 %/);
    expect(node.summary?.zh).toMatch(/34 %/);
    const transformer = await client.call.getNode({ slug: 'transformer' });
    expect(transformer.runnable).toBe(true);
    expect(transformer.edges).toContainEqual({ kind: 'uses', from: 'transformer', to: 'positional-encoding' });
  });

  it('says what is near to a slug that does not exist', async () => {
    await expect(client.call.getNode({ slug: 'logistic-regresion' })).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('logistic-regression'),
    });
    await expect(client.call.getNode({ slug: '../../etc/passwd' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(client.call.getRecipe({ name: 'data/cleanr' })).rejects.toMatchObject({
      code: 'unknown_recipe',
      message: expect.stringContaining('data/cleaner'),
    });
  });

  it('refuses a caller without the service token', async () => {
    const other = await createGrpcClient(catalog.CatalogServiceService, {
      address: `127.0.0.1:${app.get(CatalogServers).grpcPort}`,
      token: 'another token of some length',
      name: 'the catalog',
    });
    await expect(other.call.stats({})).rejects.toMatchObject({ code: 'unauthenticated' });
    other.close();
  });

  it('pages through all nodes once, in order', async () => {
    const seen: string[] = [];
    for (let after = '', more = true; more;) {
      const page = await client.call.listNodes({ kind: '', tag: '', after, limit: 60 });
      seen.push(...page.nodes.map((n) => n.slug));
      more = page.hasMore;
      after = page.next;
    }
    const { nodes, byKind } = await client.call.stats({});
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(seen).toHaveLength(nodes);
    expect(byKind.reduce((sum, k) => sum + k.count, 0)).toBe(nodes);
    expect(nodes).toBeGreaterThan(150);
  });

  it('holds every area of the technology layer, and the stages in order', async () => {
    const { neighbours } = await client.call.neighbours({ slug: 'technology-layer', edgeKind: 'contains' });
    expect(neighbours.map((n) => n.node?.slug)).toEqual([
      'participants',
      'business-models',
      'algorithms',
      'development-pipeline',
      'applications',
      'technical-trends',
      'commercial-trends',
      'platform-functions',
    ]);
    const order: string[] = [];
    for (let slug: string | undefined = 'data-preparation'; slug;) {
      order.push(slug);
      const next: catalog.NeighboursResponse = await client.call.neighbours({ slug, edgeKind: 'precedes' });
      slug = next.neighbours.find((n) => n.edge?.from === order.at(-1))?.node?.slug;
    }
    expect(order).toEqual(['data-preparation', 'model-construction', 'training-and-test', 'launch-and-deployment']);
  });

  it('adds up the domestic models', async () => {
    const node = await client.call.getNode({ slug: 'domestic-model-count' });
    for (const text of [node.summary?.en ?? '', node.summary?.zh ?? '']) {
      const counts = [36, 29, 14];
      expect(counts.reduce((a, b) => a + b)).toBe(79);
      for (const c of [...counts, 79]) expect(text).toContain(String(c));
      for (const c of counts) expect(text).toContain(((100 * c) / 79).toFixed(2));
    }
  });

  it('searches in both languages', async () => {
    for (const query of ['data cleaning', '数据清洗', 'data cleanin']) {
      const { hits } = await client.call.search({ query, kind: '', limit: 3 });
      expect(hits[0]?.node?.slug).toBe('data-cleaning');
    }
    await expect(client.call.search({ query: '  ', kind: '', limit: 3 })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  it('lists recipes with the schema of their parameters and what they cover', async () => {
    const { recipes } = await client.call.listRecipes({ queue: 'train' });
    const manifest = RecipeManifest.parse(JSON.parse(recipes[0]?.manifestJson ?? ''));
    expect(manifest).toMatchObject({ name: 'data/cleaner', version: 2, params: { type: 'object' } });
    expect((await client.call.listRecipes({ queue: 'infer' })).recipes).toEqual([]);
    expect((await client.call.getRecipe({ name: 'data/cleaner' })).name).toBe('data/cleaner');

    const { covered, missing } = await client.call.coverage({});
    expect(covered.map((c) => [c.slug, c.recipes])).toEqual([['data-cleaning', ['data/cleaner']]]);
    expect(missing.map((m) => m.slug)).toContain('quantization');
  });

  it('answers health and metrics', async () => {
    expect((await fetch(`${http}/health/ready`)).status).toBe(200);
    expect(await (await fetch(`${http}/metrics`)).text()).toMatch(/strata_catalog_runnable_missing\{[^}]*\} \d+/);
  });
});

describe('start with a broken map', () => {
  it('names the recipe and the mend', async () => {
    const config = ConfigSchema.parse({ SERVICE_TOKEN: TOKEN, GRPC_PORT: 0, LOG_LEVEL: 'silent' });
    const broken = { ...cleaner, catalog: ['no-such-entry'] };
    const start = NestFactory.createApplicationContext(AppModule.with(config, [broken]), {
      logger: false,
      abortOnError: false,
    });
    await expect(start).rejects.toMatchObject({ code: 'recipe_definition' });
  });
});
