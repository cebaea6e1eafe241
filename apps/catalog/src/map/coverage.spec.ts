import { describe, expect, it } from '@jest/globals';
import { parseContent } from '@strata/map';
import { coverageOf } from './coverage.js';
import { assemble } from './assemble.js';

const entry = (slug: string, kind: string, edges: string, more = ''): string => `- slug: ${slug}
  kind: ${kind}
  name: { en: ${slug}, zh: 名 ${slug} }
  summary: { en: One., zh: 一个。 }
  body: { en: One., zh: 一个。 }
  edges: { ${edges} }
${more}`;

describe('coverage by area', () => {
  const { entries, problems } = parseContent(
    [
      entry('layer', 'layer', 'contains: [uses, methods]'),
      // both sections hold `lines`: `methods` itself, `uses` by way of a task
      entry('methods', 'section', 'contains: [lines]'),
      entry('uses', 'section', 'contains: [guessing, part]'),
      entry('guessing', 'task', 'contains: [finding]', '  runnable: true\n'),
      entry('finding', 'task', 'subset-of: [seeking]', '  runnable: true\n'),
      entry('seeking', 'task', 'contains: [finding]'),
      entry('lines', 'technique', 'applied-in: [guessing]', '  runnable: true\n'),
      // a section within a section is no area of its own
      entry('part', 'section', 'contains: [loose-end]'),
      entry('loose-end', 'technique', 'uses: [lines]', '  runnable: true\n'),
      entry('apart', 'technique', 'uses: [lines]', '  runnable: true\n'),
    ].join(''),
    'x.yaml',
  );
  const coverage = coverageOf(
    assemble(
      entries.map((p) => p.entry),
      [],
    ),
  );

  it('holds each runnable entry once, in the order of the map, and what lies nowhere last', () => {
    expect(problems).toEqual([]);
    expect(coverage.areas.map((a) => [a.section?.slug, a.missing.map((n) => n.slug)])).toEqual([
      ['uses', ['finding', 'guessing', 'loose-end']],
      ['methods', ['lines']],
      [undefined, ['apart']],
    ]);
    expect(coverage.covered).toEqual([]);
  });
});
