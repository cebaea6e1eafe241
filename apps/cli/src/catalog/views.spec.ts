import { describe, expect, it } from '@jest/globals';
import stringWidth from 'string-width';
import { createIo, type Io } from '../io.js';
import { translator } from '../messages.js';
import type { Figure, MapNode, Neighbour } from './answers.js';
import { arithmeticText, entryText } from './entry-view.js';
import { coverageText, insightText } from './figures.js';
import { pathText, treeText } from './graph-view.js';
import { diffText, suggestionsText, versionsText } from './history.js';
import { kindsOf } from './words.js';

const sink = { write: () => true } as unknown as NodeJS.WriteStream;
const ioOf = (lang: 'en' | 'zh'): Io =>
  createIo({ json: false, lang, t: translator(lang), colour: false, stdout: sink, stderr: sink });
const [en, zh] = [ioOf('en'), ioOf('zh')];

const node = (slug: string, more: Partial<MapNode> = {}): MapNode => ({
  slug,
  kind: 'technique',
  name: { en: slug.toUpperCase(), zh: `名${slug}` },
  summary: { en: 'Short.', zh: '简介。' },
  body: null,
  aliases: { en: [], zh: [] },
  tags: [],
  facets: { openness: null, region: null, since: null },
  runnable: false,
  method: null,
  figure: null,
  citation: null,
  references: [],
  edges: [],
  recipes: [],
  private: false,
  recipe: null,
  ...more,
});
const figureOf = (value: number): Figure => ({
  value,
  unit: { en: 'models', zh: '个' },
  date: '2023-05',
  scope: { en: 'All.', zh: '全部。' },
  source: 's',
  sum: [],
  percent: null,
});
const figureNode = (slug: string, value: number): MapNode => node(slug, { kind: 'figure', figure: figureOf(value) });

describe('an entry', () => {
  const edge = (kind: string, from: string, to: string): Neighbour['edge'] => ({ kind, from, to });
  const source = node('s', {
    kind: 'source',
    citation: { title: 'T', authors: 'A. B.', year: 2020, venue: 'V', arxiv: '2001.00001', doi: null, url: null },
  });
  const it1 = {
    node: node('a', {
      body: { en: 'One\nline.', zh: '一行，\n接着。' },
      runnable: true,
      private: true,
      facets: { openness: 'open', region: null, since: 2021 },
      aliases: { en: ['AA\u001b[2J'], zh: ['甲'] },
    }),
    neighbours: [
      { edge: edge('uses', 'a', 'b'), node: node('b') },
      { edge: edge('uses', 'c', 'a'), node: node('c') },
      { edge: edge('uses', 'a', 'd'), node: node('d') },
      { edge: edge('evidence-for', 's', 'a'), node: source },
    ],
    others: new Map(),
    recipes: [],
  };

  it('tells both directions of an edge apart, and sources with what they are', () => {
    expect(entryText(en, it1)).toBe(
      [
        'A  名a',
        'technique · a · since 2021 · open · runnable · your own',
        'also  AA[2J, 甲',
        '',
        'Short.',
        '',
        'One line.',
        '',
        'Connected with',
        '  uses     B (b); D (d)',
        '  used by  C (c)',
        '',
        'Sources',
        '  - A. B.: T. V, 2020. arXiv:2001.00001',
      ].join('\n'),
    );
  });

  it('is told in Chinese, with line ends that add no blanks', () => {
    const text = entryText(zh, it1);
    expect(text).toContain('名a  A\n技术 · a · 始于 2021 年 · 开源 · 可运行 · 自有');
    expect(text).toContain('\n一行，接着。\n');
    expect(text).toContain('  使用    名b (b)；名d (d)\n  使用方  名c (c)');
  });

  it('shows how a figure is worked out', () => {
    const others = new Map([figureNode('x', 29), figureNode('y', 79)].map((n) => [n.slug, n]));
    const sum = { ...figureOf(108), sum: ['x', 'y'] };
    // 29 + 79 and 100 · 29 / 79 = 36.7088…, by hand
    expect(arithmeticText(en, sum, others)).toBe('29 + 79 = 108\nX (x) + Y (y)');
    const percent = { ...sum, value: 36.7, sum: [], percent: { part: 'x', whole: 'y', decimals: 2 } };
    expect(arithmeticText(en, percent, others)).toBe('100 · 29 / 79 = 36.70\n100 · X (x) / Y (y)');
    expect(arithmeticText(en, { ...sum, sum: [] }, others)).toBe('');
  });
});

describe('ways and surroundings', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((s) => node(s));
  const [ab, cb, cd, ad] = [
    { kind: 'uses', from: 'a', to: 'b' },
    { kind: 'contains', from: 'c', to: 'b' },
    { kind: 'uses', from: 'c', to: 'd' },
    { kind: 'not-known-here', from: 'd', to: 'a' },
  ] as const;

  it('say each edge as it is met', () => {
    const way = { length: 2, nodes: nodes.slice(0, 3), edges: [ab, cb] };
    expect(pathText(en, way)).toBe('A (a)\n  │ uses\nB (b)\n  │ part of\nC (c)\nedges: 2');
    expect(pathText(zh, way)).toContain('  │ 属于\n');
  });

  it('are a tree in which each entry stands once, at its distance', () => {
    expect(treeText(en, 'a', { nodes, edges: [ab, cb, cd, ad], truncated: false })).toBe(
      ['A (a)', '├ uses            B (b)', '│ └ part of  C (c)', '└ not-known-here  D (d)'].join('\n'),
    );
  });
});

describe('tables', () => {
  it('of coverage count what runs by area', () => {
    const item = (slug: string, recipes: string[]) => ({
      slug,
      kind: 'task',
      name: { en: slug, zh: `名${slug}` },
      areas: ['area'],
      recipes,
    });
    const areas = [
      { slug: 'area', name: { en: 'Area', zh: '领域一' }, covered: ['x'], missing: ['y'] },
      { slug: null, name: { en: '', zh: '' }, covered: [], missing: ['z'] },
    ];
    const c = { covered: [item('x', ['g/x'])], missing: [item('y', []), item('z', [])], areas };
    const text = coverageText(zh, c, true);
    expect(text).toContain('3 个可运行条目中 1 个已有配方');
    expect(text).toMatch(/领域一 \(area\) {2}1 +2 +█{10}·{10}/);
    expect(text).toMatch(/（无） +0 +1 +·{20}/);
    expect(text).toMatch(/y +任务 +area +名y/);
    expect(coverageText(zh, c, false)).not.toContain('名y');
  });

  it('of insights name entries, and are aligned where the words are Chinese', () => {
    const it2 = {
      name: 'shares',
      title: { en: 'Shares', zh: '份额' },
      about: { en: 'Who.', zh: '各家。' },
      chart: 'bar',
      columns: [
        { key: 'e', label: { en: 'Entry', zh: '条目' }, type: 'node' },
        { key: 'v', label: { en: 'Value', zh: '数值' }, type: 'number' },
      ],
      rows: [
        ['a', 1234.56],
        ['bb', 617.28],
      ],
      sources: ['s'],
    };
    const names = new Map([node('a'), node('bb', { name: { en: 'B', zh: '很长的名称' } })].map((n) => [n.slug, n]));
    const lines = insightText(zh, it2, names).split('\n');
    expect(lines[0]).toBe('份额');
    expect(lines.slice(3, 6).map((l) => l.trimEnd())).toEqual([
      '条目             数值',
      `名a (a)          1234.56  ${'█'.repeat(20)}`,
      `很长的名称 (bb)  617.28   ${'█'.repeat(10)}`,
    ]);
    const at = lines.slice(3, 6).map((l) => stringWidth(l.slice(0, l.search(/数值|1234|617/))));
    expect(new Set(at).size).toBe(1);
    expect(lines.at(-1)).toBe('来源  s');
  });

  it('of versions, changes and suggestions', () => {
    const version = {
      number: 2,
      created_at: '2026-01-31T12:00:00.000Z',
      actor: 'key_1',
      note: 'why\u0007',
      entries: 3,
      added: 1,
      changed: 2,
      removed: 0,
      hash: null,
    };
    expect(versionsText(en, [version])).toMatch(/^2 .* 3 +\+1 ~2 -0 +key_1 +why$/m);
    const fields = [
      { field: 'facets.since', before: 2024, after: 2025 },
      { field: 'body', before: null, after: { en: 'x', zh: '甲' } },
      { field: 'tags', before: ['t'], after: null },
    ];
    expect(diffText(en, { changes: [{ slug: 'mine', change: 'changed', fields }] })).toBe(
      [
        '~ mine',
        '    facets.since  - 2024',
        '                  + 2025',
        '    body          + {"en":"x","zh":"甲"}',
        '    tags          - ["t"]',
      ].join('\n'),
    );
    const suggestion = {
      id: 'sug_1',
      state: 'rejected',
      slug: 'mine',
      entry: null,
      comment: '请删',
      actor: 'key_1',
      created_at: '2026-01-31T12:00:00.000Z',
      decided_by: 'key_2',
      decided_at: null,
      reason: '仍需要',
      version: null,
    } as const;
    expect(suggestionsText(zh, [suggestion])).toMatch(/^sug_1 +已驳回 +mine +删除 .* 请删 → 仍需要$/m);
  });
});

describe('kinds', () => {
  it('are known by their words in both languages', () => {
    expect(kindsOf(['算法,technique', '训练方法', 'a-newer-kind'])).toBe(
      'algorithm,technique,training-method,a-newer-kind',
    );
    expect(() => kindsOf(['算法，不存在'])).toThrow(expect.objectContaining({ key: 'u_kinds' }));
  });
});
