import { broadcastDim, showShape } from '../dims.js';
import { floatAttr, intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Gemm: OpRule<'Gemm'> = {
  since: 7,
  arity: [2, 3],
  attrs: { alpha: 'float', beta: 'float', transA: 'int', transB: 'int' },
  infer: (ctx) => {
    const [a, b, bias] = [ctx.input(0), ctx.input(1), ctx.inputs[2]];
    if (a.dtype !== b.dtype || (bias && bias.dtype !== a.dtype)) ctx.fail('its inputs must have one type');
    if (a.shape.length !== 2 || b.shape.length !== 2)
      return ctx.fail(`it takes matrices, not ${showShape(a.shape)} and ${showShape(b.shape)}`);
    const [m, k] = intAttr(ctx.attrs, 'transA', 0) ? [a.shape[1], a.shape[0]] : a.shape;
    const [k2, n] = intAttr(ctx.attrs, 'transB', 0) ? [b.shape[1], b.shape[0]] : b.shape;
    if (typeof k === 'number' && typeof k2 === 'number' && k !== k2)
      return ctx.fail(`its operands ${showShape(a.shape)} and ${showShape(b.shape)} do not fit`);
    const shape = [m ?? 1, n ?? 1];
    bias?.shape.forEach((d, i) => {
      const out = shape[i + 2 - bias.shape.length];
      if (out === undefined || broadcastDim(d, out) === undefined)
        ctx.fail(`its bias ${showShape(bias.shape)} cannot be broadcast to ${showShape(shape)}`);
    });
    return [{ dtype: a.dtype, shape }];
  },
  // Y = α A' B' + β C: dA' = α dY B'ᵀ, dB' = α A'ᵀ dY, dC = β dY; a transposed operand gets the transposed adjoint
  vjp: (c) => {
    const [a, b, bias] = [c.input(0), c.input(1), c.inputs[2]];
    const alpha = floatAttr(c.attrs, 'alpha', 1);
    const beta = floatAttr(c.attrs, 'beta', 1);
    const transA = intAttr(c.attrs, 'transA', 0) === 1;
    const transB = intAttr(c.attrs, 'transB', 0) === 1;
    const da = () =>
      transA
        ? c.op.Gemm(b, c.grad, undefined, { alpha, transA: transB, transB: true })
        : c.op.Gemm(c.grad, b, undefined, { alpha, transA: false, transB: !transB });
    const db = () =>
      transB
        ? c.op.Gemm(c.grad, a, undefined, { alpha, transA: true, transB: transA })
        : c.op.Gemm(a, c.grad, undefined, { alpha, transA: !transA, transB: false });
    const dc = () => {
      if (!bias) return undefined;
      const g = c.unbroadcast(c.grad, bias);
      return beta === 1 ? g : c.op.Mul(g, c.scalar(beta, g.dtype));
    };
    return [c.needs(0) ? da() : undefined, c.needs(1) ? db() : undefined, c.needs(2) ? dc() : undefined];
  },
  samples: [
    sample('with bias', { a: real([2, 3]), b: real([3, 4]), d: real([4]) }, (op, { a, b, d }) => op.Gemm(a, b, d)),
    sample('without bias', { a: real([2, 3]), b: real([3, 4]) }, (op, { a, b }) =>
      op.Gemm(a, b, undefined, { alpha: 0.5 }),
    ),
    sample('transposed right', { a: real([2, 3]), b: real([4, 3]), d: real([2, 1]) }, (op, { a, b, d }) =>
      op.Gemm(a, b, d, { transB: true, alpha: 0.5, beta: -2 }),
    ),
    sample('transposed left', { a: real([3, 2]), b: real([3, 4]), d: real([2, 4]) }, (op, { a, b, d }) =>
      op.Gemm(a, b, d, { transA: true }),
    ),
    sample('both transposed', { a: real([3, 2]), b: real([4, 3]) }, (op, { a, b }) =>
      op.Gemm(a, b, undefined, { transA: true, transB: true }),
    ),
  ],
};
