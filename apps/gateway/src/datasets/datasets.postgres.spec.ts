import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { zipSync } from 'fflate';
import type { DatasetView, FileView, Problem, TaskSuggestion } from '@strata/contracts';
import { newId } from '@strata/kernel';
import { Database } from '../db/database.js';
import { FilesService } from '../files/files.service.js';
import { DatasetRegistrar } from '../resources.js';
import { startDatabase, startTestGateway, type TestDatabase, type TestGateway } from '../testing/gateway.js';
import { Readable } from 'node:stream';

let database: TestDatabase;
let gateway: TestGateway;
let tenant: string;
let stranger: string;

beforeAll(async () => {
  database = await startDatabase();
  gateway = await startTestGateway(await database.create());
  tenant = (await gateway.call<{ tenant: string }>('GET', '/api/keys/current')).body.tenant;
  stranger = await gateway.tenantKey('stranger');
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await database?.stop();
});

const file = (content: string | Buffer, filename: string): Promise<FileView> =>
  gateway.app
    .get(FilesService)
    .upload(tenant, { filename, mediaType: 'text/csv' }, Readable.from([Buffer.from(content)]));

async function create(content: string | Buffer, filename = 'people.csv', body: Record<string, unknown> = {}) {
  return gateway.call<DatasetView & Problem>('POST', '/api/datasets', {
    body: { file: (await file(content, filename)).id, ...body },
  });
}

const lines = (n: number): string =>
  Array.from({ length: n }, (_, i) => `${i},${20 + (i % 50)},${i % 3 ? 'yes' : 'no'},"note ${i}\nof two lines"`).join(
    '\n',
  );
const PEOPLE = `id,age,member,note\n${lines(60)}\n`;

describe('a dataset', () => {
  it('is described from its file', async () => {
    const { status, body } = await create(PEOPLE, 'my people (2).csv');
    expect(status).toBe(201);
    expect(body).toMatchObject({
      object: 'dataset',
      name: 'my-people-2',
      format: { format: 'csv', delimiter: ',', header: true, rows: 60 },
      source: { job: null },
    });
    expect(body.format.columns.map((c) => [c.name, c.type])).toEqual([
      ['id', 'id'],
      ['age', 'number'],
      ['member', expect.stringMatching(/category|boolean/)],
      ['note', expect.any(String)],
    ]);
    expect((await gateway.call('GET', `/api/datasets/${body.id}`)).body).toEqual(body);
  });

  it('is plain text, line by line', async () => {
    const { status, body } = await create('白日依山尽，\n\n黄河入海流。\n', '诗.txt');
    expect([status, body.format.format, body.format.rows]).toEqual([201, 'text', 2]);
    const preview = await gateway.call<{ columns: string[]; rows: string[][] }>(
      'GET',
      `/api/datasets/${body.id}/preview`,
    );
    expect(preview.body).toMatchObject({ columns: ['text'], rows: [['白日依山尽，'], ['黄河入海流。']] });
    const asked = await create('a,b\n1,2\n', 'table.csv', { format: 'text' });
    expect(asked.body.format).toMatchObject({ format: 'text', rows: 2 });
    expect((await create(Buffer.from('ok\n\xe9\n', 'latin1'), 'latin.txt')).body).toMatchObject({
      code: 'invalid_data',
      where: { line: 2 },
    });
  });

  it('is an archive of pictures, which is recognised', async () => {
    const idx = (dims: number[], data: number[]): Uint8Array =>
      Uint8Array.from([0, 0, 8, dims.length, ...dims.flatMap((d) => [0, 0, 0, d]), ...data]);
    const archive = zipSync({
      'a-images-idx3-ubyte': idx([2, 1, 2], [1, 2, 3, 4]),
      'a-labels-idx1-ubyte': idx([2], [7, 8]),
    });
    const { status, body } = await create(Buffer.from(archive), 'pictures.zip');
    expect([status, body.format.format, body.format.rows]).toEqual([201, 'images', 2]);
    const preview = await gateway.call('GET', `/api/datasets/${body.id}/preview?rows=1`);
    expect(preview.body).toMatchObject({ columns: ['image', 'label'], rows: [['a-images-idx3-ubyte#0', '7']] });
    const asked = await gateway.call('POST', `/api/datasets/${body.id}/suggest`, { body: { target: 'label' } });
    expect(asked.body).toMatchObject({ task: 'image-classification', recipe: 'vision/image-classifier' });
    const broken = await create(Buffer.from(zipSync({ 'cat/x.png': Uint8Array.of(1, 2, 3) })), 'broken.zip');
    expect(broken.body).toMatchObject({ code: 'invalid_data', where: { file: 'broken.zip/cat/x.png' } });
  });

  it('shows its first rows, also of a long and of a packed file', async () => {
    const { body } = await create(PEOPLE);
    const preview = await gateway.call<{ columns: string[]; rows: (string | null)[][] }>(
      'GET',
      `/api/datasets/${body.id}/preview?rows=2`,
    );
    expect(preview.body.columns).toEqual(['id', 'age', 'member', 'note']);
    expect(preview.body.rows).toEqual([
      ['0', '20', 'no', 'note 0\nof two lines'],
      ['1', '21', 'yes', 'note 1\nof two lines'],
    ]);

    const long = `id,age,member,note\n${lines(60_000)}\n`;
    expect(long.length).toBeGreaterThan(2 << 20);
    for (const content of [long, gzipSync(long)]) {
      const big = await create(content);
      expect(big.body.format.rows).toBe(60_000);
      const head = await gateway.call<{ rows: unknown[] }>('GET', `/api/datasets/${big.body.id}/preview?rows=1000`);
      expect(head.body.rows).toHaveLength(1000);
      expect(head.body.rows[999]).toEqual(['999', '69', 'no', 'note 999\nof two lines']);
    }
  }, 30_000);

  it('suggests what can be learned', async () => {
    const { body } = await create(PEOPLE);
    const suggest = (target: string) =>
      gateway.call<TaskSuggestion & Problem>('POST', `/api/datasets/${body.id}/suggest`, { body: { target } });
    expect((await suggest('age')).body).toMatchObject({ task: 'tabular-regression' });
    expect((await suggest('member')).body).toMatchObject({ recipe: expect.any(String) });
    const missing = await suggest('wages');
    expect(missing.status).toBe(422);
    expect(missing.body.code).toBe('unknown_column');
    expect(missing.body.detail).toContain('"age"');
  });

  it('can be downloaded, listed and deleted', async () => {
    const { body } = await create('a,b\n1,x\n2,y\n3,x\n', 'small.csv', { name: 'small' });
    const content = await gateway.call('GET', `/api/datasets/${body.id}/content`);
    expect(content.text).toBe('a,b\n1,x\n2,y\n3,x\n');
    expect(content.headers['content-disposition']).toContain('small.csv');
    const list = await gateway.call<{ data: DatasetView[] }>('GET', '/api/datasets?limit=1');
    expect(list.body.data.map((d) => d.id)).toEqual([body.id]);
    expect((await gateway.call('DELETE', `/api/datasets/${body.id}`)).status).toBe(200);
    expect((await gateway.call('GET', `/api/datasets/${body.id}`)).status).toBe(404);
  });

  it('of another tenant is not there, and neither is its file', async () => {
    const { body } = await create(PEOPLE);
    for (const suffix of ['', '/preview', '/content'])
      expect((await gateway.call('GET', `/api/datasets/${body.id}${suffix}`, { key: stranger })).status).toBe(404);
    const other = await file(PEOPLE, 'p.csv');
    const stolen = await gateway.call<Problem>('POST', '/api/datasets', { key: stranger, body: { file: other.id } });
    expect(stolen.body.code).toBe('not_found');
    await expect(gateway.app.get(DatasetRegistrar).resolve('tnt_other', body.id)).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('of a job keeps where it came from', async () => {
    const { body } = await create(PEOPLE);
    const registrar = gateway.app.get(DatasetRegistrar);
    const id = await gateway.app.get(Database).transaction((trx) =>
      registrar.register(
        trx,
        {
          tenantId: tenant,
          jobId: newId('job'),
          recipe: 'data/clean',
          output: 'data',
          register: null,
          inputs: { data: body.id },
          at: new Date(),
        },
        { kind: 'dataset', file: body.file, format: body.format },
      ),
    );
    const made = await gateway.call<DatasetView>('GET', `/api/datasets/${id}`);
    expect(made.body).toMatchObject({ name: 'clean-data', source: { file: null, output: 'data' } });
    expect(await registrar.resolve(tenant, id)).toEqual({ kind: 'dataset', id, file: body.file, format: body.format });
  });
});

describe('bad data is refused with its place', () => {
  it.each([
    ['a line with too few fields', 'a,b,c\n1,2,3\n4,5\n6,7,8\n', { line: 3 }],
    ['a quote that never closes', 'a,b\n1,"two, three\n3,4\n', { line: 2 }],
    [
      'a word in a column of numbers',
      `a,b\n${Array.from({ length: 300 }, (_, i) => `${i},${i * 2}`).join('\n')}\n7,oops\n`,
      { line: 302, column: 'b' },
    ],
    ['two columns of one name', 'a,a\nx,y\n1,2\n', { line: 1, column: 'a' }],
  ])('%s', async (_, content, where) => {
    const { status, body } = await create(content, 'broken.csv', { header: true });
    expect([status, body.code]).toEqual([422, 'invalid_data']);
    expect(body.where).toMatchObject({ file: 'broken.csv', ...where });
    expect(body.detail).toContain(String(where.line));
  });

  it.each([
    ['broken JSON', '{"a":1}\n{"a":\n', 'invalid_data'],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1'), 'invalid_data'],
    ['not UTF-8', Buffer.from('a,b\n1,\xff\xfe\xfd\n', 'latin1'), 'invalid_data'],
    ['nothing', '', 'empty_data'],
    ['a header alone', 'name,age\n', 'empty_data'],
  ])('%s', async (_, content, code) => {
    const { status, body } = await create(content, 'broken.jsonl');
    expect([status, body.code]).toEqual([422, code]);
  });

  it('a type for a column that is not there', async () => {
    const { body } = await create('a,b\n1,2\n3,4\n', 'x.csv', { types: { wages: 'number' } });
    expect(body).toMatchObject({ code: 'unknown_column', where: { column: 'wages' } });
  });

  it('and nothing is left in the scratch folder', async () => {
    expect(await readdir(path.join(gateway.config.DATA_DIR, 'scratch'))).toEqual([]);
  });

  it.each(["ds_x'; drop table gateway.dataset; --", '../../admin-key', 'ds_%00'])('the id %s', async (id) => {
    const answer = await gateway.call<Problem>('GET', `/api/datasets/${encodeURIComponent(id)}`);
    expect(answer.body.code).toBe('invalid_request');
    expect((await gateway.call('GET', '/api/datasets')).status).toBe(200);
  });
});
