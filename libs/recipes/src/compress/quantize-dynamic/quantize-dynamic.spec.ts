import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { ModelHandle, ModelManifest } from '@strata/contracts';
import { quantizeDynamic } from '@strata/compress';
import { GraphBuilder, tensorOf, toNumbers, toOnnx, type Graph, type TensorData } from '@strata/graph';
import { createSession, type Tensor } from '@strata/runtime';
import { datasetFromText, localFolder, runLocally } from '../../testing/local-context.js';
import recipe from './quantize-dynamic.recipe.js';

const folders: string[] = [];
afterAll(async () => {
  for (const f of folders) await rm(f, { recursive: true, force: true });
});
async function folder(): Promise<string> {
  const dir = await localFolder();
  folders.push(dir);
  return dir;
}

async function outputs(graph: Graph, feeds: Record<string, TensorData>): Promise<Record<string, number[]>> {
  const session = await createSession(toOnnx(graph));
  const result = await session.run(feeds as Record<string, Tensor>);
  await session.release();
  return Object.fromEntries(Object.entries(result).map(([k, t]) => [k, toNumbers(t as TensorData)]));
}

describe('the integer form, by hand', () => {
  const x = tensorOf('float32', [2, 2], [0, 2.55, 1.27, -2.55]);
  const w = tensorOf('float32', [2, 2], [1.27, 0.5, -0.01, 0]);
  const bias = tensorOf('float32', [2], [10, 20]);
  // x: range -2.55 … 2.55, scale 5.1/255 = 0.02, zero point round(127.5) = 128: q - zero = [0, 127 (clipped at 255), 64 (63.5 to even), -128 (-127.5 to even)]
  // w: scales 1.27/127 = 0.01 and 0.5/127: q = [[127, 127], [-1, 0]]
  // row 0: 127 · -1 = -127 → · 0.02 · 0.01 = -0.0254;  0
  // row 1: 64 · 127 + -128 · -1 = 8256 → 1.6512;  64 · 127 = 8128 → · 0.02 · 0.5/127 = 0.64
  const expected = [-0.0254, 0, 1.6512, 0.64];

  it.each(['int8', 'uint8'] as const)('MatMul with %s weights', async (weightType) => {
    const b = new GraphBuilder('m');
    b.output('y', b.op.MatMul(b.input('x', 'float32', ['N', 2]), b.initializer('w', w)));
    const { y } = await outputs(quantizeDynamic(b.build(), { minElements: 1, weightType }).graph, { x });
    expected.forEach((v, i) => expect(y?.[i]).toBeCloseTo(v, 5));
  });

  it('Gemm with transposed weights, alpha, beta and bias', async () => {
    const b = new GraphBuilder('g');
    const flipped = tensorOf('float32', [2, 2], [1.27, -0.01, 0.5, 0]);
    const out = b.op.Gemm(b.input('x', 'float32', ['N', 2]), b.initializer('w', flipped), b.initializer('c', bias), {
      alpha: 2,
      beta: 0.5,
      transB: true,
    });
    b.output('y', out);
    const { y } = await outputs(quantizeDynamic(b.build(), { minElements: 1 }).graph, { x });
    expected.forEach((v, i) => expect(y?.[i]).toBeCloseTo(2 * v + [5, 10][i % 2]!, 5));
  });

  it('Gather: each row with its own scale', async () => {
    const table = tensorOf('float32', [3, 2], [127, -1, 0.5, 0.25, 0, 0]);
    const b = new GraphBuilder('e');
    b.output('y', b.op.Gather(b.initializer('t', table), b.input('ids', 'int64', ['N'])));
    const { y } = await outputs(quantizeDynamic(b.build(), { minElements: 1 }).graph, {
      ids: tensorOf('int64', [4], [1, 0, 2, 1]),
    });
    // 0.25 / (0.5/127) = 63.5 → 64
    [0.5, (64 * 0.5) / 127, 127, -1, 0, 0, 0.5, (64 * 0.5) / 127].forEach((v, i) => expect(y?.[i]).toBeCloseTo(v, 6));
  });
});

/** prediction = relu(x W1) W2 over the columns x0 … x7, with 8 · 200 + 200 weights. */
function regressor(scale: number): Graph {
  const b = new GraphBuilder('r');
  const wave = (n: number, phase: number) => Array.from({ length: n }, (_, i) => scale * Math.sin(phase + i * 1.7));
  const columns = Array.from({ length: 8 }, (_, i) => b.input(`x${i}`, 'float32', ['N', 1]));
  const [first, ...rest] = columns;
  const x = b.op.Concat([first!, ...rest], 1);
  const h = b.op.Relu(b.op.MatMul(x, b.initializer('w1', tensorOf('float32', [8, 200], wave(1600, 0)))));
  b.output(
    'prediction',
    b.op.Squeeze(b.op.MatMul(h, b.initializer('w2', tensorOf('float32', [200, 1], wave(200, 1)))), [1]),
  );
  return b.build();
}

async function modelOf(graph: Graph): Promise<ModelHandle> {
  const dir = join(await folder(), 'model');
  await mkdir(dir);
  const manifest: ModelManifest = {
    format: 'strata-model/1',
    task: 'regression',
    recipe: 'classical/tabular-regressor',
    recipe_version: 1,
    inputs: graph.inputs.map((i) => ({ name: i.name, datatype: 'FP32', shape: [-1, 1] })),
    outputs: [{ name: 'prediction', datatype: 'FP32', shape: [-1] }],
    labels: null,
    target: 'y',
    preprocess: null,
    metrics: { rmse: 1 },
    params: { hidden: 200 },
    seed: 3,
    parameters: 1800,
    opset: graph.opset,
    ir_version: 10,
    quantization: null,
    card: { en: '# Model', zh: '# 模型' },
  };
  await writeFile(join(dir, 'model.onnx'), toOnnx(graph));
  await writeFile(join(dir, 'model.json'), JSON.stringify(manifest));
  await writeFile(join(dir, 'words.txt'), 'kept');
  return { id: 'mv_test', dir, manifest };
}

const csv = (rows: number): string =>
  `${Array.from({ length: 8 }, (_, i) => `x${i}`).join(',')},y\n` +
  Array.from(
    { length: rows },
    (_, r) => `${Array.from({ length: 8 }, (_, i) => (Math.sin(r * 8 + i) * 2).toFixed(3)).join(',')},0\n`,
  ).join('');

describe('compress/quantize-dynamic', () => {
  it('makes the model smaller, keeps its answers and says so', async () => {
    const model = await modelOf(regressor(1));
    const dir = await folder();
    const data = await datasetFromText(dir, csv(200));
    const { result, outputs: made } = await runLocally(recipe, { min_elements: 500 }, { dir, inputs: { model, data } });
    expect(result).toMatchObject({ tensors_quantized: 1, rows: 200, invented: false, same_label: null });
    expect(result['mean_difference']).toBeLessThan(0.01);
    // 1600 of 1800 weights in one byte and 200 scales: 7200 → 1600 + 800 + 800 bytes of constants
    expect(result['compression_ratio']).toBeCloseTo((7200 + 8) / (3200 + 8), 1);
    const out = made.get('model');
    if (out?.kind !== 'model') throw new Error('no model');
    expect(out.manifest).toMatchObject({
      quantization: 'dynamic-int8',
      recipe: 'compress/quantize-dynamic',
      target: 'y',
    });
    expect(out.manifest.params).toMatchObject({ hidden: 200, quantize_dynamic: { per_channel: true } });
    expect(out.manifest.card.zh).toContain('量化');
    const session = await createSession(join(out.dir, 'model.onnx'));
    expect(session.inputs).toHaveLength(8);
    await session.release();
    expect(await readFile(join(out.dir, 'words.txt'), 'utf8')).toBe('kept');
  });

  it('checks on made-up rows without data', async () => {
    const model = await modelOf(regressor(1));
    const { result } = await runLocally(recipe, { check_rows: 70 }, { dir: await folder(), inputs: { model } });
    expect(result).toMatchObject({ rows: 70, invented: true });
  });

  it('fails when the model moves further than the tolerance allows', async () => {
    const model = await modelOf(regressor(1));
    const dir = await folder();
    const data = await datasetFromText(dir, csv(50));
    await expect(
      runLocally(recipe, { tolerance: 1e-9, min_elements: 10 }, { dir, inputs: { model, data } }),
    ).rejects.toMatchObject({ code: 'invalid_model', message: expect.stringContaining('tolerance') });
  });

  it('leaves a model without large tensors as it is', async () => {
    const model = await modelOf(regressor(1));
    const {
      result,
      outputs: made,
      logs,
    } = await runLocally(recipe, { min_elements: 100_000 }, { dir: await folder(), inputs: { model } });
    expect(result).toMatchObject({ tensors_quantized: 0, max_difference: 0 });
    const out = made.get('model');
    expect(out?.kind === 'model' && out.manifest.quantization).toBeNull();
    expect(logs.join()).toContain('min_elements');
  });
});
