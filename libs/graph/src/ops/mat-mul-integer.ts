import { matmulShape } from './matmul.js';
import { notDifferentiable, type OpRule } from './rule.js';
import { sample } from './samples.js';

export const MatMulInteger: OpRule<'MatMulInteger'> = {
  since: 10,
  arity: [2, 4],
  infer: (ctx) => {
    for (const x of [ctx.input(0), ctx.input(1)])
      if (x.dtype !== 'int8' && x.dtype !== 'uint8') ctx.fail(`it takes int8 or uint8, not ${x.dtype}`);
    return [{ dtype: 'int32', shape: matmulShape(ctx.input(0).shape, ctx.input(1).shape, (p) => ctx.fail(p)) }];
  },
  vjp: notDifferentiable('integers have no derivative'),
  samples: [
    sample(
      'uint8 by int8',
      {
        a: { dtype: 'uint8', shape: [2, 2], values: [1, 200, 3, 4] },
        b: { dtype: 'int8', shape: [2, 1], values: [-5, 6] },
        z: { dtype: 'uint8', shape: [], values: [3] },
      },
      (op, { a, b, z }) => op.MatMulInteger(a, b, z),
    ),
  ],
};
