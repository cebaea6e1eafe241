import { sum } from '../dims.js';
import { axisOf, intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Concat: OpRule<'Concat'> = {
  since: 4,
  arity: [1, Infinity],
  attrs: { axis: 'int' },
  infer: (ctx) => {
    const inputs = ctx.inputs.map((_, i) => ctx.input(i));
    const first = ctx.input(0);
    const axis = axisOf(intAttr(ctx.attrs, 'axis', 0), first.shape.length, (p) => ctx.fail(p));
    const shape = [...first.shape];
    for (const x of inputs) {
      if (x.dtype !== first.dtype) ctx.fail(`its inputs have the types ${first.dtype} and ${x.dtype}`);
      if (x.shape.length !== shape.length) ctx.fail('its inputs have different ranks');
      x.shape.forEach((d, i) => {
        const old = shape[i];
        if (i === axis || old === undefined) return;
        if (typeof d === 'number' && typeof old === 'number' && d !== old)
          ctx.fail(`axis ${i} has the sizes ${old} and ${d}`);
        // sizes beside the axis are equal, so a number tells what a symbol is
        if (typeof d === 'number') shape[i] = d;
      });
    }
    shape[axis] = sum(inputs.map((x) => x.shape[axis] ?? 0));
    const known = shape.length === 1 && inputs.every((x) => x.known) ? inputs.flatMap((x) => x.known ?? []) : undefined;
    return [{ dtype: first.dtype, shape, known }];
  },
  emit: (b, inputs, axis) => {
    const [y] = b.node('Concat', inputs, { axis: { type: 'int', value: axis } });
    return y ?? inputs[0];
  },
  // each input gets its part of the adjoint
  vjp: (c) => {
    const axis = axisOf(intAttr(c.attrs, 'axis', 0), c.grad.shape.length, (p) => c.fail(p));
    const inputs = c.inputs.map((_, i) => c.input(i));
    if (inputs.length === 1) return [c.grad];
    const sizes = inputs.map((x) => x.shape[axis]);
    const fixed = sizes.filter((s) => typeof s === 'number');
    const [first, ...rest] = inputs.map((x) => c.op.Shape(x, { start: axis, end: axis + 1 }));
    if (fixed.length === sizes.length || !first) return c.op.Split(c.grad, fixed, axis);
    return c.op.Split(c.grad, c.op.Concat([first, ...rest], 0), axis);
  },
  samples: [
    sample('rows', { a: real([1, 3]), b: real([2, 3]) }, (op, { a, b }) => op.Concat([a, b], 0)),
    sample(
      'last axis, three',
      { a: real([2, 1]), b: real([2, 3]), d: real([2, 2], { phase: 0.3 }) },
      (op, { a, b, d }) => op.Concat([a, b, d], -1),
    ),
  ],
};
