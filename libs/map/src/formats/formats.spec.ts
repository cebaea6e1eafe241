import { describe, expect, it } from '@jest/globals';
import { XMLParser } from 'fast-xml-parser';
import { problemText } from '../read.js';
import { SAMPLE } from '../testing/entries.js';
import { readEntries, writerOf } from './formats.js';

const FORMATS = ['json', 'jsonld', 'csv', 'graphml'] as const;
const read = (text: string, format: string, file = `own.${format}`) => readEntries(Buffer.from(text), file, format);
const said = (text: string, format: string): string[] => read(text, format).problems.map(problemText);

describe('maps in other formats', () => {
  it.each(FORMATS)('%s: what is written is read again, field by field', (format) => {
    const text = writerOf(format).write(SAMPLE, 'v1');
    const { entries, problems } = read(text, format);
    expect(problems).toEqual([]);
    // in GraphML a source's edges evidence-for and an entry's references are one and the same
    const plain = (list: typeof SAMPLE) =>
      [...list]
        .sort((a, b) => (a.slug < b.slug ? -1 : 1))
        .map((e) => ({ ...e, references: undefined, edges: undefined }));
    expect(plain(entries.map((p) => p.entry))).toEqual(plain(SAMPLE));
    if (format !== 'graphml') expect(entries.map((p) => p.entry)).toEqual(SAMPLE);
    else expect(entries.find((p) => p.entry.slug === 'whole')?.entry.references).toEqual(['source-gauss']);
  });

  it('JSON-LD is Linked Data: labels by language, edges as links, in the vocabulary of its context', () => {
    const document = JSON.parse(writerOf('jsonld').write(SAMPLE, '')) as Record<string, unknown>;
    const context = document['@context'] as Record<string, { '@id'?: string; '@container'?: string; '@type'?: string }>;
    expect(context['name']).toEqual({
      '@id': 'http://www.w3.org/2004/02/skos/core#prefLabel',
      '@container': '@language',
    });
    expect(context['applied-in']).toEqual({ '@type': '@id' });
    const lines = (document['@graph'] as Record<string, unknown>[]).find((n) => n['slug'] === 'lines');
    expect(lines).toMatchObject({ kind: 'algorithm', 'applied-in': ['guessing'], references: ['source-gauss'] });
  });

  it('GraphML holds every edge of the map with its kind, and declares what it uses', () => {
    const document = new XMLParser({ ignoreAttributes: false }).parse(writerOf('graphml').write(SAMPLE, '')) as {
      graphml: {
        key: { '@_id': string }[];
        graph: {
          node: { '@_id': string; data: { '@_key': string }[] }[];
          edge: { '@_source': string; '@_target': string; data: { '#text': string } }[];
        };
      };
    };
    const { key, graph } = document.graphml;
    const edges = graph.edge.map((e) => `${e['@_source']} ${e.data['#text']} ${e['@_target']}`);
    expect(edges.sort()).toEqual(
      [
        'learning contains lines',
        'lines applied-in guessing',
        'maker uses lines',
        'source-gauss evidence-for lines',
        'source-gauss evidence-for whole',
        'whole contains one',
        'whole contains share',
        'whole contains two',
      ].sort(),
    );
    const declared = new Set(key.map((k) => k['@_id']));
    for (const node of graph.node) for (const d of node.data) expect(declared).toContain(d['@_key']);
  });

  it('CSV gives spreadsheets no formula to run', () => {
    const text = writerOf('csv').write(SAMPLE, '');
    expect(text).toContain("'=SUM(A1)");
    expect(text).not.toMatch(/(^|,)"?=SUM/m);
  });

  it('the bundle has all that a site needs', () => {
    expect(JSON.parse(writerOf('json').write(SAMPLE, 'v7'))).toMatchObject({
      format: 'strata-map/1',
      version: 'v7',
      counts: { entries: SAMPLE.length, edges: 8, kinds: { figure: 4, source: 1 } },
    });
  });
});

describe('bad files', () => {
  it('name the line and the column', () => {
    const [header = ''] = writerOf('csv').write([], '').split('\n');
    expect(said('slug,colour\na,red\n', 'csv')[0]).toMatch(
      /^own\.csv:1: there is no column "colour"; there are slug, /,
    );
    const row = (cells: Record<string, string>): string =>
      header
        .split(',')
        .map((h) => `"${cells[h.trim()] ?? ''}"`)
        .join(',');
    const good = {
      slug: 'a',
      kind: 'task',
      name_en: 'A',
      name_zh: '名',
      summary_en: 'Two\nlines',
      summary_zh: '两',
      body_en: 'x',
      body_zh: '文',
    };
    const text = (...rows: Record<string, string>[]): string => [header, ...rows.map(row)].join('\n') + '\n';
    expect(said(text(good), 'csv')).toEqual([]);
    // the first record takes two lines
    expect(said(text(good, { ...good, slug: 'b', since: 'soon' }), 'csv')).toEqual([
      expect.stringMatching(/^own\.csv:4: since: /),
    ]);
    expect(said(text({ ...good, edges: 'likes:b' }), 'csv')[0]).toMatch(/^own\.csv:2: edges: /);
    expect(said(text({ ...good, body_zh: '<b>文</b>' }), 'csv')[0]).toMatch(
      /^own\.csv:2: body_zh: HTML is not allowed/,
    );
    expect(said(`${header}\na,b\n`, 'csv')[0]).toMatch(/^own\.csv:\d+: /);
  });

  it.each([
    ['json', '{"entries": [{"slug": "a",\n"kind": 7}]}', /^own\.json:2: kind: /],
    ['json', '{"format": "other/2", "entries": []}', /format: "other\/2" is not known/],
    ['json', '{"x": 1}', /it must be a list of entries, or an object/],
    ['json', '[{"slug": "a"', /^own\.json:\d+: /],
    ['jsonld', '[]', /there is no "@graph"/],
    ['graphml', '<graphml><graph><node id="a"></graph></graphml>', /^own\.graphml:1: /],
    ['graphml', '<a/>', /there is no <graphml> with a <graph>/],
    ['graphml', '<!DOCTYPE x [<!ENTITY a "b">]><graphml/>', /a document type is not allowed/],
    [
      'graphml',
      '<graphml><graph>\n<node id="a"/>\n<edge source="z" target="a"><data key="kind">uses</data></edge></graph></graphml>',
      /the edge uses from "z" to "a" begins at no node of the file/,
    ],
    ['graphml', '<graphml><graph>\n\n<node id="a"/></graph></graphml>', /^own\.graphml:3: kind: /],
  ])('%s: %s', (format, text, message) => {
    expect(said(text, format)).toContainEqual(expect.stringMatching(message));
  });

  it('of an unknown format, or in another encoding, are refused as a whole', () => {
    expect(() => read('x', '', 'own.docx')).toThrow(/the format of "own.docx" is not known; there are yaml, json/);
    expect(() => readEntries(Buffer.from([0xff, 0xfe, 0x41]), 'own.yaml', '')).toThrow(/"own.yaml" is not UTF-8 text/);
    expect(() => writerOf('pdf')).toThrow(/there is no format "pdf"; there are json, jsonld, csv, graphml/);
    expect(readEntries(Buffer.from('[]'), 'own.YML', '').problems).toEqual([]);
  });
});
