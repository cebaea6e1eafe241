import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  manifestOf,
  smokeOf,
  type EvidenceRecord,
  type Problem,
  type RecipeDefinition,
  type RecipeManifest,
} from '@strata/contracts';
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
import { CatalogNode } from './schemas.js';

type Methods = Implementation<typeof catalog.CatalogServiceService>;

const node = catalog.Node.fromPartial({
  slug: 'lora',
  kind: 'technique',
  name: { en: 'LoRA', zh: '低秩适配' },
  summary: { en: 'Small change.', zh: '小改动。' },
  aliases: { en: ['PEFT'], zh: [] },
  runnable: true,
  facets: { since: 2021 },
  edges: [{ kind: 'subset-of', from: 'lora', to: 'transfer-learning' }],
});
const evidence: EvidenceRecord = {
  recipe: 'data/clean',
  runs: [
    {
      what: 'adult-income',
      passed: true,
      date: '2026-11-25T12:00:00.000Z',
      commit: '2eac113',
      changed: false,
      hardware: '2 × a processor',
      figures: { accuracy: 0.858 },
    },
  ],
};
const cleaner = recipes.find((r) => r.name === 'data/clean') as RecipeDefinition;
const recipeNode = catalog.Node.fromPartial({
  slug: 'recipe-data-clean',
  kind: 'recipe',
  recipe: {
    name: 'data/clean',
    manifestJson: JSON.stringify(manifestOf(cleaner)),
    smokeJson: JSON.stringify(smokeOf(cleaner)),
    lastEvidenceJson: JSON.stringify(evidence),
  },
});
const version = catalog.Version.fromPartial({
  number: 4,
  createdAt: '2026-11-25T12:00:00.000Z',
  actor: 'key_1',
  added: 2,
});
const suggestion = catalog.Suggestion.fromPartial({
  id: 'sug_1',
  state: 'pending',
  slug: 'mine',
  entryJson: '{"slug":"mine"}',
  actor: 'key_1',
  createdAt: '2026-11-25T12:00:00.000Z',
});

let database: TestDatabase;
let gateway: TestGateway;
let server: GrpcServer;
let address: string;
const seen: { method: string; request: Record<string, unknown>; requestId: string }[] = [];
/** Calls that fail before one succeeds. */
let failures = 0;

/** A catalog that answers always the same, and notes what it was asked. */
function methods(): Methods {
  const answer =
    <R>(method: string, response: R) =>
    async (request: object, call: { requestId: string }): Promise<R> => {
      seen.push({ method, request: request as Record<string, unknown>, requestId: call.requestId });
      if (failures-- > 0) throw new StrataError('unavailable', 'the catalog is being restarted');
      return response;
    };
  const info = { name: 'shares', title: node.name, about: node.summary, chart: 'bar' };
  return {
    getNode: async (request, call) => {
      if (request.slug === 'recipe-data-clean') return recipeNode;
      if (request.slug !== 'lora') throw new StrataError('not_found', `the catalog has no entry "${request.slug}"`);
      return answer('getNode', node)(request, call);
    },
    listNodes: answer('listNodes', { nodes: [node], next: 'lora', hasMore: true }),
    search: answer('search', {
      hits: [{ node, score: 3.5 }],
      total: 7,
      facets: [
        { facet: 'kind', value: 'technique', count: 7 },
        { facet: 'strange', value: 'x', count: 1 },
      ],
      mode: 'plain',
    }),
    neighbours: answer('neighbours', { neighbours: [{ edge: node.edges[0], node }] }),
    path: answer('path', { nodes: [node], edges: [] }),
    subgraph: answer('subgraph', { nodes: [node], edges: [], truncated: true }),
    stats: answer(
      'stats',
      catalog.StatsResponse.fromPartial({
        nodes: 2,
        edges: 1,
        byKind: [{ kind: 'technique', count: 2 }],
        version: 'v1',
      }),
    ),
    coverage: answer(
      'coverage',
      catalog.CoverageResponse.fromPartial({
        missing: [{ slug: 'lora', name: node.name, kind: 'technique', areas: ['algorithms'] }],
        areas: [
          { slug: 'algorithms', name: node.name, missing: ['lora'] },
          { slug: '', covered: ['mine'] },
        ],
      }),
    ),
    insight: answer(
      'insight',
      catalog.InsightResponse.fromPartial({
        available: [info],
        info,
        columns: [{ key: 'n', label: node.name, type: 'number' }],
        rows: [{ cells: [{ value: { $case: 'number', value: 34 } }] }],
        sources: ['source-x'],
      }),
    ),
    watch: (call) => call.end(),
    listRecipes: answer('listRecipes', { recipes: [] }),
    getRecipe: answer('getRecipe', catalog.Recipe.fromPartial({})),
    export: (call) => {
      seen.push({ method: 'export', request: { ...call.request }, requestId: '' });
      if (call.request.format === 'csv') {
        call.emit('error', { code: 14, details: 'the catalog is being restarted' });
        return;
      }
      call.write({ data: Buffer.from('{"a":'), contentType: 'application/json', filename: 'strata-map.json' });
      call.write({ data: Buffer.from('1}'), contentType: '', filename: '' });
      call.end();
    },
    importOverlay: answer('importOverlay', { version, added: ['mine'], changed: [], removed: [] }),
    listVersions: answer('listVersions', { versions: [version], hasMore: true }),
    diffVersions: answer('diffVersions', {
      changes: [{ slug: 'mine', change: 'changed', fields: [{ field: 'name.en', before: '', after: '"X"' }] }],
    }),
    revertOverlay: answer('revertOverlay', version),
    suggest: answer('suggest', suggestion),
    listSuggestions: answer('listSuggestions', { suggestions: [suggestion], next: '', hasMore: false }),
    decideSuggestion: answer('decideSuggestion', { ...suggestion, state: 'approved', version: 5 }),
  };
}

async function startServer(port = 0): Promise<number> {
  server = createGrpcServer({
    host: '127.0.0.1',
    port,
    token: SERVICE_TOKEN,
    log: createLogger('catalog', 'silent'),
  });
  server.add(catalog.CatalogServiceService, methods());
  return server.listen();
}

beforeAll(async () => {
  address = `127.0.0.1:${await startServer()}`;
  database = await startDatabase();
  gateway = await startTestGateway(await database.create(), {
    CATALOG_ADDRESS: address,
    CATALOG_IMPORT_LIMIT_BYTES: '1000',
  });
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await server?.close();
  await database?.stop();
});

const asked = (): Record<string, unknown> => seen.at(-1)?.request ?? {};

describe('the catalog through the gateway', () => {
  it('answers in the form of the API, and passes tenant and request id on', async () => {
    const one = await gateway.call<CatalogNode>('GET', '/api/catalog/nodes/lora', {
      headers: { 'x-request-id': 'look-up-1' },
    });
    expect(one.body).toMatchObject({
      object: 'catalog_node',
      slug: 'lora',
      body: null,
      method: null,
      aliases: { en: ['PEFT'], zh: [] },
      facets: { since: 2021, openness: null },
      private: false,
    });
    expect(seen.at(-1)).toMatchObject({ method: 'getNode', requestId: 'look-up-1' });
    expect(asked()).toEqual({ slug: 'lora', tenant: expect.stringMatching(/^tnt_/) });
    const mine = asked()['tenant'];
    const other = await gateway.tenantKey('another');
    await gateway.call('GET', '/api/catalog/nodes/lora', { key: other });
    expect(asked()['tenant']).not.toBe(mine);

    const near = await gateway.call('GET', '/api/catalog/nodes/lora/neighbours?edge=subset-of');
    expect(near.body).toMatchObject({ data: [{ edge: { to: 'transfer-learning' } }] });
    expect((await gateway.call('GET', '/api/catalog/stats')).body).toMatchObject({ by_kind: { technique: 2 } });
    expect((await gateway.call('GET', '/api/catalog/coverage')).body).toEqual({
      object: 'catalog_coverage',
      covered: [],
      missing: [{ slug: 'lora', kind: 'technique', name: node.name, areas: ['algorithms'], recipes: [] }],
      areas: [
        { slug: 'algorithms', name: node.name, covered: [], missing: ['lora'] },
        { slug: null, name: { en: '', zh: '' }, covered: ['mine'], missing: [] },
      ],
    });
  });

  it('shows what stands behind a recipe: parameters, a small run, the last evidence', async () => {
    const { body } = await gateway.call('GET', '/api/catalog/nodes/recipe-data-clean');
    const shown = CatalogNode.parse(body);
    expect(shown.recipe?.manifest).toMatchObject({ name: 'data/clean', params: { type: 'object' } });
    expect(shown.recipe?.smoke.inputs['data']).toMatchObject({ from: 'data', format: 'csv' });
    expect(shown.recipe?.last_evidence).toEqual(evidence);
    expect((await gateway.call<CatalogNode>('GET', '/api/catalog/nodes/lora')).body.recipe).toBeNull();
  });

  it('turns conditions into a filter', async () => {
    const list = await gateway.call(
      'GET',
      '/api/catalog/nodes?kind=technique,algorithm&runnable=true&has_recipe=false&where=applied-in:fine-tuning,~contains:deep-learning&limit=7&after=a',
    );
    expect(list.body).toMatchObject({ object: 'list', has_more: true, next: 'lora' });
    expect(asked()).toMatchObject({
      after: 'a',
      limit: 7,
      filter: {
        kinds: ['technique', 'algorithm'],
        runnable: true,
        hasRecipe: false,
        privateOnly: false,
        where: [
          { edge: 'applied-in', slug: 'fine-tuning', incoming: false },
          { edge: 'contains', slug: 'deep-learning', incoming: true },
        ],
      },
    });
    const hits = await gateway.call('GET', `/api/catalog/search?q=${encodeURIComponent('低秩')}&mode=plain&offset=20`);
    expect(hits.body).toMatchObject({
      data: [{ score: 3.5, node: { object: 'catalog_node_summary', slug: 'lora', name: node.name, tags: node.tags } }],
      total: 7,
      mode: 'plain',
      facets: { kind: { technique: 7 }, tag: {} },
    });
    expect(JSON.stringify(hits.body)).not.toMatch(/"(body|edges|method|citation|references)"/);
    expect(asked()).toMatchObject({ query: '低秩', limit: 20, offset: 20, mode: 'plain' });
    await gateway.call('GET', '/api/catalog/nodes');
    expect((asked()['filter'] as catalog.Filter).runnable).toBeUndefined();
  });

  it('finds ways, surroundings and insights', async () => {
    const path = await gateway.call('GET', '/api/catalog/path?from=lora&to=lora&edge=uses,contains');
    expect(path.body).toMatchObject({ object: 'catalog_path', length: 0, nodes: [{ slug: 'lora' }] });
    expect(asked()).toMatchObject({ from: 'lora', to: 'lora', edgeKinds: ['uses', 'contains'], maxLength: 12 });
    const around = await gateway.call('GET', '/api/catalog/subgraph?slug=lora,adam&depth=2');
    expect(around.body).toMatchObject({ object: 'catalog_subgraph', truncated: true });
    expect(asked()).toMatchObject({ slugs: ['lora', 'adam'], depth: 2, limit: 200 });
    expect((await gateway.call('GET', '/api/catalog/insights')).body).toMatchObject({ data: [{ name: 'shares' }] });
    expect((await gateway.call('GET', '/api/catalog/insights/shares')).body).toMatchObject({
      object: 'catalog_insight',
      chart: 'bar',
      rows: [[34]],
      sources: ['source-x'],
    });
  });

  it('tells what the catalog does not have, and what it does not take', async () => {
    const missing = await gateway.call<Problem>('GET', '/api/catalog/nodes/nothing');
    expect([missing.status, missing.body.code]).toEqual([404, 'not_found']);
    for (const url of [
      '/api/catalog/search',
      '/api/catalog/search?q=',
      '/api/catalog/search?q=x&mode=magic',
      '/api/catalog/nodes/..%2fx',
      '/api/catalog/nodes?limit=0',
      '/api/catalog/nodes?where=applied-in',
      '/api/catalog/nodes?runnable=maybe',
      '/api/catalog/path?from=a',
      '/api/catalog/subgraph?slug=',
      '/api/catalog/subgraph?slug=a&depth=7',
      '/api/catalog/export?format=pdf',
      '/api/catalog/versions/diff?from=1',
    ])
      expect([url, (await gateway.call<Problem>('GET', url)).body.code]).toEqual([url, 'invalid_request']);
  });

  it('sends what the caller has already as 304', async () => {
    const first = await gateway.call('GET', '/api/catalog/nodes/lora');
    const etag = String(first.headers['etag']);
    expect(etag).toMatch(/^"[\w-]{20,}"$/);
    expect(first.headers['cache-control']).toBe('private, no-cache');
    const again = await gateway.call('GET', '/api/catalog/nodes/lora', {
      headers: { 'if-none-match': `"x", ${etag}` },
    });
    expect([again.status, again.text, again.headers['etag']]).toEqual([304, '', etag]);
    const other = await gateway.call('GET', '/api/catalog/stats', { headers: { 'if-none-match': etag } });
    expect(other.status).toBe(200);
  });
});

describe('while the catalog is away', () => {
  it('a question is asked again', async () => {
    failures = 2;
    const answer = await gateway.call('GET', '/api/catalog/coverage');
    expect([answer.status, answer.headers['x-strata-stale']]).toEqual([200, undefined]);
  });

  it('what was asked before is answered as it was, marked stale; what was not is unavailable; then all is fresh', async () => {
    await gateway.call('GET', '/api/catalog/nodes/lora');
    await server.close(0);
    const old = await gateway.call<CatalogNode>('GET', '/api/catalog/nodes/lora');
    expect([old.status, old.body.slug, old.headers['x-strata-stale']]).toEqual([200, 'lora', 'true']);
    expect(old.headers['warning']).toMatch(/^110 /);
    expect(Number(old.headers['age'])).toBeGreaterThanOrEqual(0);
    // another tenant must not see it
    const other = await gateway.call<Problem>('GET', '/api/catalog/nodes/lora', {
      key: await gateway.tenantKey('late'),
    });
    expect([other.status, other.body.code, other.body.retryable]).toEqual([503, 'unavailable', true]);
    const unknown = await gateway.call<Problem>('GET', '/api/catalog/search?q=never%20asked');
    expect([unknown.status, unknown.body.code]).toEqual([503, 'unavailable']);
    expect(unknown.body.detail).toContain(`the catalog service at ${address}`);
    // a change is not answered from memory
    const change = await gateway.call<Problem>('POST', '/api/catalog/versions/1/revert');
    expect(change.status).toBe(503);
    expect((await gateway.call('GET', '/api/recipes')).status).toBe(200);

    await startServer(Number(address.split(':')[1]));
    for (let i = 0; ; i++) {
      const fresh = await gateway.call('GET', '/api/catalog/nodes/lora');
      if (fresh.headers['x-strata-stale'] === undefined) break;
      expect(i).toBeLessThan(100);
      await new Promise((r) => setTimeout(r, 50));
    }
  });
});

describe('entries of one’s own', () => {
  const form = (text: string, name = 'own.yaml'): { payload: string; headers: Record<string, string> } => ({
    payload: `--b\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: text/plain\r\n\r\n${text}\r\n--b--\r\n`,
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
  });

  it('are uploaded with who and why', async () => {
    const done = await gateway.call('POST', '/api/catalog/import?merge=true&note=first', form('- slug: mine'));
    expect(done.body).toMatchObject({
      object: 'catalog_import',
      version: { number: 4, actor: 'key_1' },
      added: ['mine'],
    });
    expect(asked()).toMatchObject({
      tenant: expect.stringMatching(/^tnt_/),
      actor: expect.stringMatching(/^key_/),
      filename: 'own.yaml',
      merge: true,
      dryRun: false,
      note: 'first',
    });
    expect(Buffer.from(asked()['content'] as Uint8Array).toString()).toBe('- slug: mine');
  });

  it('are refused when the file is too large, or none', async () => {
    const before = seen.length;
    const large = await gateway.call<Problem>('POST', '/api/catalog/import', form('x'.repeat(1001)));
    expect([large.status, large.body.code]).toEqual([413, 'payload_too_large']);
    expect(large.body.detail).toContain('CATALOG_IMPORT_LIMIT_BYTES');
    const said = await gateway.call<Problem>('POST', '/api/catalog/import', form('x'.repeat(200_000)));
    expect(said.body.code).toBe('payload_too_large');
    const none = await gateway.call<Problem>('POST', '/api/catalog/import', { body: {} });
    expect(none.body.code).toBe('unsupported_media_type');
    expect(seen.length).toBe(before);
  });

  it('have versions, differences and a way back', async () => {
    expect((await gateway.call('GET', '/api/catalog/versions?before=9&limit=1')).body).toMatchObject({
      data: [{ object: 'catalog_version', number: 4, hash: null }],
      has_more: true,
      next: '4',
    });
    await gateway.call('GET', '/api/catalog/versions?scope=public');
    expect(asked()['tenant']).toBe('');
    expect((await gateway.call('GET', '/api/catalog/versions/diff?from=0&to=4')).body).toMatchObject({
      changes: [{ slug: 'mine', fields: [{ field: 'name.en', before: null, after: 'X' }] }],
    });
    expect((await gateway.call('POST', '/api/catalog/versions/2/revert')).body).toMatchObject({ number: 4 });
    expect(asked()).toMatchObject({ number: 2 });
  });

  it('are suggested by writers and decided by administrators', async () => {
    const writer = await gateway.tenantKey('curators', ['read', 'write']);
    const made = await gateway.call('POST', '/api/catalog/suggestions', {
      key: writer,
      body: { entry: { slug: 'mine' }, comment: 'please' },
    });
    expect([made.status, made.body]).toEqual([201, expect.objectContaining({ id: 'sug_1', entry: { slug: 'mine' } })]);
    expect(asked()).toMatchObject({ entryJson: '{"slug":"mine"}', slug: '', comment: 'please' });
    const both = await gateway.call<Problem>('POST', '/api/catalog/suggestions', { body: { entry: {}, remove: 'x' } });
    expect(both.body.code).toBe('invalid_request');
    expect((await gateway.call('GET', '/api/catalog/suggestions?state=pending')).body).toMatchObject({
      data: [{ state: 'pending', decided_by: null, version: null }],
    });
    const decision = { body: { approve: true, reason: 'good' } };
    const no = await gateway.call<Problem>('POST', '/api/catalog/suggestions/sug_1/decide', {
      key: writer,
      ...decision,
    });
    expect([no.status, no.body.code]).toEqual([403, 'permission_denied']);
    expect((await gateway.call('POST', '/api/catalog/suggestions/sug_1/decide', decision)).body).toMatchObject({
      state: 'approved',
      version: 5,
    });
  });

  it('are exported piece by piece, with an error where there is one', async () => {
    const all = await gateway.call('GET', '/api/catalog/export?format=json&private=true');
    expect([all.text, all.headers['content-type']]).toEqual(['{"a":1}', 'application/json']);
    expect(all.headers['content-disposition']).toContain('strata-map.json');
    expect(asked()).toMatchObject({ format: 'json', privateOnly: true, tenant: expect.stringMatching(/^tnt_/) });
    const away = await gateway.call<Problem>('GET', '/api/catalog/export?format=csv');
    expect([away.status, away.body.code]).toEqual([503, 'unavailable']);
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
