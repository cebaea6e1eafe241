import { product, quotient } from '../dims.js';
import { intAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const SpaceToDepth: OpRule<'SpaceToDepth'> = {
  since: 1,
  arity: [1, 1],
  attrs: { blocksize: 'int' },
  infer: (ctx) => {
    const x = ctx.input(0);
    const size = intAttr(ctx.attrs, 'blocksize', 0);
    const [n = 1, c = 1, ...sizes] = x.shape;
    if (sizes.length !== 2 || size < 1) ctx.fail('it takes an image [N, C, H, W] and a blocksize');
    const small = sizes.map((d) => {
      if (typeof d === 'number' && d % size !== 0) ctx.fail(`its size ${d} is not a multiple of ${size}`);
      return quotient([d], [size]) ?? '?';
    });
    return [{ dtype: x.dtype, shape: [n, product([c, size * size]), ...small] }];
  },
  emit: (b, x, blocksize) => b.node('SpaceToDepth', [x], { blocksize: { type: 'int', value: blocksize } })[0] ?? x,
  // the inverse permutation
  vjp: (c) => [c.op.DepthToSpace(c.grad, intAttr(c.attrs, 'blocksize', 1))],
  samples: [sample('blocks of 2', { x: real([2, 2, 4, 6]) }, (op, { x }) => op.SpaceToDepth(x, 2))],
};
