import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

/**
 * As a model is exported: the identity. The training form draws numbers of its own, which no seed of Strata governs; `importGraph` replaces it by a keep-mask that the
 * trainer draws, and so do models built here (`dropout` of @strata/nn).
 */
export const Dropout: OpRule<'Dropout'> = {
  since: 12,
  arity: [1, 3],
  outputs: [1, 2],
  attrs: { seed: 'int' },
  differentiable: [0],
  infer: (ctx) => {
    const { dtype, shape } = ctx.input(0);
    return [
      { dtype, shape },
      { dtype: 'bool', shape },
    ];
  },
  emit: (b, x) => b.node('Dropout', [x])[0] ?? x,
  vjp: (c) => {
    if (c.inputs[2])
      return c.fail('its training form draws numbers that cannot be drawn again; import the model with importGraph');
    return [c.grad];
  },
  samples: [
    sample('inference', { x: real([2, 3]) }, (op, { x }) => op.Dropout(x), {
      reference: (op, { x }) => op.Identity(x),
    }),
  ],
};
