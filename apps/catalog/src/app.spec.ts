import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { defineRecipe } from '@strata/contracts';
import { catalog } from '@strata/contracts/grpc';
import { recipes } from '@strata/recipes';
import { createGrpcClient, type GrpcClient } from '@strata/service-kit';
import { z } from 'zod';
import { AppModule, CatalogServers } from './app.module.js';
import { ConfigSchema } from './config.js';
import { ask } from './testing/service.js';

const TOKEN = 'a token of sixteen characters';
const config = ConfigSchema.parse({ SERVICE_TOKEN: TOKEN, GRPC_PORT: 0, LOG_LEVEL: 'silent' });
const clientWith = (port: number, token: string): Promise<GrpcClient<typeof catalog.CatalogServiceService>> =>
  createGrpcClient(catalog.CatalogServiceService, { address: `127.0.0.1:${port}`, token, name: 'the catalog' });

describe('the catalog service with the bundled map', () => {
  let app: INestApplicationContext;
  let client: GrpcClient<typeof catalog.CatalogServiceService>;

  beforeAll(async () => {
    app = await NestFactory.createApplicationContext(AppModule.with(config, recipes), {
      logger: false,
      abortOnError: false,
    });
    client = await clientWith(app.get(CatalogServers).ports.grpcPort, TOKEN);
  });
  afterAll(async () => {
    client.close();
    await app.close();
  });

  it('holds every area of the technology layer, and the stages in order', async () => {
    const neighbours = async (slug: string, edgeKind: string): Promise<catalog.Neighbour[]> =>
      (await client.call.neighbours({ slug, edgeKind, tenant: '' })).neighbours;
    expect((await neighbours('technology-layer', 'contains')).map((n) => n.node?.slug)).toEqual([
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
      const next = await neighbours(slug, 'precedes');
      slug = next.find((n) => n.edge?.from === order.at(-1))?.node?.slug;
    }
    expect(order).toEqual(['data-preparation', 'model-construction', 'training-and-test', 'launch-and-deployment']);
  });

  it('answers what analysts ask of the graph', async () => {
    // algorithms used in fine-tuning that have a recipe
    const tuned = await client.call.listNodes(
      ask.list({ hasRecipe: true, where: [{ edge: 'applied-in', slug: 'fine-tuning', incoming: false }] }),
    );
    expect(tuned.nodes.map((n) => n.slug)).toEqual(expect.arrayContaining(['full-fine-tuning', 'lora']));
    // who earns by subscription
    const earning = await client.call.listNodes(
      ask.list({ where: [{ edge: 'earns-by', slug: 'platform-subscription', incoming: false }] }),
    );
    expect(earning.nodes.map((n) => n.slug)).toContain('ai-development-platforms');
    // path from PPO to robot control
    const [robot] = (await client.call.search(ask.search('robot control'))).hits;
    const way = await client.call.path({
      from: 'ppo',
      to: robot?.node?.slug ?? '',
      maxLength: 0,
      edgeKinds: [],
      tenant: '',
    });
    expect(way.edges.length).toBeGreaterThan(0);
    expect(way.edges.length).toBeLessThanOrEqual(3);
  });

  it('gives every insight with rows that fit its columns, and sources that exist', async () => {
    const { available } = await client.call.insight({ name: '', tenant: '' });
    expect(available).toHaveLength(5);
    for (const { name } of available) {
      const { columns, rows, sources } = await client.call.insight({ name, tenant: '' });
      expect([name, rows.length > 0, sources.length > 0]).toEqual([name, true, true]);
      for (const { cells } of rows) {
        const types = cells.map((c) => c.value?.$case);
        expect([name, types]).toEqual([name, columns.map((c) => c.type)]);
        for (const c of cells)
          if (c.value?.$case === 'node') await client.call.getNode({ slug: c.value.value, tenant: '' });
      }
      for (const slug of sources)
        expect(['source', 'figure']).toContain((await client.call.getNode({ slug, tenant: '' })).kind);
    }
    const { rows } = await client.call.insight({ name: 'framework-shares', tenant: '' });
    const shares = rows.map(({ cells }) => [cells[0]?.value?.value, cells[1]?.value?.value]);
    // the shares that the analysis of the layer gives
    expect(shares).toEqual(
      expect.arrayContaining([
        ['pytorch', 34],
        ['tensorflow', 30],
        ['paddlepaddle', 12],
        ['mindspore', 12],
      ]),
    );
    const models = await client.call.insight({ name: 'models-by-developer', tenant: '' });
    const counts = models.rows.map(({ cells }) => cells[1]?.value?.value);
    expect(counts).toEqual(expect.arrayContaining([36, 29, 14]));
  });

  it('answers health and metrics, and refuses a caller without the service token', async () => {
    const { grpcPort, httpPort } = app.get(CatalogServers).ports;
    const http = `http://127.0.0.1:${httpPort}`;
    expect((await fetch(`${http}/health/ready`)).status).toBe(200);
    expect(await (await fetch(`${http}/metrics`)).text()).toMatch(/strata_catalog_runnable_missing\{[^}]*\} \d+/);
    const other = await clientWith(grpcPort, 'another token of some length');
    await expect(other.call.stats({ tenant: '' })).rejects.toMatchObject({ code: 'unauthenticated' });
    other.close();
  });
});

describe('start with a broken map', () => {
  it('names the recipe and the mend', async () => {
    const broken = defineRecipe({
      name: 'data/cleaner',
      version: 2,
      queue: 'train',
      title: { en: 'Cleaner', zh: '清洗器' },
      summary: { en: 'Cleans.', zh: '清洗数据。' },
      catalog: ['no-such-entry'],
      params: z.object({}),
      inputs: {},
      outputs: {},
      resumable: false,
      smoke: { params: {}, inputs: {} },
      run: () => Promise.reject(new Error('not run here')),
    });
    const start = NestFactory.createApplicationContext(AppModule.with(config, [broken]), {
      logger: false,
      abortOnError: false,
    });
    await expect(start).rejects.toMatchObject({ code: 'recipe_definition' });
  });
});
