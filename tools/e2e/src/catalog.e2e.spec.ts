import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem } from '@strata/contracts';
import { startStack, type Stack } from '@strata/devstack';
import { adminKey, Client, root, sleep, type Reply } from './client.js';

const LOOPS = 4;
const OWN = `- slug: house-method
  kind: technique
  name: { en: House method, zh: 自有方法 }
  summary: { en: How we do it here., zh: 我们的做法。 }
  body: { en: A variant of LoRA., zh: LoRA 的一种变体。 }
  edges: { improves: [lora] }
`;
const QUESTIONS = [
  '/api/catalog/nodes/lora',
  '/api/catalog/nodes/house-method',
  '/api/catalog/nodes/recipe-language-fine-tune',
  '/api/catalog/nodes?kind=stage',
  '/api/catalog/path?from=ppo&to=robot-control',
  '/api/catalog/coverage',
  '/api/catalog/insights/framework-shares',
  '/api/catalog/stats',
];

describe('a catalog that is killed', () => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'strata-catalog-'));
  let stack: Stack;
  let client: Client;

  beforeAll(async () => {
    stack = await startStack({
      root,
      dataDir,
      durable: false,
      out: 'ignore',
      services: ['catalog', 'gateway'],
      env: { LOG_LEVEL: 'error', RATE_LIMIT_PER_S: '10000', RATE_LIMIT_BURST: '10000' },
    });
    client = new Client(stack.url, adminKey(dataDir));
  }, 90_000);
  afterAll(async () => {
    await stack?.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  const bring = (dryRun = false): Promise<Reply<{ version: { number: number } | null }>> => {
    const form = new FormData();
    form.append('file', new File([OWN], 'own.yaml'));
    return client.send('POST', `/api/catalog/import?merge=true&dry_run=${dryRun}`, form);
  };
  const get = (question: string): Promise<Reply<unknown>> => client.send('GET', question);
  const stale = (r: Reply<unknown>): boolean => r.headers.get('x-strata-stale') === 'true';

  /** Asks until an answer comes from the catalog itself. */
  async function fresh(question: string): Promise<Reply<unknown>> {
    for (const end = Date.now() + 60_000; ;) {
      const r = await get(question);
      if (r.status === 200 && !stale(r)) return r;
      if (Date.now() > end) throw new Error(`${question} stays stale: ${r.status} ${JSON.stringify(r.body)}`);
      await sleep(50);
    }
  }

  const before = new Map<string, unknown>();

  it('leaves what was asked before, marked as stale, also for entries of one’s own', async () => {
    expect((await bring()).body).toMatchObject({ version: { number: 1 }, added: ['house-method'] });
    for (const question of QUESTIONS) {
      const r = await get(question);
      expect([question, r.status, stale(r), r.headers.get('warning')]).toEqual([question, 200, false, null]);
      before.set(question, r.body);
    }
    expect(before.get('/api/catalog/nodes/house-method')).toMatchObject({ private: true });

    await stack.service('catalog').kill('SIGKILL');
    for (const question of QUESTIONS) {
      const r = await get(question);
      expect([question, r.status, stale(r), r.body]).toEqual([question, 200, true, before.get(question)]);
      expect(r.headers.get('warning')).toMatch(/^110 - ".+"$/);
      expect(Number(r.headers.get('age'))).toBeGreaterThanOrEqual(0);
    }
  }, 60_000);

  it('is missed plainly where nothing is kept, and no change is answered from memory', async () => {
    const away = `the catalog service at 127.0.0.1:${stack.ports.catalog}`;
    for (const r of [await get('/api/catalog/nodes/quantization'), await bring(), await bring(true)]) {
      const problem = r.body as unknown as Problem;
      expect([r.status, problem.code, problem.retryable]).toEqual([503, 'unavailable', true]);
      expect(problem.detail).toContain(away);
      expect(r.headers.get('content-type')).toContain('application/problem+json');
    }
    // what needs no catalog goes on
    for (const question of ['/api/recipes/language/fine-tune', '/api/jobs'])
      expect([question, (await get(question)).status]).toEqual([question, 200]);
  }, 60_000);

  it('answers all again when it is back, entries of one’s own included', async () => {
    await stack.restart('catalog');
    for (const question of QUESTIONS) expect((await fresh(question)).body).toEqual(before.get(question));
    expect((await fresh('/api/catalog/nodes/quantization')).body).toMatchObject({ slug: 'quantization' });
    // the same file again changes nothing
    expect((await bring()).body).toMatchObject({ version: { number: 1 }, added: [], changed: [] });
  }, 120_000);

  it('takes no answer from those who ask on while it is killed and started again', async () => {
    let running = true;
    const seen = { fresh: 0, stale: 0 };
    const wrong: string[] = [];
    const ask = async (offset: number): Promise<void> => {
      for (let i = offset; running; i++) {
        const question = QUESTIONS[i % QUESTIONS.length] as string;
        const r = await get(question);
        seen[stale(r) ? 'stale' : 'fresh']++;
        if (r.status !== 200 || JSON.stringify(r.body) !== JSON.stringify(before.get(question)))
          wrong.push(`${question}: ${r.status} ${JSON.stringify(r.body).slice(0, 300)}`);
      }
    };
    const loops = Array.from({ length: LOOPS }, (_, i) => ask(i));
    try {
      for (let kills = 0; kills < 2; kills++) {
        const staleBefore = seen.stale;
        await stack.service('catalog').kill('SIGKILL');
        while (seen.stale < staleBefore + QUESTIONS.length) await sleep(20);
        await stack.restart('catalog');
        await fresh('/api/catalog/nodes/lora');
      }
    } finally {
      running = false;
      await Promise.all(loops);
    }
    expect(wrong).toEqual([]);
    expect(seen.fresh).toBeGreaterThan(0);
    for (const question of QUESTIONS) expect((await fresh(question)).body).toEqual(before.get(question));
  }, 180_000);
});
