import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { DeploymentView, ModelManifest, PredictResponse, Problem } from '@strata/contracts';
import { inference } from '@strata/contracts/grpc';
import { newId, StrataError } from '@strata/kernel';
import { createGrpcServer, createLogger, type GrpcServer, type Implementation } from '@strata/service-kit';
import { inferResponse, requestTensors } from '@strata/serving/protocol';
import { Database } from '../db/database.js';
import { json } from '../db/json.js';
import { ModelRegistrar } from '../resources.js';
import {
  SERVICE_TOKEN,
  startDatabase,
  startTestGateway,
  type TestDatabase,
  type TestGateway,
} from '../testing/gateway.js';

/** An inference worker that answers what it is asked: price = 2 · size for houses, the length of the text for mails. */
interface Worker {
  readonly address: string;
  readonly loaded: Map<string, string>;
  readonly asked: string[];
  stop(): Promise<void>;
}

async function startWorker(): Promise<Worker> {
  const loaded = new Map<string, string>();
  const asked: string[] = [];
  const parameter = (request: { parameters: Record<string, inference.ModelRepositoryParameter> }, name: string) =>
    String(request.parameters[name]?.parameterChoice?.value ?? '');
  const refuse = async (): Promise<never> => {
    throw new StrataError('internal', 'not asked for in these tests');
  };
  const methods: Implementation<typeof inference.GRPCInferenceServiceService> = {
    serverLive: refuse,
    serverReady: refuse,
    serverMetadata: refuse,
    modelMetadata: refuse,
    repositoryIndex: refuse,
    modelReady: async ({ name }) => ({ ready: loaded.has(name) }),
    repositoryModelLoad: async (request) => {
      const files = parameter(request, 'files');
      if (files.includes('"broken.onnx"')) throw new StrataError('invalid_onnx', 'the model cannot be opened');
      loaded.set(request.modelName, files);
      return {};
    },
    repositoryModelUnload: async ({ modelName }) => {
      loaded.delete(modelName);
      return {};
    },
    modelInfer: async (request) => {
      if (!loaded.has(request.modelName))
        throw new StrataError('not_found', `model "${request.modelName}" is not loaded`);
      asked.push(request.modelName);
      const inputs = requestTensors(request);
      const call = { model: request.modelName, version: request.modelVersion, id: request.id, raw: true };
      const text = inputs['text'];
      const parameters = { compute_ms: { parameterChoice: { $case: 'doubleParam' as const, value: 1.25 } } };
      if (!text) {
        const size = inputs['size']?.data as Float32Array;
        const prediction = { dtype: 'float32' as const, dims: [size.length], data: size.map((x) => 2 * x) };
        return { ...inferResponse(call, { prediction }), parameters };
      }
      const long = (text.data as string[]).map((t) => t.length > 5);
      return inferResponse(call, {
        label: { dtype: 'string', dims: [long.length], data: long.map((l) => (l ? 'long' : 'short')) },
        probabilities: {
          dtype: 'float32',
          dims: [long.length, 2],
          data: Float32Array.from(long.flatMap((l) => (l ? [0.25, 0.75] : [0.75, 0.25]))),
        },
      });
    },
  };
  const server: GrpcServer = createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    token: SERVICE_TOKEN,
    log: createLogger('inference', 'silent'),
  });
  server.add(inference.GRPCInferenceServiceService, methods);
  const port = await server.listen();
  return { address: `127.0.0.1:${port}`, loaded, asked, stop: () => server.close(0) };
}

const base: ModelManifest = {
  format: 'strata-model/1',
  task: 'regression',
  recipe: 'classical/tabular-regressor',
  recipe_version: 1,
  inputs: [
    { name: 'size', datatype: 'FP32', shape: [-1, 1] },
    { name: 'town', datatype: 'BYTES', shape: [-1, 1] },
  ],
  outputs: [{ name: 'prediction', datatype: 'FP32', shape: [-1] }],
  labels: null,
  target: 'price',
  preprocess: null,
  metrics: {},
  params: {},
  seed: 1,
  parameters: 1,
  opset: 21,
  ir_version: 10,
  quantization: null,
  card: { en: '# x', zh: '# 某' },
};
const mail: ModelManifest = {
  ...base,
  task: 'classification',
  inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
  outputs: [
    { name: 'label', datatype: 'BYTES', shape: [-1] },
    { name: 'probabilities', datatype: 'FP32', shape: [-1, 2] },
  ],
  labels: ['short', 'long'],
};

let database: TestDatabase;
let gateway: TestGateway;
let tenant: string;
let stranger: string;
let first: Worker;
let second: Worker;

beforeAll(async () => {
  database = await startDatabase();
  gateway = await startTestGateway(await database.create());
  tenant = (await gateway.call<{ tenant: string }>('GET', '/api/keys/current')).body.tenant;
  stranger = await gateway.tenantKey('stranger');
}, 60_000);
afterAll(async () => {
  await Promise.all([first?.stop(), second?.stop()]);
  await gateway?.stop();
  await database?.stop();
});

beforeEach(async () => {
  await Promise.all([first?.stop(), second?.stop()]);
  [first, second] = await Promise.all([startWorker(), startWorker()]);
  await online(first, second);
});

/** Puts these workers, and no others, into the registry. */
async function online(...workers: Worker[]): Promise<void> {
  const { kysely } = gateway.app.get(Database);
  await kysely.deleteFrom('worker').execute();
  for (const w of workers)
    await kysely
      .insertInto('worker')
      .values({
        id: newId('worker'),
        queue: 'infer',
        host: 'here',
        pid: 1,
        version: '0',
        state: 'online',
        concurrency: 1,
        devices: json([]),
        recipes: [],
        running: [],
        cpu_fraction: null,
        memory_bytes: null,
        inference_address: w.address,
        acked_seq: 0,
        connected_at: new Date(),
        last_seen_at: new Date(),
      })
      .execute();
}

async function model(name: string, manifest: ModelManifest, file = 'model.onnx'): Promise<string> {
  return gateway.app.get(Database).transaction((trx) =>
    gateway.app.get(ModelRegistrar).register(
      trx,
      {
        tenantId: tenant,
        jobId: newId('job'),
        recipe: manifest.recipe,
        output: 'model',
        register: name,
        inputs: {},
        at: new Date(),
      },
      { kind: 'model', files: { [file]: { sha256: 'cd'.repeat(32), size: 3 } }, manifest },
    ),
  );
}
const deploy = (name: string, body?: unknown) =>
  gateway.call<DeploymentView & Problem>('POST', `/api/models/${name}/deploy`, body ? { body } : {});
const predict = (name: string, inputs: unknown, more: Record<string, unknown> = {}) =>
  gateway.call<PredictResponse & Problem>('POST', `/api/models/${name}/predict`, { body: { inputs, ...more } });

describe('deployments', () => {
  it('load the version at every worker, and change over', async () => {
    const [one, two] = [await model('house', base), await model('house', base)];
    const made = await deploy('house', { version: 1 });
    expect(made.body).toMatchObject({ object: 'deployment', model: 'house', version: 1, state: 'ready' });
    expect(made.body.url).toMatch(/^http:\/\/.*\/api\/models\/house\/predict$/);
    for (const w of [first, second]) {
      expect([...w.loaded.keys()]).toEqual([one]);
      expect(JSON.parse(w.loaded.get(one) ?? '')).toEqual({ 'model.onnx': { sha256: 'cd'.repeat(32), size: 3 } });
    }
    expect((await deploy('house')).body.version).toBe(2);
    expect([...first.loaded.keys()]).toEqual([two]);
    const list = await gateway.call<{ data: DeploymentView[] }>('GET', '/api/deployments');
    expect(list.body.data.map((d) => [d.model, d.version, d.state])).toEqual([['house', 2, 'ready']]);
    expect((await gateway.call<{ data: unknown[] }>('GET', '/api/deployments', { key: stranger })).body.data).toEqual(
      [],
    );

    const held = await gateway.call<Problem>('DELETE', '/api/models/house/versions/2');
    expect(held.body.code).toBe('conflict');
    expect((await gateway.call('DELETE', '/api/models/house/deploy')).status).toBe(200);
    expect(first.loaded.size).toBe(0);
    expect((await gateway.call('DELETE', '/api/models/house/deploy')).status).toBe(404);
    expect((await gateway.call('DELETE', '/api/models/house/versions/2')).status).toBe(200);
  });

  it('are refused when no worker can open the model', async () => {
    await model('wreck', base, 'broken.onnx');
    expect((await deploy('wreck')).body.code).toBe('invalid_onnx');
    expect((await predict('wreck', [{ size: 1, town: 'a' }])).body.code).toBe('conflict');
  });

  it('are made without a worker too, and answer once one is there', async () => {
    await online();
    await model('later', base);
    expect((await deploy('later')).body.state).toBe('unavailable');
    const away = await predict('later', [{ size: 1, town: 'a' }]);
    expect([away.status, away.body.code, away.body.retryable]).toEqual([503, 'unavailable', true]);
    await online(second);
    const list = await gateway.call<{ data: DeploymentView[] }>('GET', '/api/deployments');
    expect(list.body.data.find((d) => d.model === 'later')?.state).toBe('loading');
    expect((await predict('later', [{ size: 4, town: 'a' }])).body.predictions).toEqual([{ value: 8 }]);
  });
});

describe('predictions', () => {
  it('of a table and of texts', async () => {
    await model('price', base);
    await deploy('price');
    const table = await predict('price', [
      { size: 21, town: 'Ulm', note: 'not used' },
      { size: '1.5', town: null },
    ]);
    expect(table.body).toMatchObject({
      model: 'price',
      version: 1,
      predictions: [{ value: 42 }, { value: 3 }],
      usage: { rows: 2, compute_ms: 1.25 },
    });
    await model('mail', mail);
    await deploy('mail');
    const texts = await predict('mail', ['短', 'a longer text']);
    expect(texts.body.predictions).toEqual([
      { label: 'short', probability: 0.75, probabilities: { short: 0.75, long: 0.25 } },
      { label: 'long', probability: 0.75, probabilities: { short: 0.25, long: 0.75 } },
    ]);
  });

  it('take turns between workers, and go on when one is gone', async () => {
    await model('turns', base);
    await deploy('turns');
    for (let i = 0; i < 6; i++) expect((await predict('turns', [{ size: i, town: '' }])).status).toBe(200);
    expect([first.asked.length, second.asked.length]).toEqual([3, 3]);
    await first.stop();
    for (let i = 0; i < 4; i++) expect((await predict('turns', [{ size: i, town: '' }])).status).toBe(200);
    expect(second.asked.length).toBe(7);
  });

  it('load the model again where it was closed', async () => {
    const id = await model('closed', base);
    await deploy('closed');
    first.loaded.clear();
    second.loaded.clear();
    expect((await predict('closed', [{ size: 1, town: '' }])).body.predictions).toEqual([{ value: 2 }]);
    expect([...first.loaded.keys(), ...second.loaded.keys()]).toEqual([id]);
  });

  it('by a version that is not deployed, and by an alias', async () => {
    await model('many', base);
    await model('many', base);
    expect((await predict('many', [{ size: 1, town: '' }])).body.code).toBe('conflict');
    expect((await predict('many', [{ size: 1, town: '' }], { version: 1 })).body.version).toBe(1);
    await gateway.call('PUT', '/api/models/many/aliases/best', { body: { version: 2 } });
    expect((await predict('many', [{ size: 1, town: '' }], { version: 'best' })).body.version).toBe(2);
    expect((await predict('many', [{ size: 1, town: '' }], { version: 9 })).body.code).toBe('not_found');
  });

  it('name the row and the field of what is wrong', async () => {
    await model('strict', base);
    await deploy('strict');
    const good = { size: 1, town: 'x' };
    const word = await predict('strict', [good, { size: 'big', town: 'x' }]);
    expect([word.status, word.body.code]).toEqual([422, 'invalid_input']);
    expect(word.body.where).toMatchObject({ field: 'inputs.1.size', column: 'size' });
    expect(word.body.detail).toContain('row 2');
    const absent = await predict('strict', [good, good, { size: 1 }]);
    expect(absent.body.where).toMatchObject({ field: 'inputs.2.town' });
    expect((await predict('strict', ['a text'])).body.code).toBe('invalid_input');
    expect((await predict('strict', [])).body.code).toBe('invalid_request');
    expect((await predict('strict', [{ size: { $gt: 0 } }])).body.code).toBe('invalid_request');
  });

  it('of an imported model without a task are refused with the mend', async () => {
    await model('bare', { ...base, task: 'other' });
    const answer = await predict('bare', [{ size: 1 }], { version: 1 });
    expect(answer.body.code).toBe('invalid_model');
    expect(answer.body.detail).toContain('model.json');
  });

  it('of another tenant’s model are refused', async () => {
    await model('mine', base);
    await deploy('mine');
    const body = { inputs: [{ size: 1, town: '' }] };
    const answer = await gateway.call<Problem>('POST', '/api/models/mine/predict', { key: stranger, body });
    expect(answer.body.code).toBe('not_found');
    expect((await gateway.call<Problem>('POST', '/api/models/mine/deploy', { key: stranger })).body.code).toBe(
      'not_found',
    );
  });
});
