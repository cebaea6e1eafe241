import { product } from '../dims.js';
import { intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Flatten: OpRule<'Flatten'> = {
  since: 1,
  arity: [1, 1],
  attrs: { axis: 'int' },
  infer: (ctx) => {
    const { dtype, shape } = ctx.input(0);
    const given = intAttr(ctx.attrs, 'axis', 1);
    if (given < -shape.length || given > shape.length)
      ctx.fail(`axis ${given} does not exist in a tensor of rank ${shape.length}`);
    const axis = given < 0 ? given + shape.length : given;
    return [{ dtype, shape: [product(shape.slice(0, axis)), product(shape.slice(axis))] }];
  },
  vjp: (c) => [c.reshapeLike(c.grad, c.input(0))],
  samples: [
    sample('default', { x: real([2, 3, 2]) }, (op, { x }) => op.Flatten(x)),
    sample('axis 2', { x: real([2, 3, 2]) }, (op, { x }) => op.Flatten(x, { axis: 2 })),
  ],
};
