import { Entry, type EntryInput } from '../schema.js';

const BODY = { en: 'A body.', zh: '正文。' };
const TEXT = { en: 'Text.', zh: '文字。' };

/** An entry of any kind with all that its kind needs; names are made from the slug. */
export function entry(slug: string, more: Partial<EntryInput> = {}): Entry {
  const kind = more.kind ?? 'task';
  return Entry.parse({
    slug,
    kind,
    name: { en: slug.replaceAll('-', ' '), zh: `名称 ${slug}` },
    summary: { en: 'An entry.', zh: '一个条目。' },
    ...(kind === 'source' ? { citation: { title: 'A title', authors: 'Somebody', year: 2020 } } : { body: BODY }),
    ...(kind === 'algorithm'
      ? { method: { formula: 'y = w x', inputs: TEXT, outputs: TEXT, when: TEXT, complexity: TEXT } }
      : {}),
    ...more,
  } satisfies EntryInput);
}

/** A small map that uses every field. */
export const SAMPLE: readonly Entry[] = [
  entry('learning', {
    kind: 'algorithm-family',
    aliases: { en: ['ML', 'a | bar', 'back\\slash'], zh: ['机器'] },
    tags: ['core', 'old'],
    facets: { since: 1959 },
    edges: { contains: ['lines'] },
  }),
  entry('lines', {
    kind: 'algorithm',
    runnable: true,
    body: { en: '# Lines\n\n- one, "two"\n- `a < b & c`', zh: '# 直线\n\n第一行\n第二行' },
    references: ['source-gauss'],
    edges: { 'applied-in': ['guessing'] },
  }),
  entry('guessing', { name: { en: '=SUM(A1)', zh: '猜测' } }),
  entry('source-gauss', {
    kind: 'source',
    citation: { title: 'Theoria', authors: 'Gauss, C. F.', year: 1809, doi: '10.1017/CBO9781139058216' },
    edges: { 'evidence-for': ['whole'] },
  }),
  entry('whole', {
    kind: 'figure',
    figure: {
      value: 3,
      unit: { en: 'lines', zh: '条' },
      date: '2024-05',
      scope: TEXT,
      source: 'source-gauss',
      check: { sum: ['one', 'two'] },
    },
    edges: { contains: ['one', 'two', 'share'] },
  }),
  ...(
    [
      ['one', 1],
      ['two', 2],
    ] as const
  ).map(([slug, value]) =>
    entry(slug, {
      kind: 'figure',
      figure: { value, unit: { en: 'lines', zh: '条' }, date: '2024', scope: TEXT, source: 'source-gauss' },
    }),
  ),
  entry('share', {
    kind: 'figure',
    figure: {
      value: 33.33,
      unit: { en: '%', zh: '%' },
      date: '2024',
      scope: TEXT,
      source: 'source-gauss',
      check: { percent: { part: 'one', whole: 'whole', decimals: 2 } },
    },
  }),
  entry('maker', { kind: 'organisation', facets: { openness: 'mixed', region: 'abroad' }, edges: { uses: ['lines'] } }),
];
