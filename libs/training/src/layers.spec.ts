import { describe, expect, it } from '@jest/globals';
import {
  GraphBuilder,
  bindParameters,
  differentiate,
  gradientName,
  initialParameters,
  tensorOf,
  toNumbers,
  toOnnx,
  verify,
  type TensorData,
  type Value,
} from '@strata/graph';
import { createRng } from '@strata/kernel';
import {
  activate,
  binaryCrossEntropy,
  crossEntropy,
  dense,
  dropout,
  embeddingBag,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  normal,
} from '@strata/nn';
import { createSession, type Tensor } from '@strata/runtime';

// Layers and losses of @strata/nn as the runtime computes them, against sums written out here.

async function run(b: GraphBuilder, feeds: Record<string, TensorData>): Promise<Record<string, number[]>> {
  const session = await createSession(toOnnx(verify(b.build())));
  const result = await session.run(feeds as Record<string, Tensor>);
  await session.release();
  return Object.fromEntries(Object.entries(result).map(([k, t]) => [k, toNumbers(t as TensorData)]));
}

const f64 = (dims: number[], values: number[]) => tensorOf('float64', dims, values);
const spread = (n: number, phase: number) => Array.from({ length: n }, (_, i) => 2 * Math.sin(phase + 2.3 * i));
const sum = (v: readonly number[]) => v.reduce((a, x) => a + x, 0);

/** Value of a loss, after its gradients have been compared with central differences. */
async function checkedLoss(
  inputs: Record<string, TensorData>,
  wrt: string[],
  loss: (b: GraphBuilder, v: Record<string, Value>) => Value,
): Promise<number> {
  const b = new GraphBuilder();
  const values = Object.fromEntries(
    Object.entries(inputs).map(([k, t]) => [k, b.input(k, t.dtype, ['N', ...t.dims.slice(1)])]),
  );
  b.output('loss', loss(b, values));
  const graph = differentiate(b.build(), 'loss', wrt);
  const session = await createSession(toOnnx(verify(graph)));
  const at = async (feeds: Record<string, TensorData>) => session.run(feeds as Record<string, Tensor>);
  const here = await at(inputs);
  for (const name of wrt) {
    const t = inputs[name]!;
    const gradient = toNumbers(here[gradientName(name)] as TensorData);
    for (let k = 0; k < gradient.length; k++) {
      const moved = (d: number) => ({
        ...inputs,
        [name]: tensorOf(
          t.dtype,
          t.dims,
          toNumbers(t).map((v, j) => (j === k ? v + d : v)),
        ),
      });
      const loss = async (d: number) => toNumbers((await at(moved(d)))['loss'] as TensorData)[0]!;
      expect(gradient[k]).toBeCloseTo(((await loss(1e-5)) - (await loss(-1e-5))) / 2e-5, 7);
    }
  }
  await session.release();
  return toNumbers(here['loss'] as TensorData)[0]!;
}

describe('cross-entropy', () => {
  const z = spread(12, 0.4);
  const labels = [2, 0, 1, 2];
  const inputs = { z: f64([4, 3], z), t: tensorOf('int64', [4], labels), s: f64([4], [1, 0, 2, 0.5]) };
  const logp = (row: number, c: number) =>
    z[row * 3 + c]! - Math.log(sum([0, 1, 2].map((k) => Math.exp(z[row * 3 + k]!))));

  it('of equal logits is the logarithm of the number of classes', async () => {
    const equal = { z: f64([2, 3], [5, 5, 5, -1, -1, -1]), t: tensorOf('int64', [2], [0, 2]) };
    expect(await checkedLoss(equal, ['z'], (b, v) => crossEntropy(b, v['z']!, v['t']!))).toBeCloseTo(Math.log(3), 12);
  });

  it('is the mean of -log p', async () => {
    const expected = -sum(labels.map((c, i) => logp(i, c))) / 4;
    expect(await checkedLoss(inputs, ['z'], (b, v) => crossEntropy(b, v['z']!, v['t']!))).toBeCloseTo(expected, 12);
  });

  it('with class weights and label smoothing is that of PyTorch', async () => {
    const w = [1, 3, 0.5];
    const epsilon = 0.2;
    const rows = labels.map(
      (c, i) => -(1 - epsilon) * w[c]! * logp(i, c) - (epsilon / 3) * sum([0, 1, 2].map((k) => w[k]! * logp(i, k))),
    );
    const expected = sum(rows) / sum(labels.map((c) => w[c]!));
    const loss = await checkedLoss(inputs, ['z'], (b, v) =>
      crossEntropy(b, v['z']!, v['t']!, { classWeights: w, labelSmoothing: epsilon }),
    );
    expect(loss).toBeCloseTo(expected, 12);
  });

  it('counts rows by their weights', async () => {
    const s = [1, 0, 2, 0.5];
    const expected = -sum(labels.map((c, i) => s[i]! * logp(i, c))) / sum(s);
    const loss = await checkedLoss(inputs, ['z'], (b, v) =>
      crossEntropy(b, v['z']!, v['t']!, { sampleWeights: v['s']! }),
    );
    expect(loss).toBeCloseTo(expected, 12);
  });
});

describe('other losses', () => {
  const p = spread(5, 0.1);
  const t = spread(5, 1.9);
  const d = p.map((v, i) => v - t[i]!);
  const inputs = { p: f64([5], p), t: f64([5], t), s: f64([5], [1, 2, 0, 1, 0.5]) };

  it.each<[string, (b: GraphBuilder, v: Record<string, Value>) => Value, number]>([
    ['mean squared error', (b, v) => meanSquaredError(b, v['p']!, v['t']!), sum(d.map((x) => x * x)) / 5],
    ['mean absolute error', (b, v) => meanAbsoluteError(b, v['p']!, v['t']!), sum(d.map(Math.abs)) / 5],
    [
      'weighted mean squared error',
      (b, v) => meanSquaredError(b, v['p']!, v['t']!, v['s']!),
      sum(d.map((x, i) => x * x * [1, 2, 0, 1, 0.5][i]!)) / 4.5,
    ],
    [
      'Huber',
      (b, v) => huber(b, v['p']!, v['t']!, 0.8),
      sum(d.map((x) => (Math.abs(x) <= 0.8 ? (x * x) / 2 : 0.8 * (Math.abs(x) - 0.4)))) / 5,
    ],
  ])('%s', async (_, loss, expected) => {
    expect(await checkedLoss(inputs, ['p'], loss)).toBeCloseTo(expected, 12);
  });

  it('binary cross-entropy, also where e^z would overflow', async () => {
    const z = [0.3, -2, 4, 900, -900];
    const y = [1, 0, 0.25, 1, 0];
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    const small = [0, 1, 2].map((i) => -y[i]! * Math.log(sigmoid(z[i]!)) - (1 - y[i]!) * Math.log(1 - sigmoid(z[i]!)));
    const data = { z: f64([5], z), y: f64([5], y) };
    expect(await checkedLoss(data, ['z'], (b, v) => binaryCrossEntropy(b, v['z']!, v['y']!))).toBeCloseTo(
      sum(small) / 5,
      12,
    );
    const weighted = -3 * Math.log(sigmoid(0.3));
    const one = { z: f64([1], [0.3]), y: f64([1], [1]) };
    expect(
      await checkedLoss(one, ['z'], (b, v) => binaryCrossEntropy(b, v['z']!, v['y']!, { positiveWeight: 3 })),
    ).toBeCloseTo(weighted, 12);
  });
});

describe('layers', () => {
  it('dense multiplies and adds, over any leading axes', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 'L', 2]);
    b.output('y', dense(b, x, { units: 2, name: 'd', biasInit: normal(1) }));
    const result = await run(b, {
      x: tensorOf('float32', [1, 2, 2], [1, 2, -1, 0]),
      'd/weight': tensorOf('float32', [2, 2], [1, 2, 3, 4]),
      'd/bias': tensorOf('float32', [2], [10, 20]),
    });
    expect(result['y']).toEqual([17, 30, 9, 18]);
  });

  it('an embedding bag averages what is not padding, and never trains the padding', async () => {
    const b = new GraphBuilder();
    const ids = b.input('ids', 'int64', ['N', 'L']);
    const h = embeddingBag(b, ids, { buckets: 5, dim: 2, name: 'e', dtype: 'float64' });
    b.output('h', h);
    b.output('loss', b.op.ReduceSum(b.op.Mul(h, b.input('r', 'float64', ['N', 2]))));
    const g = GraphBuilder.from(differentiate(b.build(), 'loss', ['e/table']));
    const table = f64([5, 2], [100, 100, 1, 2, 3, 4, 5, 6, 7, 8]);
    const result = await run(g, {
      ids: tensorOf('int64', [3, 3], [1, 3, 0, 4, 4, 1, 0, 0, 0]),
      r: f64([3, 2], [1, 10, 2, 20, 3, 30]),
      'e/table': table,
    });
    expect(result['h']).toEqual([3, 4, 5, 6, 0, 0].map((v) => expect.closeTo(v, 12)));
    // row 1: r0/2 + r1/3, row 3: r0/2, row 4 twice: 2/3 r1
    const expected = [0, 0, 0.5 + 2 / 3, 5 + 20 / 3, 0, 0, 0.5, 5, 4 / 3, 40 / 3];
    expect(result[gradientName('e/table')]).toEqual(expected.map((v) => expect.closeTo(v, 12)));
  });

  it('rows of a table that are used often lose no update on several threads', async () => {
    const [rows, dim, n] = [500, 16, 6000];
    const b = new GraphBuilder();
    const table = b.param('table', 'float32', [rows, dim], normal(1));
    b.output('loss', b.op.ReduceSum(b.op.Gather(table, b.input('ids', 'int64', ['N']))));
    const graph = differentiate(b.build(), 'loss', ['table']);
    const session = await createSession(toOnnx(graph), { threads: 4 });
    const feeds = {
      table: initialParameters(b.parameters, createRng(1)).get('table')!,
      ids: tensorOf(
        'int64',
        [n],
        Array.from({ length: n }, (_, i) => (i * 7919) % 13),
      ),
    };
    for (let round = 0; round < 20; round++) {
      const result = await session.run(feeds as Record<string, Tensor>, [gradientName('table')]);
      expect(sum(toNumbers(result[gradientName('table')] as TensorData))).toBe(n * dim);
    }
    await session.release();
  });

  it('dropout is a product with a mask that the trainer draws', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N']);
    b.output('y', dropout(b, x, { name: 'drop', rate: 0.25 }));
    expect(b.randoms).toEqual([{ name: 'drop', dtype: 'float32', shape: ['N'], kind: 'dropout', rate: 0.25 }]);
    const result = await run(b, {
      x: tensorOf('float32', [4], [3, 3, -6, 9]),
      drop: tensorOf('float32', [4], [0, 4 / 3, 4 / 3, 0]),
    });
    expect(result['y']).toEqual([0, 4, -8, 0]);
  });

  it('a network learns its parameters only, and is served with them as constants', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 2]);
    b.output('y', activate(b, dense(b, x, { units: 3, name: 'd' }), 'silu'));
    const values = initialParameters(b.parameters, createRng(5));
    const graph = bindParameters(b.build(), values);
    expect(graph.inputs.map((i) => i.name)).toEqual(['x']);
    const w = toNumbers(values.get('d/weight')!);
    const { y } = await run(GraphBuilder.from(graph), { x: tensorOf('float32', [1, 2], [1, -2]) });
    w.slice(0, 3).forEach((_, c) => {
      const h = w[c]! - 2 * w[3 + c]!;
      expect(y?.[c]).toBeCloseTo(h / (1 + Math.exp(-h)), 6);
    });
  });
});
