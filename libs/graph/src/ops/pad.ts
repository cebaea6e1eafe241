import { isStatic, sum } from '../dims.js';
import { tensorOf } from '../tensor.js';
import type { Attrs } from '../types.js';
import { stringAttr, type OpRule, type VjpContext } from './rule.js';
import { real, sample } from './samples.js';
import type { Value } from './signatures.js';

/** Index of the element that each place of a padded axis shows. */
function shown(mode: string, n: number, before: number, after: number): number[] {
  return Array.from({ length: Math.max(0, n + before + after) }, (_, k) => {
    const i = k - before;
    if (mode === 'wrap') return ((i % n) + n) % n;
    if (mode === 'edge' || n === 1) return Math.min(n - 1, Math.max(0, i));
    const period = 2 * (n - 1);
    const folded = ((i % period) + period) % period;
    return folded < n ? folded : period - folded;
  });
}

/** Places that show an element give it their adjoints: a product with a matrix of zeros and ones along each padded axis. */
function folded(c: VjpContext, mode: string): readonly Value[] {
  const { op } = c;
  const x = c.input(0);
  const pads = c.input(1).known?.map(Number);
  const rank = x.shape.length;
  if (!pads || pads.some(Number.isNaN))
    return c.fail(`it has a gradient in mode "${mode}" for pads that are known only`);
  let grad = c.grad;
  for (let axis = 0; axis < rank; axis++) {
    const [before, after] = [pads[axis] ?? 0, pads[axis + rank] ?? 0];
    if (before === 0 && after === 0) continue;
    const n = x.shape[axis];
    if (typeof n !== 'number')
      return c.fail(`it has a gradient in mode "${mode}" for padded axes of known size only; axis ${axis} is "${n}"`);
    const from = shown(mode, n, before, after);
    const matrix = new Float32Array(n * from.length);
    from.forEach((i, k) => (matrix[i * from.length + k] = 1));
    const gather = c.constant(tensorOf(x.dtype, [n, from.length], matrix));
    const last = rank - 1;
    const perm = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
    const turn = (v: Value) => (axis === last ? v : op.Transpose(v, perm));
    grad = turn(op.MatMul(turn(grad), op.Transpose(gather, [1, 0])));
  }
  return [grad];
}

export const Pad: OpRule<'Pad'> = {
  since: 11,
  arity: [2, 4],
  attrs: { mode: 'string' },
  differentiable: [0],
  infer: (ctx) => {
    const { dtype, shape } = ctx.input(0);
    const pads = ctx.input(1).known;
    if (ctx.inputs[3]) return [{ dtype, shape: shape.map(() => '?') }];
    if (!pads) return [{ dtype, shape: shape.map(() => '?') }];
    const rank = shape.length;
    if (pads.length !== 2 * rank) ctx.fail(`it needs ${2 * rank} pads for rank ${rank}, not ${pads.length}`);
    return [{ dtype, shape: shape.map((d, i) => sum([d, pads[i] ?? 0, pads[rank + i] ?? 0])) }];
  },
  emit: (b, x, pads, value, options = {}) => {
    const attrs: Attrs = options.mode ? { mode: { type: 'string', value: options.mode } } : {};
    const [y] = b.node('Pad', [x, 'dtype' in pads ? pads : b.ints(pads), value], attrs);
    return y ?? x;
  },
  vjp: (c) => {
    const x = c.input(0);
    if (c.inputs[3]) return c.fail('it has a gradient over all axes only');
    const mode = stringAttr(c.attrs, 'mode', 'constant');
    if (mode !== 'constant') return folded(c, mode);
    const rank = x.shape.length;
    const pads = c.input(1).known;
    // cuts the padding off again; what was cut off by negative padding gets zeros
    if (pads?.some((p) => Number(p) < 0))
      return [
        c.op.Pad(
          c.grad,
          pads.map((p) => -Number(p)),
        ),
      ];
    const starts = c.op.Slice(c.input(1), [0], [rank]);
    const ends =
      isStatic(x.shape) && pads ? c.ints(x.shape.map((d, i) => d + Number(pads[i]))) : c.op.Add(starts, c.shapeOf(x));
    return [c.op.Slice(c.grad, starts, ends)];
  },
  samples: [
    sample('zeros', { x: real([2, 3]) }, (op, { x }) => op.Pad(x, [1, 0, 0, 2])),
    sample('cut and padded', { x: real([4, 3]) }, (op, { x }) => op.Pad(x, [-1, 1, 0, -1])),
    sample(
      'reflected',
      { x: real([1, 3, 4]) },
      (op, { x }) => op.Pad(x, [0, 2, 1, 0, 1, 3], undefined, { mode: 'reflect' }),
      {
        static: true,
      },
    ),
    sample('edge', { x: real([2, 3]) }, (op, { x }) => op.Pad(x, [1, 2, 0, 3], undefined, { mode: 'edge' }), {
      static: true,
    }),
  ],
};
