import { describe, expect, it } from '@jest/globals';
import {
  differentiate,
  GraphBuilder,
  normalizeModel,
  promoteInitializers,
  tensorOf,
  toNumbers,
  toOnnx,
  trainableInitializers,
  upgradeOpset,
  type Attr,
  type Graph,
  type Node,
  type TensorData,
} from '@strata/graph';
import { createSession } from './session.js';
import type { Tensor } from './tensor.js';

const wave = (dims: number[], phase = 0): TensorData =>
  tensorOf(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(phase + 1.3 * i)),
  );
const int = (value: number): Attr => ({ type: 'int', value });
const ints = (...value: number[]): Attr => ({ type: 'ints', value });
const text = (value: string): Attr => ({ type: 'string', value });

interface Old {
  readonly opset: number;
  readonly x: TensorData;
  readonly op: string;
  readonly attrs?: Record<string, Attr>;
  readonly constants?: readonly TensorData[];
  readonly outputs?: number;
  /** Shape of the first output. */
  readonly shape: readonly number[];
}

/** One node in an old form: inputs x, c0, c1, …; outputs y0, y1, … of which the first is declared. */
function graphOf(old: Old): Graph {
  const constants = (old.constants ?? []).map((t, i) => [`c${i}`, t] as const);
  const node: Node = {
    op: old.op,
    domain: '',
    name: 'node',
    inputs: ['x', ...constants.map(([name]) => name)],
    outputs: Array.from({ length: old.outputs ?? 1 }, (_, i) => `y${i}`),
    attrs: old.attrs ?? {},
  };
  return {
    name: 'old',
    inputs: [{ name: 'x', dtype: 'float32', shape: old.x.dims }],
    outputs: [{ name: 'y0', dtype: 'float32', shape: old.shape }],
    nodes: [node],
    initializers: new Map(constants),
    opset: old.opset,
    domains: new Map(),
  };
}

const CASES: Readonly<Record<string, Old>> = {
  'Softmax over all axes behind the first': {
    opset: 11,
    x: wave([2, 3, 2]),
    op: 'Softmax',
    attrs: { axis: int(1) },
    shape: [2, 3, 2],
  },
  'LogSoftmax of the last axis': {
    opset: 9,
    x: wave([2, 3]),
    op: 'LogSoftmax',
    attrs: { axis: int(1) },
    shape: [2, 3],
  },
  'Clip by attributes': {
    opset: 8,
    x: wave([5]),
    op: 'Clip',
    attrs: { min: { type: 'float', value: -0.25 } },
    shape: [5],
  },
  'Pad by attributes': {
    opset: 10,
    x: wave([2, 2]),
    op: 'Pad',
    attrs: { pads: ints(0, 1, 1, 0), value: { type: 'float', value: 0.5 } },
    shape: [3, 3],
  },
  'Slice by attributes': {
    opset: 9,
    x: wave([4, 3]),
    op: 'Slice',
    attrs: { starts: ints(1), ends: ints(-1), axes: ints(0) },
    shape: [2, 3],
  },
  'TopK by attribute': {
    opset: 9,
    x: wave([2, 5]),
    op: 'TopK',
    attrs: { k: int(2), axis: int(1) },
    outputs: 2,
    shape: [2, 2],
  },
  'Split by attribute': {
    opset: 11,
    x: wave([2, 5]),
    op: 'Split',
    attrs: { split: ints(2, 3), axis: int(1) },
    outputs: 2,
    shape: [2, 2],
  },
  'Split in equal parts': {
    opset: 13,
    x: wave([2, 6]),
    op: 'Split',
    attrs: { axis: int(1) },
    outputs: 3,
    shape: [2, 2],
  },
  'Unsqueeze by attribute': { opset: 12, x: wave([3]), op: 'Unsqueeze', attrs: { axes: ints(0, 2) }, shape: [1, 3, 1] },
  'Squeeze by attribute': { opset: 12, x: wave([1, 3]), op: 'Squeeze', attrs: { axes: ints(0) }, shape: [3] },
  'ReduceSum by attribute': {
    opset: 11,
    x: wave([2, 3]),
    op: 'ReduceSum',
    attrs: { axes: ints(1), keepdims: int(0) },
    shape: [2],
  },
  'ReduceMax by attribute': { opset: 13, x: wave([2, 3]), op: 'ReduceMax', attrs: { axes: ints(-1) }, shape: [2, 1] },
  'ReduceMean of everything': { opset: 13, x: wave([2, 3]), op: 'ReduceMean', attrs: { keepdims: int(0) }, shape: [] },
  'Upsample to the nearest': {
    opset: 9,
    x: wave([1, 1, 2, 2]),
    op: 'Upsample',
    attrs: { mode: text('nearest') },
    constants: [tensorOf('float32', [4], [1, 1, 2, 3])],
    shape: [1, 1, 4, 6],
  },
  'Upsample linearly': {
    opset: 9,
    x: wave([1, 1, 2, 2]),
    op: 'Upsample',
    attrs: { mode: text('linear') },
    constants: [tensorOf('float32', [4], [1, 1, 2, 2])],
    shape: [1, 1, 4, 4],
  },
  'Resize of operator set 10': {
    opset: 10,
    x: wave([1, 1, 2, 2]),
    op: 'Resize',
    attrs: { mode: text('linear') },
    constants: [tensorOf('float32', [4], [1, 1, 3, 2])],
    shape: [1, 1, 6, 4],
  },
  'GroupNormalization by groups': {
    opset: 18,
    x: wave([2, 4, 3]),
    op: 'GroupNormalization',
    attrs: { num_groups: int(2) },
    constants: [wave([2], 1), wave([2], 2)],
    shape: [2, 4, 3],
  },
  'BatchNormalization of operator set 9': {
    opset: 9,
    x: wave([2, 3, 2]),
    op: 'BatchNormalization',
    constants: [wave([3], 1), wave([3], 2), wave([3], 3), tensorOf('float32', [3], [1, 0.5, 2])],
    shape: [2, 3, 2],
  },
  'Dropout by attribute': {
    opset: 10,
    x: wave([4]),
    op: 'Dropout',
    attrs: { ratio: { type: 'float', value: 0.5 } },
    shape: [4],
  },
};

async function run(graph: Graph, x: TensorData): Promise<Tensor | undefined> {
  const session = await createSession(toOnnx(graph), { threads: 1 });
  const out = await session.run({ x: x as Tensor }, ['y0']);
  await session.release();
  return out['y0'];
}

describe('older forms of operators', () => {
  it.each(Object.entries(CASES))('%s', async (_, old) => {
    const before = graphOf(old);
    const after = upgradeOpset(before);
    expect(after.opset).toBe(21);
    const [expected, actual] = [await run(before, old.x), await run(after, old.x)];
    expect(actual?.dims).toEqual(old.shape);
    expect(expected?.dims).toEqual(old.shape);
    toNumbers(actual as TensorData).forEach((v, i) =>
      expect(v).toBeCloseTo(toNumbers(expected as TensorData)[i] ?? NaN, 5),
    );
  });

  it('what is too old, or has no new form, is named', () => {
    const old = graphOf(CASES['Clip by attributes'] as Old);
    expect(() => upgradeOpset({ ...old, opset: 6 })).toThrow('written for operator set 6');
    const split = { ...old, nodes: old.nodes.map((n) => ({ ...n, op: 'Pad', attrs: {} })) };
    expect(() => upgradeOpset(split)).toThrow('Pad "node" cannot be brought from operator set 8 to 21: it has no pads');
  });
});

/** A tiny model with what is a weight and what is none: masks, scalars, statistics, what prepares an input. */
function mixed(): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['N', 3]);
  const c = (name: string, t: TensorData) => b.initializer(name, t);
  const prepared = b.op.Mul(b.op.Sub(x, c('mean', wave([3]))), c('spread', wave([3], 1)));
  const wide = b.op.MatMul(prepared, b.op.Transpose(c('stored transposed', wave([4, 3]))));
  const [dropped] = b.node('Dropout', [b.op.Add(wide, c('bias', wave([4])))], {}, {});
  const masked = b.op.Add(dropped ?? wide, c('mask', tensorOf('float32', [4], [0, 0, -Infinity, 0])));
  b.output('y', b.op.Mul(b.op.Softmax(masked), c('temperature', tensorOf('float32', [1], [2]))));
  return b.build();
}

describe('weights of an imported model', () => {
  it('are told from masks, scalars and what prepares an input', () => {
    expect(trainableInitializers(normalizeModel(mixed()))).toEqual(['stored transposed', 'bias']);
  });

  it('begin as parameters with their stored values, behind a Transpose too', () => {
    const b = new GraphBuilder();
    const { parameters } = promoteInitializers(b, normalizeModel(mixed()));
    expect(parameters).toEqual(['stored transposed', 'bias']);
    const [first] = b.parameters;
    // the initialiser draws nothing: any stream gives what the file holds
    const never = new Proxy({}, { get: () => () => NaN }) as Parameters<NonNullable<typeof first>['init']>[2];
    expect(first?.init(first.shape, first.dtype, never)).toEqual(wave([4, 3]));
  });

  it('drop where it is asked for, by a mask that the trainer draws', () => {
    const plain = new GraphBuilder();
    promoteInitializers(plain, normalizeModel(mixed()));
    expect(plain.randoms).toEqual([]);
    const b = new GraphBuilder();
    const { value } = promoteInitializers(b, normalizeModel(mixed(), { dropout: true }), { dropout: true });
    expect(b.randoms).toMatchObject([{ kind: 'dropout', rate: 0.5, shape: ['N', 4] }]);
    b.output('loss', b.op.ReduceSum(value('y')));
    expect(differentiate(b.build(), 'loss', ['bias']).outputs.map((o) => o.name)).toEqual(['loss', 'bias.grad']);
  });
});

it('Swish of operator set 24 has the gradient of x σ(α x)', async () => {
  const b = new GraphBuilder('swish', { opset: 24 });
  const x = b.input('x', 'float32', [5]);
  const [y] = b.node('Swish', [x], { alpha: { type: 'float', value: 1.5 } });
  b.output('y0', b.op.ReduceSum(y ?? x));
  const graph = differentiate(b.build(), 'y0', ['x']);
  const session = await createSession(toOnnx(graph), { threads: 1 });
  const data = wave([5]);
  const out = await session.run({ x: data as Tensor }, ['x.grad']);
  await session.release();
  const f = (v: number) => v / (1 + Math.exp(-1.5 * v));
  const expected = toNumbers(data).map((v) => (f(v + 1e-5) - f(v - 1e-5)) / 2e-5);
  toNumbers(out['x.grad'] as TensorData).forEach((g, i) => expect(g).toBeCloseTo(expected[i] ?? NaN, 4));
});
