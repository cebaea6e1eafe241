import { beforeAll, describe, expect, it } from '@jest/globals';
import { BUNDLED_CONTENT } from '../app.module.js';
import { buildMap } from '../map/map.js';
import { readContent } from '../map/read.js';
import { createSearch, type Search } from './search.js';
import { indexTerms, queryTerms } from './tokens.js';

describe('terms', () => {
  it('splits Latin into plain words and Chinese into pairs', () => {
    expect(indexTerms('Naïve ＢＥＲＴ 逻辑回归')).toEqual([
      'naive',
      'bert',
      '逻',
      '辑',
      '回',
      '归',
      '逻辑',
      '辑回',
      '回归',
    ]);
    expect(queryTerms('逻辑回归')).toEqual(['逻辑', '辑回', '回归']);
    expect(queryTerms('码')).toEqual(['码']);
  });
});

describe('search over the bundled map', () => {
  let search: Search;
  beforeAll(async () => {
    search = createSearch([...buildMap(await readContent(BUNDLED_CONTENT), []).nodes.values()]);
  });
  const first = (q: string) => search(q, { limit: 5 })[0]?.node.slug;

  it.each([
    ['logistic regression', 'logistic-regression'],
    ['逻辑回归', 'logistic-regression'],
    ['logstic regresion', 'logistic-regression'],
    ['LSTM', 'lstm'],
    ['lstm', 'lstm'],
    ['MLP', 'dnn'],
    ['Transfomer', 'transformer'],
    ['百度飞桨', 'paddlepaddle'],
    ['飞桨', 'paddlepaddle'],
    ['int8', 'quantization'],
    ['quantisation', 'quantization'],
    ['量化', 'quantization'],
    ['剪枝', 'pruning'],
    ['近端策略', 'ppo'],
    ['knowledge graph by rules', 'knowledge-graph-by-rules'],
    ['目标检测', 'object-detection'],
    ['data-cleaning', 'data-cleaning'],
  ])('finds %s', (query, slug) => {
    expect(first(query)).toBe(slug);
  });

  it('keeps to a kind and to the limit', () => {
    const hits = search('model', { kind: 'stage', limit: 3 });
    expect(hits.length).toBeGreaterThan(0);
    expect(hits.length).toBeLessThanOrEqual(3);
    expect(hits.every((h) => h.node.kind === 'stage')).toBe(true);
  });

  it('answers nonsense with nothing', () => {
    expect(search('qzxwv', { limit: 5 })).toEqual([]);
    expect(search('!!!', { limit: 5 })).toEqual([]);
  });
});
