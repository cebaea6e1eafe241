import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { catalog } from '@strata/contracts/grpc';
import { startPostgres, type Postgres } from '@strata/devstack';
import { parseContent } from '@strata/map';
import { ownEntry, SMALL, small } from '../testing/content.js';
import { ask, startTestCatalog, type TestCatalog } from '../testing/service.js';

let dir: string;
let postgres: Postgres;
let service: TestCatalog;
const call = (): TestCatalog['client']['call'] => service.client.call;

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'strata-catalog-pg-'));
  postgres = await startPostgres({ dataDir: path.join(dir, 'pg'), durable: false });
  service = await startTestCatalog(small(), [], { DATABASE_URL: postgres.url });
}, 60_000);
afterAll(async () => {
  await service?.stop();
  await postgres?.stop();
  await rm(dir, { recursive: true, force: true });
});

const upload = (
  tenant: string,
  text: string,
  more: Partial<catalog.ImportRequest> = {},
): Promise<catalog.ImportResponse> =>
  call().importOverlay(
    {
      tenant,
      actor: 'key_1',
      format: '',
      filename: 'own.yaml',
      content: Buffer.from(text),
      merge: false,
      dryRun: false,
      note: '',
      ...more,
    },
    { deadlineMs: 60_000 },
  );
const own = async (tenant: string): Promise<string[]> =>
  (await call().listNodes(ask.list({ privateOnly: true }, { tenant }))).nodes.map((n) => n.slug);

describe('entries of one’s own', () => {
  it('are seen by their tenant alone, in every kind of question', async () => {
    const { version, added } = await upload('a', ownEntry('mine') + ownEntry('yours', 'edges: { contains: [mine] }'));
    expect(added).toEqual(['mine', 'yours']);
    expect(version).toMatchObject({ number: 1, actor: 'key_1', entries: 2, added: 2, changed: 0, removed: 0 });

    expect(await call().getNode(ask.get('mine', 'a'))).toMatchObject({ private: true, name: { zh: '我的 mine' } });
    expect((await call().neighbours({ slug: 'lora', edgeKind: 'uses', tenant: 'a' })).neighbours).toHaveLength(2);
    expect((await call().search(ask.search('mine', { tenant: 'a' }))).hits[0]?.node?.slug).toBe('mine');
    const way = await call().path({ from: 'yours', to: 'transformer', maxLength: 0, edgeKinds: [], tenant: 'a' });
    expect(way.nodes.map((n) => n.slug)).toEqual(['yours', 'mine', 'lora', 'transformer']);
    expect(await call().stats({ tenant: 'a' })).toMatchObject({ privateNodes: 2 });

    for (const tenant of ['', 'b']) {
      await expect(call().getNode(ask.get('mine', tenant))).rejects.toMatchObject({ code: 'not_found' });
      expect((await call().search(ask.search('mine', { tenant }))).hits.map((h) => h.node?.slug)).not.toContain('mine');
      expect((await call().neighbours({ slug: 'lora', edgeKind: 'uses', tenant })).neighbours).toHaveLength(1);
      expect(await own(tenant)).toEqual([]);
    }
  });

  it('are replaced by a file, or joined with it', async () => {
    await upload('r', ownEntry('one') + ownEntry('two'));
    expect(await upload('r', ownEntry('three'), { merge: true })).toMatchObject({ added: ['three'], removed: [] });
    expect(await own('r')).toEqual(['one', 'three', 'two']);
    const changed = ownEntry('one').replace('One of mine', 'Changed');
    expect(await upload('r', changed)).toMatchObject({ added: [], changed: ['one'], removed: ['three', 'two'] });
    expect(await own('r')).toEqual(['one']);
    // the same again makes no version
    expect((await upload('r', changed)).version?.number).toBe(3);
  });

  it('are only checked by a dry run', async () => {
    expect(await upload('d', ownEntry('one'), { dryRun: true })).toMatchObject({ version: undefined, added: ['one'] });
    expect(await own('d')).toEqual([]);
    expect((await call().listVersions({ tenant: 'd', before: 0, limit: 0 })).versions).toEqual([]);
  });

  it.each([
    [
      'a slug of the public map',
      ownEntry('lora', ''),
      /own\.yaml:1: "lora" is an entry of the public map: give yours another/,
    ],
    [
      'an edge into nothing',
      ownEntry('x', 'edges: { uses: [gone] }'),
      /own\.yaml:1: "x" uses "gone", and there is no entry/,
    ],
    [
      'a name of the public map',
      ownEntry('x').replace('en: x', 'en: LORA'),
      /own\.yaml:1: the name or alias "lora" of "x" is also/,
    ],
    [
      'a circle',
      ownEntry('x', 'edges: { contains: [y] }') + ownEntry('y', 'edges: { contains: [x] }'),
      /runs in a circle: x → y → x/,
    ],
    [
      'a script',
      ownEntry('x').replace('body: { en: One of mine.', 'body: { en: "<script>x</script>"'),
      /own\.yaml:5: body\.en: HTML/,
    ],
    ['an unknown kind', ownEntry('x').replace('kind: task', 'kind: thing'), /own\.yaml:2: kind/],
    ['broken YAML', '- slug: [', /own\.yaml:1/],
  ])('are refused as a whole: %s', async (_, text, message) => {
    await upload('bad', ownEntry('good'));
    const before = await own('bad');
    await expect(upload('bad', ownEntry('another') + text, { merge: true })).rejects.toMatchObject({
      code: 'invalid_data',
      // the line is that of the file, behind the entry that is right
      message: expect.stringMatching(
        new RegExp(message.source.replace(/own\\\.yaml:(\d+)/, (_m, n: string) => `own\\.yaml:${Number(n) + 6}`)),
      ),
    });
    expect(await own('bad')).toEqual(before);
  });

  it('stay through a restart, and another catalog sees what this one changed', async () => {
    const other = await startTestCatalog(small(), [], { DATABASE_URL: postgres.url });
    await upload('two', ownEntry('first'));
    expect((await other.client.call.getNode(ask.get('first', 'two'))).private).toBe(true);
    await upload('two', ownEntry('second'), { merge: true });
    for (let i = 0; ; i++) {
      const seen = await other.client.call.listNodes(ask.list({ privateOnly: true }, { tenant: 'two' }));
      if (seen.nodes.length === 2) break;
      expect(i).toBeLessThan(100);
      await new Promise((r) => setTimeout(r, 50));
    }
    await other.stop();
  });

  it('tell those who watch', async () => {
    const stream = service.client.answers('watch', { tenant: 'w' });
    const heard: catalog.Change[] = [];
    stream.on('data', (c: catalog.Change) => heard.push(c)).on('error', () => undefined);
    while (heard.length < 1) await new Promise((r) => setTimeout(r, 10));
    await upload('w', ownEntry('news'));
    while (heard.length < 2) await new Promise((r) => setTimeout(r, 10));
    expect(heard[1]).toMatchObject({ added: ['news'], changed: [], removed: [] });
    expect(heard[1]?.version).not.toBe(heard[0]?.version);
    stream.cancel();
  });
});

describe('history', () => {
  it('lists versions newest first, tells what changed, and goes back', async () => {
    await upload('h', ownEntry('one') + ownEntry('two'), { note: 'the beginning' });
    await upload('h', ownEntry('one').replace('One of mine', 'Changed') + ownEntry('three'));
    const { versions, hasMore } = await call().listVersions({ tenant: 'h', before: 0, limit: 1 });
    expect([versions.map((v) => v.number), hasMore]).toEqual([[2], true]);
    const older = await call().listVersions({ tenant: 'h', before: 2, limit: 5 });
    expect(older.versions).toMatchObject([{ number: 1, note: 'the beginning', added: 2 }]);

    const { changes } = await call().diffVersions({ tenant: 'h', from: 1, to: 2 });
    expect(changes.map((c) => `${c.change} ${c.slug}`)).toEqual(['changed one', 'added three', 'removed two']);
    expect(changes[0]?.fields).toEqual([{ field: 'summary.en', before: '"One of mine."', after: '"Changed."' }]);

    expect(await call().revertOverlay({ tenant: 'h', actor: 'key_2', number: 1 })).toMatchObject({
      number: 3,
      actor: 'key_2',
      note: 'back to version 1',
    });
    expect(await own('h')).toEqual(['one', 'two']);
    expect((await call().diffVersions({ tenant: 'h', from: 1, to: 3 })).changes).toEqual([]);
    await expect(call().revertOverlay({ tenant: 'h', actor: '', number: 9 })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(call().diffVersions({ tenant: 'other', from: 0, to: 1 })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('notes each state of the public map once', async () => {
    const changed = parseContent(SMALL.replace('Attention over a sequence., zh', 'Only attention., zh'), 'small.yaml');
    const known = async (): Promise<number> =>
      (await call().listVersions({ tenant: '', before: 0, limit: 0 })).versions.length;
    const before = await known();
    const again = await startTestCatalog(small(), [], { DATABASE_URL: postgres.url });
    const next = await startTestCatalog(changed, [], { DATABASE_URL: postgres.url });
    while ((await known()) < before + 1) await new Promise((r) => setTimeout(r, 20));
    const [newest, last] = (await call().listVersions({ tenant: '', before: 0, limit: 2 })).versions;
    expect(newest).toMatchObject({ added: 0, changed: 1, removed: 0 });
    const { changes } = await call().diffVersions({ tenant: '', from: last?.number ?? 0, to: newest?.number ?? 0 });
    expect(changes.map((c) => c.slug)).toEqual(['transformer']);
    await again.stop();
    await next.stop();
  });

  it('many changes at once end one behind the other, and none is lost', async () => {
    const names = Array.from({ length: 5 }, (_, i) => `entry-${i}`);
    await Promise.all(names.map((n) => upload('many', ownEntry(n), { merge: true })));
    expect(await own('many')).toEqual(names);
    const { versions } = await call().listVersions({ tenant: 'many', before: 0, limit: 0 });
    expect(versions.map((v) => v.number)).toEqual([5, 4, 3, 2, 1]);
  });
});

describe('suggestions', () => {
  const entry = (slug: string, more = {}): string =>
    JSON.stringify({
      slug,
      kind: 'task',
      name: { en: slug, zh: `建议 ${slug}` },
      summary: { en: 'Suggested.', zh: '建议的条目。' },
      body: { en: 'Suggested.', zh: '建议的条目。' },
      edges: { uses: ['lora'] },
      ...more,
    });
  const suggest = (entryJson: string, slug = ''): Promise<catalog.Suggestion> =>
    call().suggest({ tenant: 's', actor: 'key_3', entryJson, slug, comment: 'please' });
  const decide = (id: string, approve: boolean, tenant = 's'): Promise<catalog.Suggestion> =>
    call().decideSuggestion({ tenant, actor: 'key_admin', id, approve, reason: 'because' });

  it('wait, are approved into a version, or rejected, each once', async () => {
    const [yes, no] = [await suggest(entry('good')), await suggest(entry('poor'))];
    expect(yes).toMatchObject({ state: 'pending', slug: 'good', actor: 'key_3', version: 0 });
    expect(await own('s')).toEqual([]);
    expect(await decide(yes.id, true)).toMatchObject({ state: 'approved', decidedBy: 'key_admin', version: 1 });
    expect(await decide(no.id, false)).toMatchObject({ state: 'rejected', reason: 'because', version: 0 });
    expect(await own('s')).toEqual(['good']);
    for (const id of [yes.id, no.id]) await expect(decide(id, true)).rejects.toMatchObject({ code: 'conflict' });
    expect(await own('s')).toEqual(['good']);
    const { suggestions } = await call().listSuggestions({ tenant: 's', state: 'approved', after: '', limit: 0 });
    expect(suggestions.map((s) => s.id)).toEqual([yes.id]);
  });

  it('can be to remove an entry', async () => {
    const { id } = await suggest('', 'good');
    await decide(id, true);
    expect(await own('s')).toEqual([]);
    await expect(suggest('', 'good')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('of what does not hold together are refused, then and when they are decided', async () => {
    await expect(suggest(entry('lora'))).rejects.toMatchObject({ message: expect.stringContaining('public map') });
    await expect(suggest(entry('x', { kind: 'thing' }))).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringContaining('kind'),
    });
    const late = await suggest(entry('late', { name: { en: 'Taken', zh: '占用' } }));
    await upload('s', ownEntry('first').replace('en: first', 'en: Taken'));
    await expect(decide(late.id, true)).rejects.toMatchObject({ code: 'invalid_data' });
    const { suggestions } = await call().listSuggestions({ tenant: 's', state: 'pending', after: '', limit: 0 });
    expect(suggestions.map((s) => s.id)).toEqual([late.id]);
  });

  it('of another tenant are not there', async () => {
    const { id } = await suggest(entry('private-thought'));
    await expect(decide(id, true, 'other')).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('export', () => {
  const exported = async (request: catalog.ExportRequest): Promise<{ head: catalog.Piece; text: string }> => {
    const pieces: catalog.Piece[] = [];
    for await (const piece of service.client.answers('export', request)) pieces.push(piece as catalog.Piece);
    return { head: pieces[0] as catalog.Piece, text: Buffer.concat(pieces.map((p) => p.data)).toString('utf8') };
  };

  it('holds the public map with the tenant’s entries, or these alone, and is read again', async () => {
    await upload('e', ownEntry('exported'));
    const all = await exported({ format: 'json', tenant: 'e', privateOnly: false });
    expect(all.head).toMatchObject({ contentType: 'application/json; charset=utf-8', filename: 'strata-map.json' });
    const { entries } = JSON.parse(all.text) as { entries: { slug: string }[] };
    expect(entries).toHaveLength(small().entries.length + 1);
    for (const format of ['json', 'jsonld', 'csv', 'graphml']) {
      const { text } = await exported({ format, tenant: 'e', privateOnly: true });
      expect(await upload(`copy-${format}`, text, { format })).toMatchObject({ added: ['exported'] });
    }
    await expect(exported({ format: 'pdf', tenant: '', privateOnly: false })).rejects.toMatchObject({ code: 3 });
  });
});
