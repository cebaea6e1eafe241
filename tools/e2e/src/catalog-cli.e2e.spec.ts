import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startStack, type Stack } from '@strata/devstack';
import { adminKey, Client, root } from './client.js';

interface Sink {
  write(s: string | Uint8Array): boolean;
}
type Run = (argv: string[], signal: AbortSignal, streams: { stdout: Sink; stderr: Sink }) => Promise<number>;

/** The command line against a catalog and a gateway that run. */
describe('strata catalog', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'strata-map-'));
  let stack: Stack;
  let api: Client;
  let run: Run;
  const before = { ...process.env };

  beforeAll(async () => {
    stack = await startStack({
      root,
      dataDir: path.join(dir, 'data'),
      durable: false,
      out: 'ignore',
      services: ['catalog', 'gateway'],
      env: { LOG_LEVEL: 'error', CATALOG_IMPORT_LIMIT_BYTES: '100000' },
    });
    api = new Client(stack.url, adminKey(stack.dataDir));
    Object.assign(process.env, { STRATA_URL: stack.url, STRATA_KEY: api.key, STRATA_LANG: 'en', NO_COLOR: '1' });
    ({ run } = (await import(path.join(root, 'apps/cli/src/cli.ts'))) as { run: Run });
  }, 120_000);
  afterAll(async () => {
    process.env = before;
    await stack?.stop();
    fs.rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  /** The command line in this process: a hundred calls would else start a hundred programs. */
  async function catalog(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
    const text = { out: '', err: '' };
    const decoder = new TextDecoder();
    const to = (k: 'out' | 'err') => ({
      write: (s: string | Uint8Array) => (
        (text[k] += typeof s === 'string' ? s : decoder.decode(s, { stream: true })),
        true
      ),
    });
    const code = await run(['catalog', ...argv], new AbortController().signal, {
      stdout: to('out'),
      stderr: to('err'),
    });
    return { code, ...text };
  }
  /** Its own program, as a shell runs it. */
  const program = (...argv: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const main = path.join(root, 'apps/cli/dist/main.js');
      const env = { ...process.env, NODE_OPTIONS: '' };
      execFile(process.execPath, [main, ...argv], { env }, (e, out) => (e ? reject(e) : resolve(out)));
    });
  const write = (name: string, text: string): string => {
    const file = path.join(dir, name);
    fs.writeFileSync(file, text);
    return file;
  };
  const own = (slug: string, more: string): string =>
    `- slug: ${slug}
  kind: task
  name: { en: Name of ${slug}, zh: 名称 ${slug} }
  summary: { en: Ours., zh: 我们的。 }
  body: { en: Ours., zh: 我们的。 }
${more}`;

  it('finds entries in both languages, and says how many there are', async () => {
    const found = await catalog('search', '量化', '--limit', '2', '--mode', 'plain');
    expect(found).toMatchObject({ code: 0 });
    expect(found.out).toMatch(/^entry +kind +name +recipe\nquantization +technique +Quantization/);
    const { total } = await api.ok<{ total: number }>('GET', '/api/catalog/search?q=%E9%87%8F%E5%8C%96&mode=plain');
    expect(total).toBeGreaterThan(2);
    expect(found.err).toBe(`2 of ${total} (by words)\nthe next ones: --offset 2\n`);
    const next = await catalog('search', 'quantization', '--kind', '技术', '--has-recipe', '--lang', 'zh');
    expect(next.out).toMatch(/^条目 +类别 +名称 +配方\n/);
    for (const line of next.out.trim().split('\n').slice(1)) expect(line).toMatch(/^ +\S+\/|技术/);
  });

  it('lists what meets conditions, in either direction of an edge, to the last page', async () => {
    type List = { data: { slug: string; edges: { kind: string; from: string; to: string }[] }[]; has_more: boolean };
    const ask = async (...argv: string[]): Promise<List> => {
      const r = await catalog('list', '--json', ...argv);
      expect(r).toMatchObject({ code: 0, err: '' });
      return JSON.parse(r.out) as List;
    };
    const all = await ask('--all');
    const stats = await api.ok<{ nodes: number }>('GET', '/api/catalog/stats');
    expect(all).toMatchObject({ has_more: false });
    expect(all.data).toHaveLength(stats.nodes);
    // the same told from all entries: parts of deep learning
    const parts = await ask('--where', '~contains:deep-learning', '--all');
    const deep = all.data.find((n) => n.slug === 'deep-learning');
    const direct = deep?.edges.filter((e) => e.kind === 'contains').map((e) => e.to) ?? [];
    expect(direct.length).toBeGreaterThan(3);
    expect(parts.data.map((n) => n.slug)).toEqual(expect.arrayContaining(direct));
    const users = await ask('--where', 'uses:lora', '--all');
    const direct2 = all.data.filter((n) => n.edges.some((e) => e.kind === 'uses' && e.to === 'lora'));
    expect(users.data.map((n) => n.slug)).toEqual(expect.arrayContaining(direct2.map((n) => n.slug)));
    const some = await catalog('list', '--limit', '3');
    expect(some.out.trim().split('\n').length).toBeGreaterThanOrEqual(4);
    expect(some.err).toBe('there are more: --all shows them\n');
  });

  it('shows an entry with its arithmetic, its sources and what runs it', async () => {
    const figure = await catalog('show', 'domestic-share-institutes');
    // 29 of 79, by hand 36.708…
    expect(figure.out).toContain('arithmetic  100 · 29 / 79 = 36.71');
    expect(figure.out).toMatch(/\n {2}source +\S/);
    const lora = await catalog('show', '低秩适配', '--lang', 'zh');
    expect(lora.code).toBe(0);
    expect(lora.out).toContain(' · lora · ');
    expect(lora.out).toMatch(/\n来源\n {2}- Hu, E\. J\..*arXiv:2106\.09685/s);
    expect(lora.out).toMatch(/\n {2}language\/fine-tune .*参考结果 .*运行示例 +strata submit language\/fine-tune/s);
    const raw = JSON.parse((await catalog('show', 'lora', '--json')).out) as Record<string, unknown>;
    const { neighbours, ...node } = raw;
    expect(node).toEqual(await api.ok('GET', '/api/catalog/nodes/lora'));
    expect(neighbours).toEqual((await api.ok<{ data: unknown }>('GET', '/api/catalog/nodes/lora/neighbours')).data);
  });

  it('finds ways and surroundings', async () => {
    const way = await catalog('path', 'lora', 'pytorch');
    expect(way.out).toMatch(/^LoRA \(lora\)\n {2}│ .*PyTorch \(pytorch\)\nedges: \d+\n$/s);
    expect((await catalog('path', 'lora', 'pytorch', '--max-length', '1')).out).toBe(
      'there is no way of length 1 or less\n',
    );
    const around = await catalog('around', 'lora', '--edge', 'applied-in', '--lang', 'zh');
    expect(around.out).toMatch(/^LoRA 低秩适配 \(lora\)\n└ 应用于 {2}微调 \(fine-tuning\)\n$/);
  });

  it('counts, and answers in --json as the API does', async () => {
    for (const [argv, route] of [
      [['stats'], '/api/catalog/stats'],
      [['coverage'], '/api/catalog/coverage'],
      [['insight'], '/api/catalog/insights'],
      [['insight', 'framework-shares'], '/api/catalog/insights/framework-shares'],
      [['around', 'lora'], '/api/catalog/subgraph?slug=lora'],
      [['versions', '--scope', 'public'], '/api/catalog/versions?scope=public'],
    ] as const)
      expect(JSON.parse((await catalog(...argv, '--json')).out)).toEqual(await api.ok('GET', route));
    expect((await catalog('stats', '--lang', 'zh')).out).toMatch(/^\d+ 个条目（其中自有 0 个），\d+ 条关联\n/);
    const { missing } = await api.ok<{ missing: { slug: string }[] }>('GET', '/api/catalog/coverage');
    const rows = (await catalog('coverage', '--missing')).out.split('\n').map((line) => line.split(' ')[0]);
    expect(rows).toEqual(expect.arrayContaining(missing.map((m) => m.slug)));
    expect((await catalog('insight', 'framework-shares')).out).toMatch(/PyTorch \(pytorch\) +34 +% .*█/);
  });

  it('tells what is not there, and what is near', async () => {
    const slug = await catalog('show', 'lorra');
    expect([slug.code, slug.out]).toEqual([5, '']);
    expect(slug.err).toContain('near to it: lora');
    expect((await catalog('show', '低秩适应')).err).toMatch(/no entry is called "低秩适应"; near to it: .*lora/);
    const kind = await catalog('list', '--kind', 'modell');
    expect(kind.code).toBe(6);
    expect(kind.err).toContain('there is no kind of entry "modell"; there are layer, section,');
    const word = await catalog('list', '--kind', '模形', '--lang', 'zh');
    expect(word.code).toBe(2);
    expect(word.err).toContain('没有类别 "模形"；可用类别：layer, section,');
    expect((await catalog('insight', 'none')).err).toContain('there are participants-by-class');
    expect((await catalog('export', '--format', 'pdf')).code).toBe(2);
    expect((await catalog('import', 'none.yaml')).code).toBe(2);
  });

  it('takes entries of one’s own, and keeps their history', async () => {
    const file = write('mine.yaml', own('house-task', '  edges: { uses: [lora] }\n'));
    const dry = await catalog('import', file, '--dry-run');
    expect(dry).toMatchObject({
      code: 0,
      out: '+ house-task\nwould be: 1 added, 0 changed, 0 removed; nothing was changed\n',
    });
    expect((await catalog('list', '--private')).out).toBe('nothing there yet\n');
    expect((await catalog('import', file, '--note', 'first')).out).toContain('version 1: 1 added');
    write('mine.yaml', own('house-task', '  tags: [house]\n  edges: { uses: [lora] }\n'));
    expect((await catalog('import', file, '--lang', 'zh')).out).toBe('~ house-task\n版本 2：新增 0，修改 1，删除 0\n');
    expect((await catalog('diff', '1', '2')).out).toMatch(/^~ house-task\n {4}tags {2}- \[\]\n +\+ \["house"\]\n$/);
    expect((await catalog('versions')).out).toMatch(/\n2 .* \+0 ~1 -0 .*\n1 .* \+1 ~0 -0 .* first\n$/);
    expect((await catalog('revert', '1')).out).toBe('version 3: as at version 1\n');
    expect((await catalog('diff', '1', '3')).out).toBe('nothing differs\n');
    expect((await catalog('revert', '99')).code).toBe(5);
  }, 60_000);

  it('writes them in every format, and reads each again as the same entries', async () => {
    for (const format of ['yaml', 'json', 'jsonld', 'csv', 'graphml']) {
      const out = path.join(dir, `own.${format}`);
      expect((await catalog('export', '--private', '--format', format, '--out', out)).out).toMatch(/^written to .*own/);
      const again = await catalog('import', out, '--dry-run');
      expect({ format, out: again.out }).toEqual({
        format,
        out: 'would be: 0 added, 0 changed, 0 removed; nothing was changed\n',
      });
      expect((await catalog('check', out)).code).toBe(0);
    }
    expect(fs.readdirSync(dir).filter((f) => f.endsWith('.part'))).toEqual([]);
    expect((await catalog('export', '--private', '--format', 'csv')).out).toMatch(/^slug,kind,.*\nhouse-task,task,/);
  }, 120_000);

  it('refuses a file that is wrong or too large', async () => {
    const file = write('wrong.yaml', own('lora', ''));
    const wrong = await catalog('import', file);
    expect(wrong.code).toBe(6);
    expect(wrong.err).toContain(`each with its line: strata catalog check ${file}\n`);
    expect(wrong.err).toContain('wrong.yaml:1: "lora" is an entry of the public map');
    // the check on this machine says the same
    const checked = await catalog('check', file);
    expect([checked.code, checked.out]).toEqual([
      6,
      `${file}:1: "lora" is an entry of the public map: give yours another slug\n`,
    ]);
    const large = await catalog('import', write('large.yaml', `# ${'x'.repeat(100_000)}\n`));
    expect(large.code).toBe(6);
    expect(large.err).toContain('error [payload_too_large]');
    expect(large.err).toContain('CATALOG_IMPORT_LIMIT_BYTES');
    expect((await catalog('import', write('notes.txt', 'x'))).err).toContain(
      'there are yaml, json, jsonld, csv, graphml',
    );
  });

  it('takes suggestions, and decides them once', async () => {
    const broken = await catalog('suggest', write('chore.yaml', own('house-chore', '').replace('task', 'chore')));
    expect(broken.code).toBe(6);
    expect(broken.out).toMatch(/chore\.yaml:2: kind: /);
    const file = write('good.yaml', own('house-idea', '  edges: { uses: [lora] }\n'));
    const made = await catalog('suggest', file, '--comment', '请加入');
    const id = /^suggested house-idea: (sug_\w+)\n$/.exec(made.out)?.[1] ?? '';
    expect(id).not.toBe('');
    expect((await catalog('suggestions', '--state', 'pending', '--lang', 'zh')).out).toMatch(
      new RegExp(`${id} +待定 +house-idea +条目 .* 请加入`),
    );
    expect((await catalog('decide', id, 'approve')).out).toBe(`${id} is approved\nit made version 4\n`);
    expect((await catalog('decide', id, 'reject')).err).toContain('is decided already');
    expect((await catalog('show', 'house-idea')).out).toContain(' · your own');
    const removal = await catalog('suggest', '--remove', 'house-idea', '--json');
    expect(JSON.parse(removal.out)).toMatchObject({ object: 'catalog_suggestion', entry: null, slug: 'house-idea' });
    expect((await catalog('suggest')).code).toBe(2);
  });

  it('completes what the catalog knows', async () => {
    const complete = async (...words: string[]): Promise<string[]> =>
      (await program('--get-yargs-completions', 'catalog', ...words)).trim().split('\n');
    expect(await complete('')).toEqual(expect.arrayContaining(['search', 'check', 'decide']));
    const nodes = (await catalog('list', '--all', '--json')).out;
    const slugs = (JSON.parse(nodes) as { data: { slug: string }[] }).data.map((n) => n.slug);
    expect(await complete('show', 'quantiz')).toEqual(slugs.filter((s) => s.startsWith('quantiz')));
    expect(await complete('show', 'lora')).toContain('lora');
    expect(await complete('path', 'lora', 'pytorc')).toContain('pytorch');
    expect(await complete('insight', '')).toContain('framework-shares');
    // what is completed is not done: the deeds below would all succeed
    const file = write('tab.yaml', own('house-tab', '  edges: { uses: [lora] }\n'));
    const versions = (await catalog('versions', '--json')).out;
    const id = /sug_\w+/.exec((await catalog('suggest', file)).out)?.[0] ?? '';
    expect(await complete('decide', '')).toContain(id);
    expect(await complete('decide', id, 'approve', '--rea')).toContain('--reason');
    await complete('decide', id, 'approve');
    expect(await complete('import', file, '--me')).toContain('--merge');
    await complete('import', file);
    expect((await catalog('versions', '--json')).out).toBe(versions);
    expect((await catalog('suggestions', '--state', 'pending')).out).toContain(id);
  }, 120_000);

  it('says when an answer is from memory, in one line', async () => {
    const before = await catalog('show', 'adam');
    await stack.service('catalog').stop();
    const kept = await catalog('show', 'adam');
    expect([kept.code, kept.out]).toEqual([0, before.out]);
    expect(kept.err).toMatch(/^the catalog is away: this answer is from memory, .* old\n$/);
    expect((await catalog('show', 'adam', '--lang', 'zh')).err).toMatch(/^图谱服务暂时不可用：.*\n$/);
    expect((await catalog('search', 'never asked before')).code).toBe(3);
    expect((await catalog('import', path.join(dir, 'mine.yaml'))).code).toBe(3);
  }, 60_000);
});
