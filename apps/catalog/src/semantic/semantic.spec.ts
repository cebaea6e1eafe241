import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Logger } from '@strata/kernel';
import { parseContent, readContent, type Parsed } from '@strata/map';
import { recipes } from '@strata/recipes';
import { BUNDLED_CONTENT } from '../app.module.js';
import { buildMap, type CatalogMap } from '../map/map.js';
import { createSearch, isNamed, type Search } from '../search/search.js';
import { SMALL, small } from '../testing/content.js';
import { ask, PROGRAMS, startTestCatalog } from '../testing/service.js';
import { essenceOf } from './essence.js';
import { fused } from './fuse.js';
import type { Meaning } from './meaning.js';
import { createSemantic } from './semantic.js';
import { sentencesOf } from './sentences.js';

// a training of the whole map, with what processor time is left over
jest.setTimeout(300_000);

const fixture = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as T;
const dir = mkdtempSync(path.join(tmpdir(), 'strata-meaning-spec-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function logger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const say =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push(`${level}: ${message} ${JSON.stringify(fields)}`);
  return { lines, debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}

describe('sentences', () => {
  it('end at full stops, not at points within words', () => {
    expect(
      sentencesOf(
        'Trained with v1.5 of the model, on text. It answers questions well.\n- a list line of some length',
        'en',
      ),
    ).toEqual([
      'Trained with v1.5 of the model, on text.',
      'It answers questions well.',
      '- a list line of some length',
    ]);
    expect(sentencesOf('先用监督学习微调模型。再用奖励模型打分；短句。', 'zh')).toEqual([
      '先用监督学习微调模型。',
      '再用奖励模型打分；',
    ]);
  });
});

describe('the essence of a text', () => {
  it('is its words by their stems, without those that questions are made of', () => {
    expect(essenceOf('How does it prune the Networks, pruning a network?')).toBe('prun network prun network');
    expect(essenceOf('如何压缩模型的大小，networks？')).toBe('压缩模型 大小 network');
    expect(essenceOf('what is the')).toBe('');
  });
});

describe('two rankings joined', () => {
  const hit = (slug: string, score = 1) => ({ node: { slug } as never, score, group: { values: [] } });
  const order = (hits: readonly { node: unknown }[]): string[] => hits.map((h) => (h.node as { slug: string }).slug);

  it('are ordered by Σ w / (10 + rank) where words have found scattered words, equal ones by slug', () => {
    const both = fused([hit('a', 17), hit('b', 3)], [hit('c'), hit('b')], () => false);
    // b: 1/12 + 0.7/12 = 0.142, a: 1/11 = 0.091, c: 0.7/11 = 0.064
    expect(order(both)).toEqual(['b', 'a', 'c']);
    expect(both[0]?.score).toBeCloseTo(1.7 / 12, 12);
    expect(order(fused([hit('y', 1)], [], () => false))).toEqual(['y']);
  });

  it('keep all that words have found in front where they are sure, and add what they missed', () => {
    const both = fused([hit('b', 18), hit('a', 3), hit('d', 2)], [hit('c'), hit('d')], () => false);
    expect(order(both)).toEqual(['b', 'a', 'd', 'c']);
  });

  it('keep in front what is called what was asked for', () => {
    const named = new Set(['x', 'y']);
    expect(
      order(fused([hit('x', 9), hit('a', 8), hit('y', 7)], [hit('a'), hit('b')], (h) => named.has(h.node.slug))),
    ).toEqual(['x', 'y', 'a', 'b']);
  });
});

describe('meanings of the bundled map', () => {
  let map: CatalogMap;
  let words: Search;
  let meaning: Meaning;
  const log = logger();
  const start = () =>
    createSemantic({ nodes: map.nodes, dataDir: path.join(dir, 'whole'), log, program: PROGRAMS.training });
  beforeAll(async () => {
    map = buildMap(await readContent(BUNDLED_CONTENT), recipes);
    words = createSearch(map.nodes);
    const semantic = start();
    await semantic.settled;
    meaning = semantic.current() as Meaning;
  });

  const slugs = {
    plain: (q: string) =>
      words(q)
        .hits()
        .map((h) => h.node.slug),
    semantic: (q: string) => meaning.nearest(q, map.nodes, { most: 100 }).map((h) => h.node.slug),
    both: (q: string) =>
      fused(words(q).hits(), meaning.nearest(q, map.nodes, { most: 50 }), isNamed).map((h) => h.node.slug),
  };
  interface Question {
    readonly query: string;
    readonly right: readonly string[];
  }
  /** Place of the first right answer, from 1. */
  const places = (mode: keyof typeof slugs, questions: readonly Question[]): number[] =>
    questions.map(({ query, right }) => 1 + slugs[mode](query).findIndex((s) => right.includes(s)) || Infinity);
  const within = (n: number, ranks: readonly number[]): number => ranks.filter((r) => r <= n).length;
  const mrr = (ranks: readonly number[]): number => ranks.reduce((sum, r) => sum + 1 / r, 0) / ranks.length;

  it('answer questions in other words than the entries have, better together with words than words alone', () => {
    const questions = fixture<{ question: string; right: string[] }[]>('questions.json').map((q) => ({
      query: q.question,
      right: q.right,
    }));
    const ranks = { plain: places('plain', questions), both: places('both', questions) };
    console.log(
      `catalog search, ${questions.length} questions in other words: ${JSON.stringify(
        Object.fromEntries(
          (['plain', 'semantic', 'both'] as const).map((m) => [
            m,
            {
              mrr: mrr(places(m, questions)),
              first: within(1, places(m, questions)),
              of_five: within(5, places(m, questions)),
            },
          ]),
        ),
      )}`,
    );
    expect(questions.every((q) => q.right.every((s) => map.nodes.has(s)))).toBe(true);
    // 0.524 against 0.464, 24 and 19, 34 and 32 where it was measured; other rounding gives other models
    expect(mrr(ranks.both)).toBeGreaterThan(mrr(ranks.plain) + 0.02);
    expect(within(1, ranks.both)).toBeGreaterThan(within(1, ranks.plain));
    expect(within(5, ranks.both)).toBeGreaterThanOrEqual(within(5, ranks.plain));
    expect(mrr(ranks.both)).toBeGreaterThan(0.47);
  });

  it('take hardly a fact or question out of the first three, and none out of the first five', () => {
    const facts = fixture<{ slug: string; en: string; zh: string }[]>('../search/facts.fixture.json').flatMap((f) =>
      [f.en, f.zh].map((query) => ({ query, right: [f.slug] })),
    );
    const asked = fixture<Record<'en' | 'zh', { query: string; slugs: string[] }[]>>(
      '../search/questions.fixture.json',
    );
    const all = [...facts, ...[...asked.en, ...asked.zh].map((q) => ({ query: q.query, right: q.slugs }))];
    const ranks = places('both', all);
    // a processor that rounds otherwise trains another model; with some, one of them becomes fourth
    const lost = all.filter((_, i) => !(Number(ranks[i]) <= 3)).map((q) => q.query);
    expect(lost.length > 1 ? lost : []).toEqual([]);
    expect(within(5, ranks)).toBe(all.length);
    // one of a hundred may lose its first place where words are not sure
    expect(within(1, ranks)).toBeGreaterThanOrEqual(within(1, places('plain', all)) - all.length / 100);
  });

  it('are kept for the next start', async () => {
    log.lines.length = 0;
    const again = start();
    await again.settled;
    expect(log.lines).toEqual([]);
    const next = again.current() as Meaning;
    expect(next.nearest('显存不够', map.nodes, { most: 5 })).toEqual(
      meaning.nearest('显存不够', map.nodes, { most: 5 }),
    );
  });
});

describe('the service', () => {
  /** A map small enough to be learned at once. */
  const content = (): Parsed => small();
  const settings = (name: string) => ({ CATALOG_SEMANTIC: 'on', DATA_DIR: path.join(dir, name) });
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) await new Promise((r) => setTimeout(r, 50));
  };

  it('searches by words until the model is ready, then both ways; a tenant’s own entries have a meaning too', async () => {
    const catalog = await startTestCatalog(content(), [], settings('modes'));
    try {
      const search = (mode: string) => catalog.client.call.search(ask.search('attention over a sequence', { mode }));
      expect(await search('semantic')).toMatchObject({ mode: 'plain' });
      await until(async () => (await catalog.client.call.stats({ tenant: '' })).semantic);
      const [plain, semantic, both] = [await search('plain'), await search('semantic'), await search('')];
      expect([plain.mode, semantic.mode, both.mode]).toEqual(['plain', 'semantic', 'both']);
      expect(semantic.hits[0]?.node?.slug).toBe('transformer');
      expect(semantic.hits[0]?.score).toBeLessThanOrEqual(1.000001);
      expect(both.total).toBe(new Set([...plain.hits, ...semantic.hits].map((h) => h.node?.slug)).size);
      await expect(search('magic')).rejects.toMatchObject({ code: 'invalid_request', where: { field: 'mode' } });
    } finally {
      await catalog.stop();
    }
  });

  it('trains anew when what it kept is damaged, and drops models of other content', async () => {
    const nodes = buildMap(content(), []).nodes;
    const dataDir = path.join(dir, 'damaged');
    const program = PROGRAMS.training;
    await createSemantic({ nodes, dataDir, log: logger(), program }).settled;
    const [name = ''] = readdirSync(dataDir);
    const file = path.join(dataDir, name);
    const bytes = readFileSync(file);
    bytes[bytes.length - 3] = (bytes.at(-3) as number) ^ 1;
    writeFileSync(file, bytes);
    const log = logger();
    await createSemantic({ nodes, dataDir, log, program }).settled;
    expect(log.lines[0]).toMatch(/^warn: the kept model of meanings cannot be used/);
    expect(log.lines.at(-1)).toMatch(/^info: search by meaning is ready/);

    const changed = parseContent(SMALL.replaceAll('Methods.', 'Ways.'), 'small.yaml');
    await createSemantic({ nodes: buildMap(changed, []).nodes, dataDir, log, program }).settled;
    expect(readdirSync(dataDir)).toHaveLength(1);
    expect(readdirSync(dataDir)).not.toEqual([name]);
  });

  it('stays with words when the training fails, and says why', async () => {
    const log = logger();
    const program = { entry: new URL('./none.ts', import.meta.url) };
    const semantic = createSemantic({
      nodes: buildMap(content(), []).nodes,
      dataDir: path.join(dir, 'none'),
      log,
      program,
    });
    await semantic.settled;
    expect(semantic.current()).toBeUndefined();
    expect(log.lines).toEqual([expect.stringMatching(/^error: there is no search by meaning.*ended with 1/)]);
  });
});
