import { product, quotient } from '../dims.js';
import type { Dim } from '../types.js';
import { intAttr, stringAttr, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

/** Shi et al. 2016, arXiv 1609.05158 (pixel shuffle). Channels come as blocks of places (DCR), or places as blocks of channels (CRD, as PyTorch has them). */
export const DepthToSpace: OpRule<'DepthToSpace'> = {
  since: 11,
  arity: [1, 1],
  attrs: { blocksize: 'int', mode: 'string' },
  infer: (ctx) => {
    const x = ctx.input(0);
    const size = intAttr(ctx.attrs, 'blocksize', 0);
    const [n = 1, c = 1, h = 1, w = 1] = x.shape;
    if (x.shape.length !== 4 || size < 1) ctx.fail('it takes an image [N, C, H, W] and a blocksize');
    if (typeof c === 'number' && c % (size * size) !== 0) ctx.fail(`its ${c} channels are not a multiple of ${size}²`);
    const channels: Dim = quotient([c], [size * size]) ?? '?';
    return [{ dtype: x.dtype, shape: [n, channels, product([h, size]), product([w, size])] }];
  },
  emit: (b, x, blocksize, options = {}) => {
    const [y] = b.node('DepthToSpace', [x], {
      blocksize: { type: 'int', value: blocksize },
      mode: { type: 'string', value: options.mode ?? 'DCR' },
    });
    return y ?? x;
  },
  // the inverse permutation
  vjp: (c) => {
    const size = intAttr(c.attrs, 'blocksize', 1);
    const apart = c.op.SpaceToDepth(c.grad, size);
    if (stringAttr(c.attrs, 'mode', 'DCR') === 'DCR') return [apart];
    // SpaceToDepth puts places before channels: [N, b², C, …] → [N, C, b², …]
    const x = c.input(0);
    const [, channels] = x.shape;
    if (typeof channels !== 'number') return c.fail('its channels have no known number');
    const sizes = c.op.Shape(x, { start: 2 });
    const head = [0, size * size, channels / (size * size)];
    const split = c.op.Reshape(apart, c.op.Concat([c.ints(head), sizes], 0));
    return [c.reshapeLike(c.op.Transpose(split, [0, 2, 1, 3, 4]), x)];
  },
  samples: [
    sample('places first', { x: real([2, 8, 2, 3]) }, (op, { x }) => op.DepthToSpace(x, 2)),
    sample('channels first', { x: real([2, 8, 2, 3]) }, (op, { x }) => op.DepthToSpace(x, 2, { mode: 'CRD' }), {
      static: true,
    }),
  ],
};
