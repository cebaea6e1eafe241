import { describe, expect, it } from '@jest/globals';
import { foldConstants, GraphBuilder, tensorOf, toOnnx, type DType, type TensorData, type Value } from '@strata/graph';
import { createSession } from './session.js';

const t = (dtype: DType, dims: number[], values: (number | bigint)[]): TensorData => tensorOf(dtype, dims, values);
const m = t('int64', [2, 3], [5, -7, 3, 0, 11, 2]);
const v = t('int64', [3], [2, -3, 4]);
const f = t('float32', [2, 3], [0.5, -1.5, 2.5, 0.1, 4, 9]);
const g = t('float32', [3], [0.3, 2.5, -0.7]);
const p = t('bool', [3], [1, 0, 1]);
const axes = (...values: number[]): TensorData => t('int64', [values.length], values);

/** Graphs of constants alone: folding works them out, and the runtime says what they are. */
const CASES: Readonly<Record<string, (b: GraphBuilder, c: (x: TensorData) => Value) => Value>> = {
  'integer arithmetic': (b, c) => b.op.Sub(b.op.Mul(b.op.Add(c(m), c(v)), c(v)), c(axes(7))),
  'integer division': (b, c) => b.op.Div(c(m), c(v)),
  'floating arithmetic': (b, c) => b.op.Div(b.op.Mul(b.op.Add(c(f), c(g)), c(g)), c(f)),
  'remainder of a negative': (b, c) => b.op.Mod(c(m), c(v)),
  'largest of three': (b, c) => b.op.Max(c(f), c(g), c(t('float32', [], [0.2]))),
  smallest: (b, c) => b.op.Min(c(m), c(v)),
  comparisons: (b, c) => b.op.Or(b.op.And(b.op.Less(c(f), c(g)), c(p)), b.op.Not(b.op.GreaterOrEqual(c(f), c(g)))),
  equality: (b, c) => b.op.Xor(b.op.Equal(c(m), c(v)), c(p)),
  'roots and signs': (b, c) => b.op.Mul(b.op.Sign(c(f)), b.op.Sqrt(b.op.Abs(b.op.Neg(c(f))))),
  'ties to even': (b, c) => b.op.Add(b.op.Round(c(f)), b.op.Add(b.op.Floor(c(f)), b.op.Ceil(c(f)))),
  reciprocal: (b, c) => b.op.Reciprocal(c(f)),
  'to integers': (b, c) => b.op.Cast(c(f), 'int64'),
  'to truth': (b, c) => b.op.Cast(c(f), 'bool'),
  'to floats': (b, c) => b.op.Cast(c(m), 'float32'),
  'like another': (b, c) => b.op.CastLike(c(m), c(g)),
  'product of columns': (b, c) => b.op.ReduceProd(c(m), { axes: [0] }),
  'sums, kept': (b, c) => b.op.ReduceSum(c(m), { axes: [-1], keepdims: true }),
  'extremes of all': (b, c) => b.op.Add(b.op.ReduceMax(c(m)), b.op.ReduceMin(c(m))),
  range: (b) => b.op.Range(b.scalar(7, 'int64'), b.scalar(-4, 'int64'), b.scalar(-3, 'int64')),
  'shape and size': (b, c) => b.op.Add(b.op.Shape(c(m), { start: -1 }), b.op.Size(c(m))),
  'a filled shape': (b, c) => b.op.ConstantOfShape(c(axes(2, 2)), t('int32', [1], [7])),
  reshaped: (b, c) => b.op.Reshape(c(m), c(axes(0, -1, 1))),
  flattened: (b, c) => b.op.Flatten(c(m), { axis: 0 }),
  'axes put in and taken out': (b, c) => b.op.Squeeze(b.op.Unsqueeze(c(m), [0, 3]), [0]),
  transposed: (b, c) =>
    b.op.Transpose(b.op.Reshape(c(t('float32', [8], [1, 2, 3, 4, 5, 6, 7, 8])), [2, 2, 2]), [2, 0, 1]),
  expanded: (b, c) => b.op.Expand(b.op.Unsqueeze(c(v), [1]), c(axes(2, 1, 2))),
  tiled: (b, c) => b.op.Tile(c(m), [2, 2]),
  'put together': (b, c) => b.op.Concat([c(m), c(m), b.op.Unsqueeze(c(v), [0])], 0),
  'put together by columns': (b, c) => b.op.Concat([c(f), c(f)], -1),
  'picked rows': (b, c) => b.op.Gather(c(m), c(t('int64', [2, 1], [1, -2])), { axis: 1 }),
  'to the very end': (b, c) => b.op.Slice(c(m), c(axes(1)), c(t('int64', [1], [9223372036854775807n])), [1]),
  'from the back': (b, c) => b.op.Slice(c(m), [-1, 10], [-10, 0], [0, 1], [-1, -2]),
  chosen: (b, c) => b.op.Where(c(p), c(f), c(g)),
  triangles: (b, c) => b.op.Add(b.op.Trilu(c(m), { k: 1 }), b.op.Trilu(c(m), { upper: false })),
};

describe('constants are folded to what the runtime gives', () => {
  it.each(Object.entries(CASES))('%s', async (_, build) => {
    const b = new GraphBuilder();
    let n = 0;
    b.output('y', b.op.Identity(build(b, (x) => b.initializer(`c${n++}`, x))));
    const graph = b.build();
    const folded = foldConstants(graph);
    // the node that gives the output its name is all that is left
    expect(folded.nodes.map((x) => x.op)).toEqual(['Identity']);
    const run = async (x: typeof graph) => {
      const session = await createSession(toOnnx(x), { threads: 1, optimization: 'disabled' });
      const { y } = await session.run({});
      await session.release();
      return y;
    };
    expect(await run(folded)).toEqual(await run(graph));
  });
});
