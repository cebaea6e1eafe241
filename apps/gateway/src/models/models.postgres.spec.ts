import { Readable } from 'node:stream';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { FileView, ModelManifest, ModelVersionView, ModelView, Problem } from '@strata/contracts';
import { GraphBuilder, toOnnx, tensor } from '@strata/graph';
import { newId } from '@strata/kernel';
import { zipSync } from 'fflate';
import { Database } from '../db/database.js';
import { FilesService } from '../files/files.service.js';
import { DatasetRegistrar, ModelRegistrar, type OutputOrigin } from '../resources.js';
import { startDatabase, startTestGateway, type TestDatabase, type TestGateway } from '../testing/gateway.js';
import type { LineageGraph } from './lineage.service.js';

let database: TestDatabase;
let gateway: TestGateway;
let tenant: string;
let stranger: string;

beforeAll(async () => {
  database = await startDatabase();
  gateway = await startTestGateway(await database.create(), { UPLOAD_LIMIT_BYTES: '3000000' });
  tenant = (await gateway.call<{ tenant: string }>('GET', '/api/keys/current')).body.tenant;
  stranger = await gateway.tenantKey('stranger');
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await database?.stop();
});

const get = <T>(url: string, key?: string) => gateway.call<T & Problem>('GET', url, key ? { key } : {});
const upload = (bytes: Uint8Array, filename: string): Promise<FileView> =>
  gateway.app.get(FilesService).upload(tenant, { filename, mediaType: undefined }, Readable.from([Buffer.from(bytes)]));

/** y = x · w, with w stored in the file. */
function linear(): Uint8Array {
  const b = new GraphBuilder('linear');
  const x = b.input('x', 'float32', ['N', 2]);
  const w = b.constant(tensor('float32', [2, 1], Float32Array.of(0.5, -1)));
  b.output('y', b.op.MatMul(x, w));
  return toOnnx(b.build());
}

/** The same model, its weights at `location` beside it. Field numbers are those of onnx.proto. */
function withExternalData(location: string): Uint8Array {
  const shape =
    (...dims: (number | string)[]) =>
    (w: BinaryWriter) => {
      for (const d of dims) {
        w.uint32(10).fork();
        if (typeof d === 'number') w.uint32(8).int64(d);
        else w.uint32(18).string(d);
        w.join();
      }
    };
  const value = (w: BinaryWriter, field: number, name: string, dims: (w: BinaryWriter) => void): void => {
    w.uint32(field).fork().uint32(10).string(name).uint32(18).fork().uint32(10).fork().uint32(8).int32(1);
    w.uint32(18).fork();
    dims(w);
    w.join().join().join().join();
  };
  const w = new BinaryWriter();
  w.uint32(8).int64(10);
  w.uint32(58).fork();
  w.uint32(10).fork().uint32(10).string('x').uint32(10).string('w').uint32(18).string('y');
  w.uint32(26).string('m').uint32(34).string('MatMul').join();
  w.uint32(18).string('linear');
  w.uint32(42).fork().uint32(8).int64(2).uint32(8).int64(1).uint32(16).int32(1).uint32(66).string('w');
  w.uint32(106).fork().uint32(10).string('location').uint32(18).string(location).join();
  w.uint32(112).int32(1).join();
  value(w, 90, 'x', shape('N', 2));
  value(w, 98, 'y', shape('N', 1));
  w.join();
  w.uint32(66).fork().uint32(16).int64(21).join();
  return w.finish();
}

const importModel = async (bytes: Uint8Array, filename = 'model.onnx', name = 'imported') =>
  gateway.call<ModelVersionView & Problem>('POST', '/api/models/import', {
    body: { file: (await upload(bytes, filename)).id, name },
  });

const manifest: ModelManifest = {
  format: 'strata-model/1',
  task: 'regression',
  recipe: 'classical/tabular-regressor',
  recipe_version: 1,
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
  labels: null,
  target: 'price',
  preprocess: null,
  metrics: { rmse: 1.5 },
  params: {},
  seed: 7,
  parameters: 2,
  opset: 21,
  ir_version: 10,
  quantization: null,
  card: { en: '# A price', zh: '# 价格' },
};

async function register(origin: Partial<OutputOrigin> = {}): Promise<string> {
  const blob = { sha256: 'ab'.repeat(32), size: 12 };
  return gateway.app.get(Database).transaction((trx) =>
    gateway.app.get(ModelRegistrar).register(
      trx,
      {
        tenantId: tenant,
        jobId: newId('job'),
        recipe: manifest.recipe,
        output: 'model',
        register: 'prices',
        inputs: {},
        at: new Date(),
        ...origin,
      },
      { kind: 'model', files: { 'model.onnx': blob }, manifest },
    ),
  );
}

describe('the registry', () => {
  it('numbers versions of a name, also when they are made at once', async () => {
    await Promise.all(Array.from({ length: 8 }, () => register({ register: 'racing' })));
    const { body } = await get<{ data: ModelVersionView[] }>('/api/models/racing/versions');
    expect(body.data.map((v) => v.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect((await get<ModelView>('/api/models/racing')).body.latest_version).toBe(8);
  });

  it('takes the job’s id as the name when none was given', async () => {
    const jobId = newId('job');
    await register({ register: null, jobId });
    expect((await get<ModelVersionView>(`/api/models/${jobId}/versions/1`)).body.lineage.job).toBe(jobId);
  });

  it('resolves names, numbers, aliases and ids', async () => {
    const ids = [await register({ register: 'ref' }), await register({ register: 'ref' })];
    await gateway.call('PUT', '/api/models/ref/aliases/best', { body: { version: 1 } });
    const registrar = gateway.app.get(ModelRegistrar);
    const id = async (ref: string): Promise<string> => (await registrar.resolve(tenant, ref)).id;
    expect(await id('ref')).toBe(ids[1]);
    expect(await id('ref@latest')).toBe(ids[1]);
    expect(await id('ref@1')).toBe(ids[0]);
    expect(await id('ref@best')).toBe(ids[0]);
    expect(await id(ids[0] ?? '')).toBe(ids[0]);
    for (const ref of ['ref@9', 'ref@worst', 'nothing', newId('modelVersion')])
      await expect(registrar.resolve(tenant, ref)).rejects.toMatchObject({ code: 'not_found' });
    for (const ref of ['../x', "x' or '1'='1", 'a@b@c', 'x y'])
      await expect(registrar.resolve(tenant, ref)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(registrar.resolve('tnt_other', ids[0] ?? '')).rejects.toMatchObject({ code: 'not_found' });
    await expect(registrar.resolve('tnt_other', 'ref')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('moves and deletes aliases', async () => {
    await register({ register: 'al' });
    await register({ register: 'al' });
    const put = (alias: string, version: number) =>
      gateway.call<ModelView & Problem>('PUT', `/api/models/al/aliases/${alias}`, { body: { version } });
    expect((await put('prod', 1)).body.aliases).toEqual({ prod: 1 });
    expect((await put('prod', 2)).body.aliases).toEqual({ prod: 2 });
    expect((await get<ModelVersionView>('/api/models/al/versions/prod')).body.version).toBe(2);
    for (const reserved of ['latest', 'deployed', '7'])
      expect((await put(reserved, 1)).body.code).toBe('invalid_request');
    expect((await put('other', 99)).body.code).toBe('not_found');
    expect((await gateway.call('DELETE', '/api/models/al/aliases/prod')).status).toBe(200);
    expect((await gateway.call('DELETE', '/api/models/al/aliases/prod')).status).toBe(404);
  });

  it('deletes a version only when nothing points to it, and never uses its number again', async () => {
    await register({ register: 'del' });
    await register({ register: 'del' });
    const remove = (v: number) => gateway.call<Problem>('DELETE', `/api/models/del/versions/${v}`);
    await gateway.call('PUT', '/api/models/del/aliases/keep', { body: { version: 2 } });
    expect((await remove(2)).body.code).toBe('conflict');
    await gateway.call('DELETE', '/api/models/del/aliases/keep');
    const { model_id, tenant_id } = await gateway.app
      .get(Database)
      .kysely.selectFrom('model_version as v')
      .innerJoin('model as m', 'm.id', 'v.model_id')
      .select(['v.model_id', 'v.tenant_id'])
      .where('m.name', '=', 'del')
      .executeTakeFirstOrThrow();
    await gateway.app
      .get(Database)
      .kysely.insertInto('deployment')
      .values({ model_id, tenant_id, version: 2 })
      .execute();
    expect((await remove(2)).body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('deployed') });
    await gateway.app.get(Database).kysely.deleteFrom('deployment').where('model_id', '=', model_id).execute();
    expect((await remove(2)).status).toBe(200);
    expect((await get<ModelView>('/api/models/del')).body.latest_version).toBe(1);
    await register({ register: 'del' });
    expect((await get<ModelView>('/api/models/del')).body.latest_version).toBe(3);
  });

  it('does not show another tenant anything', async () => {
    await register({ register: 'private' });
    for (const suffix of [
      '',
      '/versions',
      '/versions/1',
      '/versions/1/card',
      '/versions/1/lineage',
      '/versions/1/files/model.onnx',
    ])
      expect((await get(`/api/models/private${suffix}`, stranger)).body.code).toBe('not_found');
    expect((await get<{ data: ModelView[] }>('/api/models', stranger)).body.data).toEqual([]);
    const alias = await gateway.call<Problem>('PUT', '/api/models/private/aliases/a', {
      key: stranger,
      body: { version: 1 },
    });
    expect(alias.body.code).toBe('not_found');
  });

  it('tells what stands behind a version', async () => {
    const file = await upload(Buffer.from('a,b\n1,2\n3,4\n5,6\n'), 'raw.csv');
    const raw = await gateway.call<{ id: string; file: { sha256: string; size: number }; format: never }>(
      'POST',
      '/api/datasets',
      { body: { file: file.id, name: 'raw' } },
    );
    const cleanJob = newId('job');
    const clean = await gateway.app.get(Database).transaction((trx) =>
      gateway.app.get(DatasetRegistrar).register(
        trx,
        {
          tenantId: tenant,
          jobId: cleanJob,
          recipe: 'data/clean',
          output: 'data',
          register: null,
          inputs: { data: raw.body.id },
          at: new Date(),
        },
        { kind: 'dataset', file: raw.body.file, format: raw.body.format },
      ),
    );
    const [trainJob, smallJob] = [newId('job'), newId('job')];
    const big = await register({ register: 'lin', jobId: trainJob, inputs: { data: clean } });
    const small = await register({
      register: 'lin',
      jobId: smallJob,
      recipe: 'compress/quantize-dynamic',
      inputs: { model: big, calibration: raw.body.id },
    });
    await gateway.call('DELETE', `/api/datasets/${raw.body.id}`);
    const { body } = await get<LineageGraph>('/api/models/lin/versions/2/lineage');
    expect(body).toMatchObject({ root: small, complete: true });
    expect(new Map(body.nodes.map((n) => [n.id, `${n.kind} ${n.label}${n.deleted ? ' deleted' : ''}`]))).toEqual(
      new Map([
        [small, 'model_version lin@2'],
        [smallJob, 'job compress/quantize-dynamic'],
        [big, 'model_version lin@1'],
        [trainJob, 'job classical/tabular-regressor'],
        [clean, 'dataset clean-data'],
        [cleanJob, 'job data/clean'],
        [raw.body.id, 'dataset raw deleted'],
        [file.id, 'file raw.csv'],
      ]),
    );
    expect(body.edges).toHaveLength(8);
    expect(body.edges).toEqual(
      expect.arrayContaining([
        { from: big, to: smallJob, role: 'model' },
        { from: raw.body.id, to: smallJob, role: 'calibration' },
        { from: smallJob, to: small, role: 'model' },
        { from: file.id, to: raw.body.id, role: 'file' },
        { from: cleanJob, to: clean, role: 'data' },
      ]),
    );
  });

  it('gives the model card in both languages', async () => {
    await register({ register: 'card' });
    const en = await get('/api/models/card/versions/1/card');
    expect(en.headers['content-type']).toContain('text/markdown');
    expect(en.text).toMatch(/^# A price\n[^]*## Provenance[^]*seed \| 7/);
    expect((await get('/api/models/card/versions/latest/card?lang=zh')).text).toMatch(/^# 价格\n[^]*## 来源/);
    expect((await get('/api/models/card/versions/1/card?lang=xx')).body.code).toBe('invalid_request');
  });
});

describe('import', () => {
  it('takes a plain ONNX file and describes it', async () => {
    const bytes = linear();
    const { status, body } = await importModel(bytes);
    expect([status, body.detail]).toEqual([201, undefined]);
    expect(body).toMatchObject({
      model: 'imported',
      version: 1,
      manifest: {
        task: 'other',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
        parameters: 2,
        opset: 21,
        ir_version: 10,
      },
    });
    const file = await gateway.app.inject({
      url: '/api/models/imported/versions/1/files/model.onnx',
      headers: { authorization: `Bearer ${gateway.adminKey}` },
    });
    expect(new Uint8Array(file.rawPayload)).toEqual(new Uint8Array(bytes));
  });

  it('takes an archive with its manifest and data files', async () => {
    const weights = new Uint8Array(Float32Array.of(0.5, -1).buffer);
    const archive = zipSync({
      'model.onnx': withExternalData('data/w.bin'),
      'data/w.bin': weights,
      'model.json': Buffer.from(JSON.stringify(manifest)),
    });
    const { status, body } = await importModel(archive, 'model.zip', 'packed');
    expect([status, body.detail]).toEqual([201, undefined]);
    expect(body.manifest).toEqual(manifest);
    expect(Object.keys(body.files).sort()).toEqual(['data/w.bin', 'model.json', 'model.onnx']);
    const part = await gateway.app.inject({
      url: '/api/models/packed/versions/1/files/data/w.bin',
      headers: { authorization: `Bearer ${gateway.adminKey}` },
    });
    expect(new Uint8Array(part.rawPayload)).toEqual(weights);
  });

  const zip = (files: Record<string, Uint8Array>): Uint8Array => zipSync(files);
  it.each<[string, () => Uint8Array, string]>([
    ['text', () => Buffer.from('this is not a model'), 'invalid_onnx'],
    ['random bytes', () => Uint8Array.from({ length: 500 }, (_, i) => (i * 197 + 31) % 256), 'invalid_onnx'],
    ['an empty file', () => new Uint8Array(0), 'invalid_onnx'],
    ['half a model', () => linear().slice(0, 60), 'invalid_onnx'],
    ['weights above its folder', () => withExternalData('../../../etc/passwd'), 'external_data_outside'],
    ['weights at an absolute path', () => withExternalData('/etc/passwd'), 'external_data_outside'],
    ['weights in Windows notation', () => withExternalData('..\\..\\secret'), 'external_data_outside'],
    ['weights that are not there', () => withExternalData('w.bin'), 'invalid_onnx'],
    [
      'weights outside, in an archive',
      () => zip({ 'model.onnx': withExternalData('../upload') }),
      'external_data_outside',
    ],
    [
      'a path upwards in the archive',
      () => zip({ '../evil.txt': Buffer.from('x'), 'model.onnx': linear() }),
      'invalid_model',
    ],
    ['an absolute path in the archive', () => zip({ '/tmp/evil.txt': Buffer.from('x') }), 'invalid_model'],
    ['a backslash in the archive', () => zip({ '..\\evil.txt': Buffer.from('x') }), 'invalid_model'],
    ['an archive without a model', () => zip({ 'readme.md': Buffer.from('x') }), 'invalid_model'],
    ['an archive cut short', () => zip({ 'model.onnx': linear() }).slice(0, 80), 'invalid_model'],
    [
      'a manifest that is none',
      () => zip({ 'model.onnx': linear(), 'model.json': Buffer.from('{"format":1}') }),
      'invalid_model',
    ],
    [
      'a manifest of another model',
      () => zip({ 'model.onnx': linear(), 'model.json': Buffer.from(JSON.stringify({ ...manifest, inputs: [] })) }),
      'invalid_model',
    ],
    ['an archive that swells', () => zip({ 'model.onnx': new Uint8Array(20_000_000) }), 'payload_too_large'],
  ])('refuses %s', async (_, bytes, code) => {
    const { body } = await importModel(bytes(), 'x', 'bad');
    expect(body.code).toBe(code);
    expect((await get('/api/models/bad')).body.code).toBe('not_found');
  });

  it('leaves nothing in the scratch folder, nor outside of it', async () => {
    expect(await readdir(path.join(gateway.config.DATA_DIR, 'scratch'))).toEqual([]);
    expect(await readdir(gateway.config.DATA_DIR)).not.toContain('evil.txt');
  });

  it('refuses a file of another tenant', async () => {
    const file = await upload(linear(), 'model.onnx');
    const answer = await gateway.call<Problem>('POST', '/api/models/import', {
      key: stranger,
      body: { file: file.id, name: 'stolen' },
    });
    expect(answer.body.code).toBe('not_found');
  });
});

describe('names in paths', () => {
  it.each(["x' or '1'='1", '../../admin-key', 'a%00', '', ' '])('%j is refused', async (name) => {
    const answer = await get(`/api/models/${encodeURIComponent(name)}/versions`);
    expect(answer.status).toBeLessThan(500);
    expect(['invalid_request', 'not_found']).toContain(answer.body.code);
  });

  it.each(['..%2f..%2fadmin-key', '../../../../admin-key', '%2fetc%2fpasswd', '__proto__', 'constructor'])(
    'the file %s is not there',
    async (file) => {
      await register({ register: 'files' });
      const answer = await get(`/api/models/files/versions/1/files/${file}`);
      expect(answer.body.code).toBe('not_found');
    },
  );
});
