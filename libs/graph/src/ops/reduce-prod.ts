import { product } from '../dims.js';
import { REDUCE, reduceEmit, reduceInfer } from './reduction.js';
import { notDifferentiable, type OpRule } from './rule.js';
import { ints, sample } from './samples.js';

export const ReduceProd: OpRule<'ReduceProd'> = {
  ...REDUCE,
  infer: (ctx) => {
    const [type] = reduceInfer(ctx);
    if (!type) return [];
    const known = ctx.input(0).known;
    return [{ ...type, known: known && type.shape.length <= 1 && !ctx.inputs[1] ? [product(known)] : undefined }];
  },
  emit: reduceEmit('ReduceProd'),
  vjp: notDifferentiable('the product of zeros has no quotient form; use Exp of the ReduceSum of logarithms'),
  samples: [sample('sizes', { x: ints([3], [2, 3, 4]) }, (op, { x }) => op.ReduceProd(x))],
};
