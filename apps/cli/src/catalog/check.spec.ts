import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run, type Streams } from '../cli.js';
import { EXIT } from '../exit-codes.js';

describe('catalog check', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'strata-check-'));
  beforeAll(() => void fs.mkdirSync(path.join(dir, 'map/below'), { recursive: true }));
  afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));
  const write = (name: string, text: string): string => {
    const file = path.join(dir, name);
    fs.writeFileSync(file, text);
    return file;
  };
  /** An entry in five lines and those of `more`: its slug stands in the first of them. */
  const entry = (slug: string, kind: string, more = ''): string =>
    `- slug: ${slug}
  kind: ${kind}
  name: { en: Name of ${slug}, zh: 名称 ${slug} }
  summary: { en: An entry., zh: 一个条目。 }
${kind === 'source' ? `  citation: { title: ${slug}, authors: Somebody }` : '  body: { en: Text., zh: 正文。 }'}
${more}`;
  async function check(...argv: string[]): Promise<{ code: number; lines: string[]; err: string }> {
    const text = { out: '', err: '' };
    const to = (k: 'out' | 'err') =>
      ({ write: (s: string) => ((text[k] += s), true) }) as unknown as NodeJS.WriteStream;
    const streams: Streams = { stdout: to('out'), stderr: to('err') };
    // no gateway is asked: nobody listens there
    const all = [
      ...(argv.includes('--lang') ? [] : ['--lang', 'en']),
      'catalog',
      'check',
      '--url',
      'http://127.0.0.1:2',
      ...argv,
    ];
    const code = await run(all, new AbortController().signal, streams);
    return { code, lines: text.out.split('\n').filter(Boolean), err: text.err };
  }

  it('finds nothing wrong with the map of this checkout', async () => {
    const r = await check();
    expect(r).toMatchObject({ code: EXIT.ok, err: '' });
    expect(r.lines).toEqual([expect.stringMatching(/^entries: \d{3,}, files: \d+; nothing is wrong$/)]);
  });

  it('tells all that is wrong with entries of one’s own, each with file and line', async () => {
    const file = write(
      'own.yaml',
      entry('house-one', 'modell') +
        entry('house-two', 'task', '  edges: { contains: [house-three] }\n') +
        entry('house-three', 'task', '  edges: { contains: [house-two], uses: [house-one] }\n') +
        `- slug: house-four
  kind: task
  name: { en: Four, zh: 四 }
  summary: { en: An entry., zh: 一个条目。 }
  body:
    en: |
      First line.

      <script>alert(1)</script>
    zh: 正文。
  edges: { uses: [lora] }
`,
    );
    const r = await check(file);
    expect(r.code).toBe(EXIT.refused);
    expect(r.lines).toEqual([
      expect.stringMatching(/own\.yaml:2: kind: Invalid option: expected one of "layer"\|.*"algorithm"/),
      `${file}:26: body.en: HTML is not allowed in Markdown: "<script>alert(1)</script>"`,
      `${file}:6: contains runs in a circle: house-two → house-three → house-two`,
    ]);
    expect(r.err).toBe('problems: 3; entries: 3, files: 1\n');
    expect((await check(file, '--lang', 'zh')).err).toBe('1 个文件、3 个条目中有 3 个问题\n');
    const { lines } = await check(file, '--json');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      object: 'catalog_check',
      files: 1,
      entries: 3,
      problems: [{ file, line: 2, slug: 'house-one' }, { line: 26 }, { line: 6, slug: 'house-two' }],
    });
  });

  it('refuses an entry that takes a slug of the public map', async () => {
    const file = write(
      'shadow.yaml',
      entry('house-one', 'task', '  edges: { uses: [lora] }\n') + entry('lora', 'technique'),
    );
    const r = await check(file);
    expect(r.code).toBe(EXIT.refused);
    expect(r.lines).toEqual([`${file}:7: "lora" is an entry of the public map: give yours another slug`]);
    // and tells the rest, which stands beside the public entry
    const more = write(
      'more.yaml',
      entry('house-one', 'task', '  edges: { uses: [lora, none-such] }\n') + entry('lora', 'technique'),
    );
    expect((await check(more)).lines).toEqual([
      `${more}:7: "lora" is an entry of the public map: give yours another slug`,
      `${more}:1: "house-one" uses "none-such", and there is no entry "none-such"`,
    ]);
  });

  it('checks a folder as a map by itself, and figures against each other', async () => {
    const figure = (value: number, more = ''): string =>
      `  figure: { value: ${value}, unit: { en: models, zh: 个 }, date: '2024', scope: { en: All., zh: 全部。 }, source: src${more} }\n`;
    write('map/b.yaml', entry('one', 'figure', figure(1)) + entry('two', 'figure', figure(2)));
    write(
      'map/below/a.yaml',
      entry('src', 'source') +
        entry('whole', 'figure', figure(4, ', check: { sum: [one, two] }') + '  edges: { contains: [one, two] }\n'),
    );
    write('map/notes.txt', 'not read');
    const map = path.join(dir, 'map');
    const r = await check(map, '--alone');
    expect(r.code).toBe(EXIT.refused);
    // 1 + 2 is not 4; the source is in the references of none
    expect(r.lines).toEqual([
      expect.stringContaining(`${path.join(map, 'below/a.yaml')}:1: "src" hangs in the air`),
      `${path.join(map, 'below/a.yaml')}:6: "whole" says 4, but one + two = 3`,
    ]);
    // the same as the public map that entries stand beside: it must be sound itself
    const own = write('beside.yaml', entry('house-one', 'figure', figure(1)));
    expect((await check(own, '--beside', map)).lines[0]).toContain('below/a.yaml:1: "src" hangs in the air');
  });

  it('says what cannot be read', async () => {
    expect((await check(path.join(dir, 'none.yaml'))).code).toBe(EXIT.usage);
    expect((await check(path.join(dir, 'none.yaml'))).err).toContain('there is no file');
    fs.mkdirSync(path.join(dir, 'empty'));
    expect((await check(path.join(dir, 'empty'))).err).toContain('there is no .yaml file in');
    const notes = write('notes.txt', 'x');
    expect((await check(notes)).lines).toEqual([
      `${notes}: the format of "${notes}" is not known; there are yaml, json, jsonld, csv, graphml`,
    ]);
    fs.writeFileSync(path.join(dir, 'latin.yaml'), Buffer.from([0x2d, 0x20, 0xe9]));
    expect((await check(path.join(dir, 'latin.yaml'))).lines[0]).toMatch(/latin\.yaml: .* is not UTF-8 text$/);
    const broken = write('broken.yaml', entry('a', 'task') + '- slug: [b\n');
    expect((await check(broken, '--alone')).lines[0]).toMatch(/broken\.yaml:\d+: /);
    // by its format, not by its name
    const csv = write('table.txt', 'slug,kind\nx,chore\n');
    expect((await check(csv, '--format', 'csv', '--alone')).lines[0]).toMatch(/table\.txt:2: kind: Invalid option/);
  });
});
