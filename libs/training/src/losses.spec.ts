import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  differentiate,
  gradientName,
  GraphBuilder,
  tensorOf,
  toNumbers,
  toOnnx,
  verify,
  type DType,
  type TensorData,
  type Value,
} from '@strata/graph';
import {
  binaryCrossEntropy,
  cosineEmbedding,
  crossEntropy,
  ctc,
  focal,
  hinge,
  huber,
  infoNce,
  klDivergence,
  meanAbsoluteError,
  meanSquaredError,
  multiClassHinge,
  ntXent,
  smoothL1,
  tripletMargin,
} from '@strata/nn';
import { createSession, type Tensor } from '@strata/runtime';

// Losses of @strata/nn as the runtime computes them in float32, against PyTorch's in float64 (tools/fixtures/pytorch_loss_functions.py).

interface Case {
  readonly name: string;
  readonly loss: string;
  readonly options: Readonly<Record<string, never>>;
  readonly inputs: Readonly<Record<string, { dtype: DType; dims: number[]; data: number[] }>>;
  readonly value: readonly number[];
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}
const { cases } = JSON.parse(
  readFileSync(new URL('./fixtures/pytorch-loss-functions.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

type Inputs = Readonly<Record<'p' | 't' | 'x' | 'y' | 'z' | 'n' | 's', Value>>;
const LOSSES: Readonly<Record<string, (b: GraphBuilder, v: Inputs, o: Case['options']) => Value>> = {
  crossEntropy: (b, v, o) => crossEntropy(b, v.z, v.y, o),
  binaryCrossEntropy: (b, v, o) => binaryCrossEntropy(b, v.z, v.t, o),
  focal: (b, v, o) => focal(b, v.z, v.t, o),
  hinge: (b, v, o) => hinge(b, v.z, v.t, o),
  multiClassHinge: (b, v, o) => multiClassHinge(b, v.z, v.y, o),
  meanSquaredError: (b, v) => meanSquaredError(b, v.p, v.t),
  meanAbsoluteError: (b, v) => meanAbsoluteError(b, v.p, v.t),
  huber: (b, v, o) => huber(b, v.p, v.t, o['delta']),
  smoothL1: (b, v, o) => smoothL1(b, v.p, v.t, o['beta']),
  klDivergence: (b, v, o) => klDivergence(b, v.p, v.t, o),
  cosineEmbedding: (b, v, o) => cosineEmbedding(b, v.x, v.y, v.t, o),
  tripletMargin: (b, v, o) => tripletMargin(b, v.x, v.y, v.z, o),
  infoNce: (b, v, o) => infoNce(b, v.x, v.y, o),
  ntXent: (b, v, o) => ntXent(b, v.x, v.y, o),
  ctc: (b, v, o) => ctc(b, b.op.LogSoftmax(v.z, { axis: 2 }), v.y, v.n, v.s, o),
};

/** Value and gradients with sizes that are known, or with a symbol for the batch. */
async function evaluate(c: Case, symbol: boolean): Promise<Record<string, number[]>> {
  const b = new GraphBuilder();
  const batch = c.loss === 'ctc' ? (name: string) => (name === 'z' ? 1 : 0) : () => 0;
  const inputs = Object.fromEntries(
    Object.entries(c.inputs).map(([name, { dtype, dims }]) => [
      name,
      b.input(
        name,
        dtype,
        // the time of CTC becomes a symbol too
        dims.map((d, i) =>
          !symbol ? d : i === batch(name) ? 'N' : c.loss === 'ctc' && name === 'z' && i === 0 ? 'T' : d,
        ),
      ),
    ]),
  );
  const loss = LOSSES[c.loss]!(b, inputs as Inputs, c.options);
  b.output('value', loss);
  const n = c.value.length;
  // costs without reduction are weighted by 1, 2, …
  const weights = b.constant(
    tensorOf(
      'float32',
      loss.shape.map((_, i) => (i === 0 ? n : 1)),
      c.value.map((_, i) => i + 1),
    ),
  );
  b.output('total', loss.shape.length === 0 ? b.op.Identity(loss) : b.op.ReduceSum(b.op.Mul(loss, weights)));
  const wrt = Object.keys(c.gradients);
  const session = await createSession(toOnnx(verify(differentiate(b.build(), 'total', wrt))));
  const feeds = Object.fromEntries(
    Object.entries(c.inputs).map(([name, t]) => [name, tensorOf(t.dtype, t.dims, t.data) as Tensor]),
  );
  const out = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(out).map(([k, t]) => [k, toNumbers(t as TensorData)]));
}

const expectClose = (actual: readonly number[], wanted: readonly number[]): void => {
  expect(actual).toHaveLength(wanted.length);
  const largest = Math.max(...wanted.map(Math.abs), 1e-3);
  actual.forEach((a, i) => expect(Math.abs(a - wanted[i]!) / largest).toBeLessThan(2e-5));
};

describe('losses are those of PyTorch', () => {
  it.each(cases.map((c) => [c.name, c] as const))('%s', async (_, c) => {
    for (const symbol of [false, true]) {
      const out = await evaluate(c, symbol);
      expectClose(out['value']!, c.value);
      for (const [name, gradient] of Object.entries(c.gradients)) expectClose(out[gradientName(name)]!, gradient);
    }
  });

  it('a batch whose labels are all ignored costs 0 and moves nothing', async () => {
    const c = cases.find((x) => x.name === 'cross-entropy, ignored labels')!;
    const y = { ...c.inputs['y']!, data: [-100, -100, -100, -100, -100, -100] };
    const out = await evaluate({ ...c, inputs: { ...c.inputs, y } }, false);
    expect(out['value']).toEqual([0]);
    expect(out[gradientName('z')]!.every((g) => g === 0)).toBe(true);
  });

  it('a label sequence that does not fit its input costs infinity', async () => {
    const c = cases.find((x) => x.name === 'CTC, a sequence that does not fit')!;
    const out = await evaluate(
      { ...c, options: { reduction: 'none' } as unknown as Case['options'], value: [0, 0, 0, 0] },
      false,
    );
    expect(out['value']!.map(Number.isFinite)).toEqual([true, true, true, false]);
  });

  it('say what they cannot take', () => {
    const b = new GraphBuilder();
    const z = b.input('z', 'float32', ['N', 3]);
    const y = b.input('y', 'int64', ['N']);
    expect(() => crossEntropy(b, z, b.input('y2', 'int64', ['N', 'L']))).toThrow('one label for each row');
    expect(() => multiClassHinge(b, b.input('open', 'float32', ['N', 'C']), y)).toThrow('known number of classes');
    const time = b.input('time', 'float32', ['T', 'N', 'C']);
    expect(() => ctc(b, time, b.input('l', 'int64', ['N', 2]), y, y)).toThrow('known C');
  });
});

describe('InfoNCE', () => {
  it.each(['N', 3])('leaves rows of one group out of the negatives and weighs rows: batch %s', async (batch) => {
    const b = new GraphBuilder();
    const [x, y] = ['x', 'y'].map((n) => b.input(n, 'float32', [batch, 2])) as [Value, Value];
    const options = { temperature: 0.5, symmetric: true };
    const groups = b.input('groups', 'int64', [batch]);
    b.output('loss', infoNce(b, x, y, { ...options, groups, sampleWeights: b.input('w', 'float32', [batch]) }));
    const queries = [1, 0, 0.6, 0.8, 0, 1];
    const keys = [0.8, 0.6, 0, 1, 1, 0];
    const session = await createSession(toOnnx(verify(b.build())));
    const out = await session.run({
      x: tensorOf('float32', [3, 2], queries) as Tensor,
      y: tensorOf('float32', [3, 2], keys) as Tensor,
      groups: tensorOf('int64', [3], [7, 8, 7]) as Tensor,
      w: tensorOf('float32', [3], [1, 2, 3]) as Tensor,
    });
    await session.release();
    // cosines / 0.5, where rows 0 and 2 are of one group
    const z = [
      [1.6, 0, undefined],
      [1.92, 1.6, 1.2],
      [undefined, 2, 0],
    ];
    const cost = (row: readonly (number | undefined)[], own: number): number =>
      Math.log(row.reduce<number>((sum, v) => sum + (v === undefined ? 0 : Math.exp(v)), 0)) - (row[own] as number);
    const mean = (rows: typeof z): number => rows.reduce((sum, r, i) => sum + (i + 1) * cost(r, i), 0) / 6;
    const across = z.map((_, i) => z.map((r) => r[i]));
    expect(toNumbers(out['loss'] as TensorData)[0]).toBeCloseTo((mean(z) + mean(across)) / 2, 5);
  });
});
