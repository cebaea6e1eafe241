import { describe, expect, it } from '@jest/globals';
import { checkEntries, checkParsed, edgesOf } from './check.js';
import { EDGE_KINDS, EDGE_RULES, NODE_KINDS, targetsOf } from './kinds.js';
import { parseContent, problemText } from './read.js';
import { entry, SAMPLE } from './testing/entries.js';
import type { Entry } from './schema.js';

const problems = (...entries: Entry[]): string[] =>
  checkEntries(entries.map((e, i) => ({ entry: e, file: 'x.yaml', line: i + 1 }))).map(problemText);
const task = (slug: string, edges: Entry['edges'] = {}): Entry => entry(slug, { edges });

describe('what holds together', () => {
  it('a sound map has no problem', () => {
    expect(problems(...SAMPLE)).toEqual([]);
  });

  it('references become edges from the source', () => {
    expect(edgesOf(SAMPLE[1] as Entry)).toEqual([
      { kind: 'applied-in', from: 'lines', to: 'guessing' },
      { kind: 'evidence-for', from: 'source-gauss', to: 'lines' },
    ]);
  });

  it.each<[string, Entry[], RegExp]>([
    [
      'an edge into nothing',
      [task('a', { contains: ['b'] })],
      /^x\.yaml:1: "a" contains "b", and there is no entry "b"$/,
    ],
    [
      'a slug twice',
      [task('a', { contains: ['b'] }), task('b'), task('b')],
      /^x\.yaml:3: slug "b" is taken by x\.yaml:2/,
    ],
    ['an entry without edges', [task('a')], /^x\.yaml:1: "a" hangs in the air/],
    ['an edge to itself', [task('a', { contains: ['a'] })], /"a" contains itself/],
    ['an edge twice', [task('a', { contains: ['b', 'b'] }), task('b')], /"a" contains "b" twice/],
    [
      'a circle of contains',
      [task('a', { contains: ['b'] }), task('b', { contains: ['c'] }), task('c', { contains: ['a'] })],
      /contains runs in a circle: a → b → c → a/,
    ],
    [
      'a circle of precedes',
      [
        entry('a', { kind: 'stage', edges: { precedes: ['b'] } }),
        entry('b', { kind: 'stage', edges: { precedes: ['a'] } }),
      ],
      /precedes runs in a circle: a → b → a/,
    ],
    [
      'an edge between kinds that it does not join',
      [entry('a', { kind: 'organisation', edges: { 'trained-by': ['b'] } }), task('b')],
      /from organisation to task there is no such edge; trained-by leads from organisation to nothing/,
    ],
    [
      'a symmetric edge in both directions',
      [
        entry('a', { kind: 'technique', edges: { excludes: ['b'] } }),
        entry('b', { kind: 'technique', edges: { excludes: ['a'] } }),
      ],
      /^x\.yaml:2: "b" excludes "a" is written the other way round already$/,
    ],
    [
      'a reference to what is no source',
      [task('a', { contains: ['b'] }), entry('b', { references: ['a'] })],
      /references: "a" is of kind task, not source/,
    ],
    [
      'two entries of one name, whatever its case',
      [
        entry('a', { aliases: { en: ['Deep  Net'], zh: [] }, edges: { contains: ['b'] } }),
        entry('b', { name: { en: 'deep-net', zh: '深网' } }),
      ],
      /^x\.yaml:2: the name or alias "deep net" of "b" is also one of "a"$/,
    ],
    [
      'an alias that is the name',
      [entry('a', { aliases: { en: ['A!'], zh: [] }, edges: { contains: ['b'] } }), task('b')],
      /the alias "A!" of "a" is its name already/,
    ],
  ])('refuses %s', (_, entries, message) => {
    expect(problems(...entries)).toContainEqual(expect.stringMatching(message));
  });

  it('refuses one publication under two slugs', () => {
    type Citation = NonNullable<Entry['citation']>;
    const twice = (a: Partial<Citation>, b: Partial<Citation>): string[] => {
      const source = (slug: string, citation: Partial<Citation>): Entry =>
        entry(slug, { kind: 'source', citation: { title: slug, authors: 'Somebody', year: 2020, ...citation } });
      return problems(entry('read', { references: ['one', 'two'] }), source('one', a), source('two', b));
    };
    const said = (key: string): string[] => [
      `x.yaml:3: "two" is the same publication as "one": ${key}; keep one of them`,
    ];
    // arXiv counts a preprint by its first deposit, a conference by its meeting: the years differ, the work does not
    expect(twice({ arxiv: '1910.02054', year: 2019 }, { arxiv: '1910.02054' })).toEqual(said('arXiv 1910.02054'));
    expect(twice({ doi: '10.1000/Ab' }, { doi: '10.1000/aB' })).toEqual(said('DOI 10.1000/ab'));
    expect(twice({ url: 'https://x.org/a/' }, { url: 'https://x.org/a' })).toEqual(said('address https://x.org/a'));
    expect(twice({ title: 'ZeRO: Memory' }, { title: 'Zero – memory' })).toEqual(said('title "zero memory"'));
    expect(twice({ arxiv: '1910.02054' }, { arxiv: '1910.02055', doi: '10.1000/ab' })).toEqual([]);
  });

  it('checks the arithmetic of figures', () => {
    const wrong = (slug: string, value: number): string[] =>
      problems(...SAMPLE.map((e) => (e.slug === slug && e.figure ? { ...e, figure: { ...e.figure, value } } : e)));
    // 1 + 2 and 100 · 1 / 3, by hand
    expect(wrong('whole', 4)).toEqual([
      'x.yaml:5: "whole" says 4, but one + two = 3',
      'x.yaml:8: "share" says 33.33, but 100 · one / whole = 25',
    ]);
    expect(wrong('share', 33.3)).toEqual(['x.yaml:8: "share" says 33.3, but 100 · one / whole = 33.33']);
    expect(wrong('one', 1.5)).toHaveLength(2);
  });

  it('tells what is wrong beside entries that cannot be read, and not what only follows from them', () => {
    const content = (kind: string): string =>
      [
        `- { slug: part, kind: ${kind}, name: { en: part, zh: 部分 }, summary: { en: A., zh: 甲。 }, body: { en: A., zh: 甲。 } }`,
        ...['whole', 'other'].map(
          (slug, i) =>
            `- { slug: ${slug}, kind: task, name: { en: ${slug}, zh: 名${i} }, summary: { en: A., zh: 甲。 }, body: { en: A., zh: 甲。 }, edges: { contains: [part, ${['other', 'whole'][i]}] } }`,
        ),
        `- { slug: alone, kind: task, name: { en: alone, zh: 孤 }, summary: { en: A., zh: 甲。 }, body: { en: A., zh: 甲。 } }`,
      ].join('\n');
    const told = (text: string): string[] => checkParsed(parseContent(text, 'x.yaml')).map(problemText);
    const circle = 'x.yaml:2: contains runs in a circle: whole → other → whole';
    const refused = told(content('chore'));
    expect(refused).toHaveLength(2);
    expect(refused[0]).toMatch(/^x\.yaml:1: kind: Invalid option/);
    expect(refused[1]).toBe(circle);
    // the same with the entry: now what is alone is known to be so
    expect(told(content('task'))).toEqual([expect.stringMatching(/^x\.yaml:4: "alone" hangs in the air/), circle]);
    // behind an entry without a name, anything may be missing
    expect(told('- 7\n' + content('chore').split('\n').slice(1).join('\n')).slice(1)).toEqual([circle]);
  });

  it('every kind of entry can be reached by some edge, and every rule names kinds', () => {
    for (const kind of NODE_KINDS.filter((k) => k !== 'layer'))
      expect(EDGE_KINDS.some((e) => NODE_KINDS.some((from) => targetsOf(e, from).includes(kind)))).toBe(true);
    for (const rules of Object.values(EDGE_RULES))
      for (const [from, to] of rules) expect(Math.min(from.length, to.length)).toBeGreaterThan(0);
  });

  it('a long chain is walked without a deep stack', () => {
    const chain = Array.from({ length: 30_000 }, (_, i) => task(`n${i}`, i ? { contains: [`n${i - 1}`] } : {}));
    expect(problems(...chain)).toEqual([]);
  });
});

const written = (more = ''): string => `- slug: a
  kind: task
  name: { en: A, zh: 名 }
  summary: { en: An entry., zh: 一个条目。 }
  body: { en: Text., zh: 文字。 }
${more}`;

describe('content files', () => {
  const said = (text: string): string[] => parseContent(text, 'dir/x.yaml').problems.map(problemText);

  it('reads what is right', () => {
    const { entries, problems: none } = parseContent(written(), 'x.yaml');
    expect(none).toEqual([]);
    expect(entries).toMatchObject([{ file: 'x.yaml', line: 1, entry: { slug: 'a', runnable: false, edges: {} } }]);
  });

  it.each([
    ['a missing language', written().replace(', zh: 名 }', ' }'), 'dir/x.yaml:3: name.zh: '],
    [
      'a summary that was not translated',
      written().replace('一个条目。', 'same'),
      'dir/x.yaml:4: summary: zh holds no',
    ],
    ['an unknown kind', written().replace('kind: task', 'kind: thing'), 'dir/x.yaml:2: kind: '],
    ['an unknown kind of edge', written('  edges: { likes: [a] }\n'), 'dir/x.yaml:6: edges'],
    ['a recipe', written().replace('kind: task', 'kind: recipe'), 'dir/x.yaml:2: kind: '],
    ['an unknown field', written('  colour: red\n'), 'dir/x.yaml:1: : Unrecognized key'],
    [
      'a body that is missing',
      written().replace(/ {2}body.*\n/, ''),
      'dir/x.yaml:1: body: an entry of kind task needs it',
    ],
    ['a figure on what is none', written('  figure: 3\n'), 'dir/x.yaml:6: figure: '],
    [
      'an algorithm without its method',
      written().replace('task', 'algorithm'),
      'dir/x.yaml:1: method: an entry of kind',
    ],
    ['broken YAML', '- slug: [a', 'dir/x.yaml:1: '],
    ['no list', 'slug: a', 'dir/x.yaml:1: it must be a list of entries'],
    ['a slug that is no slug', written().replace('slug: a', 'slug: A_b'), 'dir/x.yaml:1: slug: lower-case'],
    [
      'an address that is not https',
      written()
        .replace('task', 'source')
        .replace(/ {2}body.*\n/, '  citation: { title: T, authors: A, year: 2020, url: "javascript:alert(1)" }\n'),
      'dir/x.yaml:5: citation.url: ',
    ],
  ])('refuses %s', (_, text, message) => {
    expect(said(text)).toContainEqual(expect.stringContaining(message));
  });

  it('names the line of a script inside a body', () => {
    const body = `- slug: a
  kind: task
  name: { en: A, zh: 名 }
  summary: { en: An entry., zh: 一个条目。 }
  body:
    zh: 文字。
    en: |
      First line.

      <script>alert(1)</script>
`;
    expect(said(body)).toEqual([
      'dir/x.yaml:10: body.en: HTML is not allowed in Markdown: "<script>alert(1)</script>"',
    ]);
    for (const [evil, what] of [
      ['a <img src=x onerror=alert(1)> b', 'HTML'],
      ['[x](javascript:alert(1))', 'the link'],
      ['![x](data:text/html;base64,xx)', 'the link'],
      ['[x]\n\n[x]: vbscript:x', 'the link'],
    ] as const)
      expect(said(body.replace('<script>alert(1)</script>', evil.replaceAll('\n', '\n      '))).join()).toContain(what);
    expect(said(body.replace('<script>alert(1)</script>', 'a < b, `<script>` and [x](https://arxiv.org)'))).toEqual([]);
  });

  it('stops at aliases that stand for aliases', () => {
    const bomb = `- &a [x, x, x, x, x, x, x, x, x, x]\n${'bcdefgh'
      .split('')
      .map((c, i) => `- &${c} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(', ')}]`)
      .join('\n')}\n`;
    expect(said(bomb).join()).toMatch(/alias/i);
  });
});
