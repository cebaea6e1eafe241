import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  GraphBuilder,
  differentiate,
  gradientName,
  tensorOf,
  toNumbers,
  toOnnx,
  verify,
  type Graph,
  type TensorData,
} from '@strata/graph';
import { recurrent, recurrentFromPyTorch, type PyTorchRecurrent, type RecurrentCell } from '@strata/nn';
import { createSession, type Tensor } from '@strata/runtime';

interface Case {
  readonly kind: RecurrentCell;
  readonly lengths: number[];
  readonly shape: [number, number, number];
  readonly units: number;
  readonly x: number[];
  readonly outputs: number[];
  readonly last: number[];
  readonly layers: PyTorchRecurrent[][];
  readonly gradients: { x: number[]; layers: PyTorchRecurrent[][] };
}
const { cases } = JSON.parse(readFileSync(new URL('./fixtures/pytorch-recurrent.json', import.meta.url), 'utf8')) as {
  cases: Case[];
};

/** Two layers, both ways; the loss is Σ cos(k) outputs[k] + Σ cos(k) last[k]. */
function network({ kind, shape, units }: Case, steps: number): Graph {
  const b = new GraphBuilder(kind);
  const x = b.input('x', 'float32', ['N', steps, shape[2]]);
  const lengths = b.input('lengths', 'int64', ['N']);
  const net = recurrent(b, kind, x, { name: 'net', units, layers: 2, bidirectional: true, lengths });
  const parts = [net.outputs(), net.last()].map((v, i) => {
    b.output(i === 0 ? 'outputs' : 'last', v);
    return b.op.ReduceSum(b.op.Mul(v, b.input(`w${i}`, 'float32', v.shape)));
  });
  b.output(
    'loss',
    parts.reduce((a, c) => b.op.Add(a, c)),
  );
  return b.build();
}

function feedsOf(k: Case, steps: number): Record<string, Tensor> {
  const [rows, real, features] = k.shape;
  // steps beyond the real ones hold numbers that would show
  const x = Array.from({ length: rows * steps * features }, (_, i) => {
    const [row, rest] = [Math.floor(i / (steps * features)), i % (steps * features)];
    return rest < real * features ? (k.x[row * real * features + rest] as number) : 9;
  });
  const cos = (dims: number[], of: (i: number) => number): Tensor =>
    tensorOf(
      'float32',
      dims,
      Array.from({ length: dims.reduce((a, d) => a * d, 1) }, (_, i) => of(i)),
    ) as Tensor;
  const wide = 2 * k.units;
  return {
    x: tensorOf('float32', [rows, steps, features], x) as Tensor,
    lengths: tensorOf('int64', [rows], k.lengths) as Tensor,
    w0: cos([rows, steps, wide], (i) => {
      const [row, rest] = [Math.floor(i / (steps * wide)), i % (steps * wide)];
      return rest < real * wide ? Math.cos(row * real * wide + rest) : 5;
    }),
    w1: cos([rows, wide], Math.cos),
    ...Object.fromEntries(
      k.layers.flatMap((directions, layer) =>
        Object.entries(recurrentFromPyTorch(k.kind, k.units, directions)).map(([name, data]) => {
          const lead = name === 'B' ? [2] : [2, data.length / 2 / (name === 'R' ? k.units : layer ? wide : features)];
          const last = data.length / lead.reduce((a, d) => a * d, 1);
          return [`net/layer_${layer}/${name}`, tensorOf('float32', [...lead, last], data) as Tensor];
        }),
      ),
    ),
  };
}

const run = async (graph: Graph, feeds: Record<string, Tensor>, outputs: string[]): Promise<number[][]> => {
  const session = await createSession(toOnnx(verify(graph)));
  const known = new Set(graph.inputs.map((i) => i.name));
  const result = await session.run(Object.fromEntries(Object.entries(feeds).filter(([n]) => known.has(n))), outputs);
  await session.release();
  return outputs.map((o) => toNumbers(result[o] as TensorData));
};
const near = (got: readonly number[] | undefined, want: readonly number[]): void => {
  expect(got).toHaveLength(want.length);
  want.forEach((v, i) => expect(Math.abs((got?.[i] ?? NaN) - v)).toBeLessThan(1e-5 * Math.max(1, Math.abs(v))));
};

describe.each(cases.map((k) => [k.kind, k] as const))('%s of two layers, both ways, on padded rows', (_, k) => {
  const wrt = ['x', ...[0, 1].flatMap((l) => ['W', 'R', 'B'].map((n) => `net/layer_${l}/${n}`))];
  const [rows, real] = k.shape;

  // the padding of the second run is longer than that of the first
  it.each([real, real + 2])(
    'gives the outputs and gradients of PyTorch in %i steps, fused and in the trained form',
    async (steps) => {
      const graph = network(k, steps);
      const feeds = feedsOf(k, steps);
      const trained = differentiate(graph, 'loss', wrt);
      expect(graph.nodes.some((n) => n.op === k.kind.toUpperCase())).toBe(true);
      expect(trained.nodes.some((n) => n.op === k.kind.toUpperCase())).toBe(false);
      for (const form of [graph, trained]) {
        const [outputs, last] = await run(form, feeds, ['outputs', 'last']);
        const wide = 2 * k.units;
        near(
          outputs?.filter((_v, i) => Math.floor(i / wide) % steps < real),
          k.outputs,
        );
        expect(outputs?.filter((_v, i) => Math.floor(i / wide) % steps >= real).every((v) => v === 0)).toBe(true);
        near(last, k.last);
      }
      const [x, ...weights] = await run(trained, feeds, wrt.map(gradientName));
      const width = x ? x.length / rows / steps : 0;
      near(
        x?.filter((_v, i) => Math.floor(i / width) % steps < real),
        k.gradients.x,
      );
      const expected = k.gradients.layers.flatMap((d) => {
        const { W, R, B } = recurrentFromPyTorch(k.kind, k.units, d);
        return [W, R, B];
      });
      expected.forEach((w, i) => near(weights[i], [...w]));
    },
  );
});

it('a sequence of unknown length has no trained form, and the message names the operator', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['N', 'T', 2]);
  b.output('loss', b.op.ReduceSum(recurrent(b, 'gru', x, { name: 'net', units: 3 }).last()));
  expect(() => differentiate(b.build(), 'loss', ['net/layer_0/R'])).toThrow(/GRU "net\/layer_0\/GRU".*number of steps/);
});
