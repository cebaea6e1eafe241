import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defineRecipe, type RecipeManifest } from '@strata/contracts';
import type { catalog } from '@strata/contracts/grpc';
import { z } from 'zod';
import { ask, startTestCatalog, type TestCatalog } from '../testing/service.js';
import { small } from '../testing/content.js';

const recipe = defineRecipe({
  name: 'language/lora',
  version: 2,
  queue: 'train',
  title: { en: 'Tune', zh: '微调任务' },
  summary: { en: 'Tunes.', zh: '进行微调。' },
  catalog: ['lora'],
  params: z.object({ rank: z.number().default(8).describe('rank') }),
  inputs: {},
  outputs: { model: { kind: 'model', description: { en: 'tuned', zh: '模型' } } },
  resumable: false,
  smoke: { params: {}, inputs: {} },
  run: () => Promise.reject(new Error('not run here')),
});

let service: TestCatalog;
const call = (): TestCatalog['client']['call'] => service.client.call;
beforeAll(async () => void (service = await startTestCatalog(small(), [recipe])));
afterAll(() => service.stop());

const slugs = (nodes: readonly { slug: string }[]): string[] => nodes.map((n) => n.slug);

describe('one entry', () => {
  it('travels with all that it has', async () => {
    const node = await call().getNode(ask.get('transformer'));
    expect(node).toMatchObject({
      kind: 'algorithm',
      runnable: true,
      facets: { since: 2017, openness: '' },
      method: { formula: 'softmax(Q K^T / \\sqrt{d}) V', complexity: { zh: 'n 个词元为 O(n²)。' } },
      references: ['source-attention'],
      private: false,
    });
    expect((await call().getNode(ask.get('source-attention'))).citation).toMatchObject({
      arxiv: '1706.03762',
      doi: '',
    });
    expect((await call().getNode(ask.get('lora'))).recipes).toEqual(['language/lora']);
  });

  it('that does not exist brings near ones', async () => {
    await expect(call().getNode(ask.get('deep-lerning'))).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('deep-learning'),
    });
    await expect(call().getNode(ask.get('../../etc/passwd'))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('lists', () => {
  it('page through everything once, in order', async () => {
    const seen: string[] = [];
    for (let after = ''; ;) {
      const page = await call().listNodes(ask.list({}, { after, limit: 5 }));
      seen.push(...slugs(page.nodes));
      if (!page.hasMore) break;
      expect(page.nodes).toHaveLength(5);
      after = page.next;
    }
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(seen).toHaveLength(12);
  });

  it.each([
    [{ kinds: ['technique', 'stage'] }, ['full-tuning', 'lora', 'tuning']],
    [{ tag: 'core' }, ['deep-learning', 'machine-learning']],
    [{ runnable: true, hasRecipe: false }, ['full-tuning', 'transformer']],
    [{ runnable: true, hasRecipe: true }, ['lora']],
    // "algorithms used in fine-tuning that have a recipe": late tuning is a part of tuning
    [{ where: [{ edge: 'applied-in', slug: 'tuning', incoming: false }] }, ['full-tuning', 'lora']],
    [{ where: [{ edge: 'applied-in', slug: 'late-tuning', incoming: false }], hasRecipe: true }, ['lora']],
    // the other direction: what fine-tuning consists of
    [{ where: [{ edge: 'contains', slug: 'tuning', incoming: true }] }, ['late-tuning']],
    // a symmetric edge counts from both ends
    [{ where: [{ edge: 'alternative-to', slug: 'lora', incoming: false }] }, ['full-tuning']],
    [{ where: [{ edge: 'alternative-to', slug: 'full-tuning', incoming: false }] }, ['lora']],
    [{ privateOnly: true }, []],
  ])('%j', async (filter, expected) => {
    expect(slugs((await call().listNodes(ask.list(filter))).nodes)).toEqual(expected);
  });

  it.each([
    [{ kinds: ['thing'] }, 'invalid_request', /there is no kind of entry "thing"; there are layer, /],
    [{ where: [{ edge: 'likes', slug: 'lora', incoming: false }] }, 'invalid_request', /kind of edge "likes"/],
    [{ where: [{ edge: 'uses', slug: 'nothing', incoming: false }] }, 'not_found', /no entry "nothing"/],
    [{ openness: 'ajar' }, 'invalid_request', /no openness "ajar"; there are open, closed, mixed/],
  ])('refuse %j', async (filter, code, message) => {
    await expect(call().listNodes(ask.list(filter))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

describe('search', () => {
  it('finds in both languages, counts facets over all hits, and pages', async () => {
    const found = await call().search(ask.search('微调'));
    expect(found.total).toBeGreaterThanOrEqual(4);
    const first = found.hits[0]?.node as catalog.NodeSummary;
    expect(first.slug).toBe('tuning');
    expect(await call().getNode(ask.get('tuning'))).toMatchObject(first);
    const kinds = Object.fromEntries(found.facets.filter((f) => f.facet === 'kind').map((f) => [f.value, f.count]));
    expect(kinds).toMatchObject({ technique: 1, stage: 1, step: 1, recipe: 1 });
    const second = await call().search(ask.search('微调', { offset: 1, limit: 1 }));
    expect(second.hits.map((h) => h.node?.slug)).toEqual([found.hits[1]?.node?.slug]);
    expect(second.total).toBe(found.total);
  });

  it('keeps to a filter, and refuses an empty query and an unknown mode', async () => {
    const filter = { kinds: ['step'] } as never;
    expect((await call().search(ask.search('微调', { filter }))).hits.map((h) => h.node?.slug)).toEqual([
      'late-tuning',
    ]);
    await expect(call().search(ask.search('  '))).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(call().search(ask.search('x', { mode: 'magic' }))).rejects.toMatchObject({
      code: 'invalid_request',
      where: { field: 'mode' },
    });
  });
});

describe('ways and surroundings', () => {
  const path = async (from: string, to: string, more = {}): Promise<string[]> =>
    slugs((await call().path({ from, to, maxLength: 0, edgeKinds: [], tenant: '', ...more })).nodes);

  it('takes the way that says most, not the one through a section', async () => {
    expect(await path('lora', 'deep-learning')).toEqual(['lora', 'transformer', 'deep-learning']);
    // two edges through the section "algorithms" are fewer, but they say nothing
    expect(await path('machine-learning', 'late-tuning')).toEqual([
      'machine-learning',
      'deep-learning',
      'transformer',
      'lora',
      'late-tuning',
    ]);
    const way = await call().path({ from: 'translation', to: 'lora', maxLength: 0, edgeKinds: [], tenant: '' });
    expect(way.edges).toEqual([
      { kind: 'applied-in', from: 'transformer', to: 'translation' },
      { kind: 'uses', from: 'lora', to: 'transformer' },
    ]);
  });

  it('keeps to kinds and length, and says when there is no way', async () => {
    expect(await path('lora', 'deep-learning', { edgeKinds: ['improves'] })).toEqual([]);
    expect(await path('lora', 'deep-learning', { maxLength: 1 })).toEqual([]);
    expect(await path('lora', 'lora')).toEqual(['lora']);
    await expect(path('lora', 'nowhere')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('gives what lies around, with the edges between', async () => {
    const near = await call().subgraph({ slugs: ['lora'], depth: 1, edgeKinds: [], limit: 0, tenant: '' });
    expect(slugs(near.nodes).sort()).toEqual([
      'full-tuning',
      'late-tuning',
      'lora',
      'recipe-language-lora',
      'transformer',
    ]);
    expect(near.edges).toContainEqual({ kind: 'alternative-to', from: 'full-tuning', to: 'lora' });
    expect(near.truncated).toBe(false);
    const two = await call().subgraph({ slugs: ['lora'], depth: 1, edgeKinds: [], limit: 2, tenant: '' });
    expect([two.nodes.length, two.truncated]).toEqual([2, true]);
    const alone = await call().subgraph({ slugs: ['lora', 'tuning'], depth: 0, edgeKinds: [], limit: 0, tenant: '' });
    expect([slugs(alone.nodes), alone.edges]).toEqual([['lora', 'tuning'], []]);
  });

  it('gives neighbours in both directions', async () => {
    const { neighbours } = await call().neighbours({ slug: 'transformer', edgeKind: '', tenant: '' });
    expect(neighbours.map((n) => `${n.edge?.kind} ${n.node?.slug}`).sort()).toEqual([
      'applied-in translation',
      'contains deep-learning',
      'evidence-for source-attention',
      'uses lora',
    ]);
  });
});

describe('the whole', () => {
  it('is counted, and equal content has an equal version', async () => {
    const stats = await call().stats({ tenant: '' });
    expect(stats).toMatchObject({ nodes: 12, privateNodes: 0, semantic: false });
    expect(stats.edgesByKind.reduce((n, k) => n + k.count, 0)).toBe(stats.edges);
    const other = await startTestCatalog(small(), [recipe]);
    expect((await other.client.call.stats({ tenant: '' })).version).toBe(stats.version);
    await other.stop();
    const less = await startTestCatalog(small(), []);
    expect((await less.client.call.stats({ tenant: '' })).version).not.toBe(stats.version);
    await less.stop();
  });

  it('tells what runs and what does not yet', async () => {
    const { covered, missing, areas } = await call().coverage({ tenant: '' });
    expect(covered).toMatchObject([{ slug: 'lora', recipes: ['language/lora'] }]);
    expect(slugs(missing).sort()).toEqual(['full-tuning', 'transformer']);
    // the transformer lies in deep learning, a subset of machine learning, which the section contains
    expect(missing.map((m) => [m.slug, m.kind, m.areas])).toEqual([
      ['full-tuning', 'technique', []],
      ['transformer', 'algorithm', ['algorithms']],
    ]);
    expect(areas).toEqual([
      { slug: 'algorithms', name: { en: 'Algorithms', zh: '主流算法' }, covered: [], missing: ['transformer'] },
      { slug: '', name: undefined, covered: ['lora'], missing: ['full-tuning'] },
    ]);
  });

  it('lists recipes, and one by name', async () => {
    const { recipes } = await call().listRecipes({ queue: 'train' });
    const manifest = JSON.parse(recipes[0]?.manifestJson ?? '') as RecipeManifest;
    expect(manifest).toMatchObject({ name: 'language/lora', params: { properties: { rank: { default: 8 } } } });
    expect((await call().listRecipes({ queue: 'infer' })).recipes).toEqual([]);
    await expect(call().getRecipe({ name: 'language/laro' })).rejects.toMatchObject({ code: 'unknown_recipe' });
  });

  it('watchers hear at once what is served', async () => {
    const changes = service.client.answers('watch', { tenant: '' });
    const first = await new Promise<{ version: string }>((resolve, reject) =>
      changes.once('data', resolve).once('error', reject),
    );
    expect(first.version).toBe((await call().stats({ tenant: '' })).version);
    changes.on('error', () => undefined).cancel();
  });

  it('has no entries of one’s own without a database, and says so', async () => {
    await expect(call().listVersions({ tenant: 't', before: 0, limit: 0 })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('DATABASE_URL'),
    });
    expect((await call().getNode(ask.get('lora', 'some-tenant'))).slug).toBe('lora');
  });
});
