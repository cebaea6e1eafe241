import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import { createArtifactStore, type ArtifactStore } from '@strata/artifacts';
import type { Blob } from '@strata/contracts';
import { createRegistry } from '@strata/service-kit';
import { sourceThread, writeClassifier, writeRegressor } from '@strata/serving/testing';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigSchema } from '../config.js';
import { OnlineService } from './online.service.js';

const TOKEN = 'a-service-token-for-tests';
const PROTO = fileURLToPath(new URL('../../../../proto/inference.proto', import.meta.url));

type Message = Record<string, unknown>;
interface Failure extends Error {
  code: number;
  details: string;
}

/** A client that knows nothing of Strata: made from the protocol's file alone, with the loader's own defaults for names. */
function connect(address: string): {
  call(method: string, request?: Message, token?: string): Promise<Message>;
  close(): void;
} {
  const types = grpc.loadPackageDefinition(
    loader.loadSync(PROTO, { keepCase: true, longs: Number, defaults: true, oneofs: true }),
  ) as unknown as { inference: { GRPCInferenceService: grpc.ServiceClientConstructor } };
  const client = new types.inference.GRPCInferenceService(address, grpc.credentials.createInsecure());
  return {
    call: (method, request = {}, token = TOKEN) =>
      new Promise((resolve, reject) => {
        const metadata = new grpc.Metadata();
        metadata.set('authorization', `Bearer ${token}`);
        const run = client[method] as (
          r: Message,
          m: grpc.Metadata,
          done: (e: grpc.ServiceError | null, answer?: Message) => void,
        ) => void;
        run.call(client, request, metadata, (e, answer) => (e ? reject(e) : resolve(answer as Message)));
      }),
    close: () => client.close(),
  };
}

describe('online prediction over gRPC', () => {
  let dir: string;
  let store: ArtifactStore;
  let service: OnlineService;
  let client: ReturnType<typeof connect>;
  const registry = createRegistry('inference');
  const models: Record<string, string> = {};
  const folders = (): string[] =>
    existsSync(path.join(dir, 'data/models')) ? readdirSync(path.join(dir, 'data/models')) : [];
  const failure = async (method: string, request: Message, token?: string): Promise<[number, string]> => {
    const e = (await client.call(method, request, token).catch((error: unknown) => error)) as Failure;
    return [e.code, e.details];
  };
  const load = (name: string, version: string, files: string): Promise<Message> =>
    client.call('RepositoryModelLoad', {
      model_name: name,
      parameters: { version: { string_param: version }, files: { string_param: files } },
    });
  const fp32 = (name: string, shape: number[], values: number[]): Message => ({
    name,
    datatype: 'FP32',
    shape,
    contents: { fp32_contents: values },
  });

  beforeAll(async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'strata-online-'));
    store = createArtifactStore({ kind: 'folder', dir: path.join(dir, 'artifacts') });
    const keep = async (name: string, from: string): Promise<void> => {
      const files: Record<string, Blob> = {};
      for (const file of readdirSync(from)) files[file] = await store.put({ path: path.join(from, file) });
      models[name] = JSON.stringify(files);
    };
    await keep('regressor', writeRegressor(path.join(dir, 'r')));
    await keep('regressor 2', writeRegressor(path.join(dir, 'r2'), 100));
    await keep('classifier', writeClassifier(path.join(dir, 'c')));
    const config = ConfigSchema.parse({
      ARTIFACTS_DIR: path.join(dir, 'artifacts'),
      DATA_DIR: path.join(dir, 'data'),
      SERVICE_TOKEN: TOKEN,
      GRPC_PORT: '0',
      LOG_LEVEL: 'silent',
      MAX_MODELS: '3',
    });
    service = new OnlineService(config, '1.2.3', registry, sourceThread());
    await service.start();
    client = connect(service.address);
  });
  afterAll(async () => {
    client.close();
    await service.beforeApplicationShutdown();
    rmSync(dir, { recursive: true, force: true });
  });

  it('answers for the server', async () => {
    expect(await client.call('ServerLive')).toEqual({ live: true });
    expect(await client.call('ServerReady')).toEqual({ ready: true });
    expect(await client.call('ServerMetadata')).toEqual({
      name: 'strata',
      version: '1.2.3',
      extensions: ['model_repository'],
    });
    expect(await failure('ServerLive', {}, 'another token')).toEqual([
      grpc.status.UNAUTHENTICATED,
      expect.stringContaining('SERVICE_TOKEN'),
    ]);
  });

  it('loads a model from the artifact store, describes it, and infers from typed contents', async () => {
    await load('price', '1', models['regressor'] as string);
    expect(await client.call('ModelReady', { name: 'price', version: '1' })).toEqual({ ready: true });
    expect(await client.call('ModelReady', { name: 'price', version: '2' })).toEqual({ ready: false });
    expect(await client.call('ModelMetadata', { name: 'price' })).toMatchObject({
      name: 'price',
      versions: ['1'],
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
      outputs: [{ name: 'prediction', datatype: 'FP32', shape: [-1] }],
      properties: { task: 'regression' },
    });
    const answer = await client.call('ModelInfer', {
      model_name: 'price',
      id: 'request-7',
      inputs: [fp32('x', [3, 1], [1, 2, -0.5])],
    });
    expect(answer).toMatchObject({
      model_name: 'price',
      model_version: '1',
      id: 'request-7',
      outputs: [{ name: 'prediction', datatype: 'FP32', shape: [3], contents: { fp32_contents: [3, 5, 0] } }],
      raw_output_contents: [],
    });
  });

  it('infers from raw contents, several types at once, and gives what is asked for', async () => {
    await load('late', '4', models['classifier'] as string);
    const age = Buffer.alloc(8);
    age.writeFloatLE(30, 0);
    age.writeFloatLE(NaN, 4);
    const city = Buffer.concat(['Paris', ''].flatMap((t) => [Buffer.from([t.length, 0, 0, 0]), Buffer.from(t)]));
    const request = {
      model_name: 'late',
      model_version: '4',
      inputs: [
        { name: 'city', datatype: 'BYTES', shape: [2, 1] },
        { name: 'age', datatype: 'FP32', shape: [2, 1] },
      ],
      raw_input_contents: [city, age],
    };
    const answer = await client.call('ModelInfer', request);
    expect(answer['outputs']).toMatchObject([
      { name: 'label', datatype: 'BYTES', shape: [2] },
      { name: 'probabilities', datatype: 'FP32', shape: [2, 2] },
    ]);
    const [labels, probabilities] = answer['raw_output_contents'] as [Buffer, Buffer];
    // both at the decision boundary: 30 − 40 + 10 = 0 and, with age missing, 40 − 40 + 0 = 0
    expect([0, 4, 8, 12].map((at) => probabilities.readFloatLE(at))).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(labels.subarray(0, 11)).toEqual(Buffer.from('\x07\0\0\0on time'));
    const one = await client.call('ModelInfer', { ...request, outputs: [{ name: 'label' }] });
    expect(one['outputs']).toHaveLength(1);
  });

  it('keeps versions apart, and takes the highest when none is named', async () => {
    await load('price', '2', models['regressor 2'] as string);
    const infer = async (version: string): Promise<unknown> => {
      const { model_version, outputs } = await client.call('ModelInfer', {
        model_name: 'price',
        model_version: version,
        inputs: [fp32('x', [1, 1], [0])],
      });
      return [model_version, (outputs as { contents: { fp32_contents: number[] } }[])[0]?.contents.fp32_contents];
    };
    expect(await infer('1')).toEqual(['1', [1]]);
    expect(await infer('2')).toEqual(['2', [100]]);
    expect(await infer('')).toEqual(['2', [100]]);
  });

  it('says NOT_FOUND for a model that is not loaded, always in the same words', async () => {
    const request = { model_name: 'absent', model_version: '3', inputs: [fp32('x', [1, 1], [0])] };
    expect(await failure('ModelInfer', request)).toEqual([
      grpc.status.NOT_FOUND,
      'model "absent" version "3" is not loaded',
    ]);
    expect(await failure('ModelMetadata', { name: 'absent' })).toEqual([
      grpc.status.NOT_FOUND,
      'model "absent" is not loaded',
    ]);
  });

  it('refuses bad input with INVALID_ARGUMENT and the name of the tensor', async () => {
    const good = fp32('x', [1, 1], [0]);
    const raw = Buffer.alloc(4);
    const cases: [Message, RegExp][] = [
      [{ inputs: [] }, /input "x" \(FP32 \[-1, 1\]\) is missing/],
      [{ inputs: [{ ...good, datatype: 'FP64', contents: { fp64_contents: [0] } }] }, /takes FP32, not FP64/],
      [{ inputs: [{ ...good, datatype: 'FLOAT32' }] }, /datatype "FLOAT32" is not one of/],
      [{ inputs: [{ ...good, datatype: 'INT16' }] }, /datatype "INT16" is not one of/],
      [{ inputs: [{ ...good, shape: [1] }] }, /takes the shape \[-1, 1\]/],
      [{ inputs: [{ ...good, shape: [2, 1] }] }, /needs 2 values, got 1/],
      [{ inputs: [{ ...good, shape: [-1, 1] }] }, /shape \[-1, 1\] is not one/],
      [{ inputs: [good], raw_input_contents: [raw] }, /both contents and raw_input_contents/],
      [{ inputs: [fp32('y', [1, 1], [0])] }, /no input "y"/],
      [{ inputs: [good], outputs: [{ name: 'label' }] }, /no output "label"/],
      [{ model_name: '', inputs: [good] }, /model_name is missing/],
    ];
    for (const [request, message] of cases)
      expect(await failure('ModelInfer', { model_name: 'price', ...request })).toEqual([
        grpc.status.INVALID_ARGUMENT,
        expect.stringMatching(message),
      ]);
  });

  it('refuses files that it should not load', async () => {
    const files = JSON.parse(models['regressor'] as string) as Record<string, Blob>;
    const attempt = (value: unknown): Promise<[number, string]> =>
      failure('RepositoryModelLoad', {
        model_name: 'evil',
        parameters: {
          version: { string_param: '1' },
          files: { string_param: typeof value === 'string' ? value : JSON.stringify(value) },
        },
      });
    const [argument, missing] = [grpc.status.INVALID_ARGUMENT, grpc.status.NOT_FOUND];
    expect(await attempt('not json')).toEqual([argument, expect.stringContaining('not JSON')]);
    expect(await attempt({ 'model.onnx': files['model.onnx'] })).toEqual([
      argument,
      expect.stringContaining('model.json'),
    ]);
    for (const name of ['../../escape', '/etc/passwd', 'a/../b', '.hidden', 'a\\b'])
      expect((await attempt({ ...files, [name]: files['model.json'] }))[0]).toBe(argument);
    expect((await attempt({ ...files, 'model.onnx': { sha256: '../../../etc/passwd', size: 1 } }))[0]).toBe(argument);
    expect(await attempt({ ...files, 'model.onnx': { sha256: '0'.repeat(64), size: 1 } })).toEqual([
      missing,
      expect.stringContaining('0'.repeat(64)),
    ]);
    const text = await store.put(Buffer.from('not a model'));
    expect(await attempt({ ...files, 'model.onnx': text })).toEqual([
      argument,
      expect.stringContaining('onnxruntime cannot load'),
    ]);
    expect(await failure('RepositoryModelLoad', { model_name: 'evil' })).toEqual([
      argument,
      'the field parameters.version is missing',
    ]);
    expect((await client.call('ModelReady', { name: 'evil' }))['ready']).toBe(false);
  });

  it('keeps as many models as it may, and removes the folders of the others', async () => {
    const before = folders().length; // price 1, price 2, late 4
    expect(before).toBe(3);
    await load('price', '2', models['regressor 2'] as string); // again: no work
    expect(folders()).toHaveLength(3);
    await load('fourth', '1', models['regressor'] as string);
    const index = (await client.call('RepositoryIndex'))['models'] as {
      name: string;
      version: string;
      state: string;
    }[];
    expect(index.map((m) => `${m.name} ${m.version} ${m.state}`)).toHaveLength(3);
    expect(index.map((m) => m.name)).toContain('fourth');
    expect(folders()).toHaveLength(3);
    await client.call('RepositoryModelUnload', { model_name: 'fourth' });
    expect(await failure('RepositoryModelUnload', { model_name: 'fourth' })).toEqual([
      grpc.status.NOT_FOUND,
      expect.stringContaining('is not loaded'),
    ]);
    expect(folders()).toHaveLength(2);
  });

  it('shares executions between concurrent requests, and measures', async () => {
    await load('busy', '1', models['regressor'] as string);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        client.call('ModelInfer', { model_name: 'busy', inputs: [fp32('x', [1, 1], [i])] }),
      ),
    );
    answers.forEach((a, i) =>
      expect((a['outputs'] as { contents: { fp32_contents: number[] } }[])[0]?.contents.fp32_contents).toEqual([
        2 * i + 1,
      ]),
    );
    const metrics = await registry.metrics();
    const value = (name: string): number =>
      Number(new RegExp(`^${name}\\{[^}]*model="busy"[^}]*\\} (\\S+)$`, 'm').exec(metrics)?.[1]);
    expect(value('nv_inference_request_success')).toBe(100);
    expect(value('nv_inference_count')).toBe(100);
    expect(value('nv_inference_exec_count')).toBeLessThan(100);
    expect(value('nv_inference_queue_duration_us')).toBeGreaterThan(0);
  });
});
