import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { readContent } from '@strata/map';
import { recipes } from '@strata/recipes';
import { BUNDLED_CONTENT } from '../app.module.js';
import { assemble } from '../map/assemble.js';
import { buildMap, type MapNode } from '../map/map.js';
import { small } from '../testing/content.js';
import { createSearch, createSearchGently, foundOf, MOST_HITS, type Hit, type Search } from './search.js';
import { stem } from './stems.js';
import { pieces } from './tokens.js';

const fixture = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as T;
/** Facts that the map must hold, as a person would type them. */
const facts = fixture<{ slug: string; en: string; zh: string }[]>('facts.fixture.json');
/** What an analyst or an engineer types, with the entries of which one should come first. */
const questions = fixture<Record<'en' | 'zh', { query: string; slugs: string[] }[]>>('questions.fixture.json');

let nodes: readonly MapNode[];
let search: Search;
beforeAll(async () => {
  nodes = [...buildMap(await readContent(BUNDLED_CONTENT), recipes).nodes];
  search = createSearch(nodes);
});
const slugs = (query: string, most = 3): string[] =>
  search(query, { most })
    .hits()
    .map((h) => h.node.slug);

describe('words', () => {
  it('are cut out of Latin and Chinese text', () => {
    expect(pieces('Naïve ＢＥＲＴ-7，逻辑回归 K均值').map((p) => [p.text, p.han, p.dashed])).toEqual([
      ['naive', false, false],
      ['bert', false, false],
      ['7', false, true],
      ['逻辑回归', true, false],
      ['k', false, false],
      ['均值', true, false],
    ]);
  });

  it.each([
    ['quantize', ['quantization', 'quantised', 'quantisation', 'quantizing']],
    ['model', ['models', 'modelling', 'modeling', 'modelled']],
    ['prune', ['pruning', 'pruned', 'prunes']],
    ['neighbor', ['neighbour', 'neighbours']],
    ['optimizer', ['optimisers']],
    ['embed', ['embedding', 'embedded']],
    ['class', ['classes']],
    ['loss', ['loss', 'losses']],
  ])('of one stem: %s', (word, forms) => {
    for (const form of forms) expect([form, stem(form)]).toEqual([form, stem(word)]);
  });

  it('of other stems stay apart', () => {
    expect(new Set(['bias', 'basis', 'string', 'loss', 'lose', 'king', 'need', 'tuned', 'tone'].map(stem)).size).toBe(
      9,
    );
  });
});

describe('the bundled map', () => {
  it('holds every fact, in both languages, within the first three', () => {
    expect(facts.length).toBeGreaterThan(250);
    const missed = facts.flatMap(({ slug, en, zh }) =>
      [en, zh]
        .filter((query) => !slugs(query).includes(slug))
        .map((query) => `${query}: no ${slug}, but ${slugs(query)}`),
    );
    expect(missed).toEqual([]);
  });

  it('answers real questions: most at once, all within the first three', () => {
    const all = [...questions.en, ...questions.zh];
    expect([questions.en.length, questions.zh.length]).toEqual([30, 30]);
    const place = ({ query, slugs: right }: (typeof all)[number]): number =>
      slugs(query).findIndex((slug) => right.includes(slug));
    expect(all.filter((q) => place(q) < 0).map((q) => `${q.query}: ${slugs(q.query)}`)).toEqual([]);
    expect(all.filter((q) => place(q) === 0).length).toBeGreaterThanOrEqual(50);
  });

  it.each([
    // typing errors: a letter less, two exchanged, one more, and in the first place
    ['Transfomer', 'transformer'],
    ['Tarnsformer', 'transformer'],
    ['quantizzation', 'quantization'],
    ['yransformer', 'transformer'],
    ['logstic regresion', 'logistic-regression'],
    ['back propogation', 'backpropagation'],
    // one word or two
    ['fine tuning', 'fine-tuning'],
    ['finetuning', 'fine-tuning'],
    ['fine-tuning', 'fine-tuning'],
    ['random-forests', 'random-forest'],
    ['supportvectormachine', 'support-vector-machine'],
    ['kmeans', 'k-means'],
    ['llama3', 'llama'],
    // spellings
    ['quantisation', 'quantization'],
    ['reward modeling', 'reward-modelling'],
    ['normalization', 'normalisation'],
    ['k nearest neighbors', 'k-nearest-neighbours'],
    // pinyin: in full, with blanks, its beginning, initials, with a typing error, among other words
    ['luojihuigui', 'logistic-regression'],
    ['luo ji hui gui', 'logistic-regression'],
    ['luojihuig', 'logistic-regression'],
    ['ljhg', 'logistic-regression'],
    ['luojihuihui', 'logistic-regression'],
    ['shenme shi qianghuaxuexi', 'reinforcement-learning'],
    ['chongcaiyang', 'data-sampling'],
    // aliases, slugs, a title
    ['MLP', 'dnn'],
    ['百度飞桨', 'paddlepaddle'],
    ['data-cleaning', 'data-cleaning'],
    ['Attention Is All You Need', 'source-vaswani-2017-transformer'],
    // full-width forms and odd blanks
    ['ＬＳＴＭ', 'lstm'],
    ['  LoRA　是什么？', 'lora'],
  ])('finds %s', (query, slug) => {
    expect(slugs(query, 1)).toEqual([slug]);
  });

  it('puts names above other names, and entries above recipes and publications of the same words', () => {
    const order = slugs('evaluation', MOST_HITS);
    expect(order[0]).toBe('evaluation');
    const places = (query: string, kind: MapNode['kind']): number =>
      search(query)
        .hits()
        .findIndex((h) => h.node.kind === kind);
    for (const query of ['数据清洗', 'data cleaning', 'text classification']) {
      expect(['recipe', 'source']).not.toContain(search(query).hits(0, 1)[0]?.node.kind);
      expect(places(query, 'recipe')).toBeGreaterThan(0);
    }
  });

  it('looks into bodies last', () => {
    const holders = nodes.filter((n) => /subsampling/.test(n.body?.en ?? ''));
    expect(holders.length).toBeGreaterThan(0);
    expect(slugs('subsampling', 50)).toEqual(expect.arrayContaining(holders.map((n) => n.slug)));
  });

  it('keeps to a test and to a number', () => {
    const hits = search('model', { test: (n) => n.kind === 'stage', most: 3 }).hits();
    expect(hits).toHaveLength(3);
    expect(hits.every((h) => h.node.kind === 'stage')).toBe(true);
    const all = search('model').hits();
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter((h) => h.node.kind === 'stage').map((h) => h.node.slug)).toEqual(
      search('model', { test: (n) => n.kind === 'stage' })
        .hits()
        .map((h) => h.node.slug),
    );
    const scores = all.map((h) => h.score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  it('finds every entry by its slug and names', () => {
    const lost = nodes.flatMap((n) =>
      [n.slug, n.name.en, n.name.zh].filter((q) => !slugs(q).includes(n.slug)).map((q) => `${n.slug}: ${q}`),
    );
    expect(lost).toEqual([]);
  });

  it.each(['', '   ', '!!!', '，。？', '😀😀', '\ud83d', '\u0000', 'qzxwv', 'what is the', '是什么', '的', '有哪些？'])(
    'answers %j with nothing or little',
    (query) => {
      expect(search(query).total).toBeLessThan(20);
    },
  );

  it.each([
    ['one letter', 'a'.repeat(10_000)],
    ['words', 'transformer attention model '.repeat(400).slice(0, 10_000)],
    [
      'unknown words',
      Array.from({ length: 1_500 }, (_, i) => `zq${i}xwv`)
        .join(' ')
        .slice(0, 10_000),
    ],
    ['Chinese', '强化学习模型训练'.repeat(1_250)],
    ['emojis', '😀'.repeat(5_000)],
    ['syllables', 'ma '.repeat(3_333)],
    ['accents', 'e\u0301'.repeat(5_000)],
    ['pattern characters', '.*+?^${}()|[]\\'.repeat(700)],
  ])('is not troubled by ten thousand characters of %s', (_, query) => {
    expect(search(query).total).toBeLessThanOrEqual(nodes.length);
    expect(slugs('LoRA', 1)).toEqual(['lora']);
  });
});

describe('what was found', () => {
  const slugsOf = (hits: readonly Hit[]): string[] => hits.map((h) => h.node.slug);

  it('is shown a page at a time, and counted as a whole', () => {
    const found = search('model');
    const all = found.hits();
    expect(all).toHaveLength(found.total);
    expect(found.hits(20, 40)).toEqual(all.slice(20, 40));
    expect(found.hits(found.total - 1, found.total + 20)).toEqual(all.slice(-1));
    expect(found.hits(found.total + 1)).toEqual([]);
    const ofKind = found.facets().filter((f) => f.facet === 'kind');
    expect(ofKind.reduce((n, f) => n + f.count, 0)).toBe(found.total);
    for (const { value, count } of ofKind) expect(all.filter((h) => h.node.kind === value)).toHaveLength(count);
    // what is kept of one query does not change with the next
    search('LoRA');
    expect(slugsOf(found.hits())).toEqual(slugsOf(all));
    expect(foundOf(all).facets()).toEqual(found.facets());
  });
});

describe('an index made gently', () => {
  it('is the same, and lets other work go on', async () => {
    const map = assemble(
      small().entries.map((p) => p.entry),
      [],
    ).nodes;
    const [gentle, plain] = [await createSearchGently(map), createSearch(map)];
    for (const query of ['tuning', '微调', 'lora']) expect(gentle(query).hits()).toEqual(plain(query).hits());
    let turns = 0;
    let made = false;
    const ticking = (): void => void (made || (turns++, setImmediate(ticking)));
    ticking();
    await createSearchGently(nodes);
    made = true;
    expect(turns).toBeGreaterThan(2);
  });

  it('of no entries finds nothing', () => {
    expect(createSearch([])('lora')).toMatchObject({ total: 0 });
  });
});

describe('a few entries that are ranked among many', () => {
  it('have words as rare as in the whole', () => {
    const few = nodes.filter((n) => ['lora', 'ppo', 'kaggle'].includes(n.slug));
    const score = (s: Search): number =>
      s('how is a competition of policies held')
        .hits()
        .find((h) => h.node.slug === 'kaggle')?.score ?? 0;
    const [alone, among, whole] = [createSearch(few), createSearch(few, nodes.length), search].map(score);
    // ln(1 + 2.5 / 1.5) alone, and about ln(1 + 1000 / 2) among a thousand
    expect(among).toBeGreaterThan(4 * (alone ?? 0));
    expect(Math.abs((among ?? 0) / (whole ?? 1) - 1)).toBeLessThan(0.5);
  });
});

describe('many entries of one name', () => {
  it('are answered with as many as anybody reads, in their order', () => {
    const [one] = small().entries.filter((p) => p.entry.slug === 'lora');
    const entry = one?.entry;
    if (!entry) throw new Error('no entry');
    const many = Array.from({ length: MOST_HITS + 500 }, (_, i) => ({
      ...entry,
      slug: `lora-${String(i).padStart(5, '0')}`,
    }));
    const found = createSearch(assemble(many, []).nodes)('LoRA');
    expect(found.total).toBe(MOST_HITS);
    expect(found.hits()).toHaveLength(MOST_HITS);
    expect(found.hits(0, 3).map((h) => h.node.slug)).toEqual(['lora-00000', 'lora-00001', 'lora-00002']);
  });
});
