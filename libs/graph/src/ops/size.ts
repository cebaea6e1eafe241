import { product } from '../dims.js';
import { zeroGradient, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Size: OpRule<'Size'> = {
  since: 1,
  arity: [1, 1],
  infer: (ctx) => [{ dtype: 'int64', shape: [], known: [product(ctx.input(0).shape)] }],
  // a size does not depend on the elements
  differentiable: [],
  vjp: zeroGradient,
  samples: [sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Size(x))],
};
