import { sameAsInput } from './elementwise.js';
import type { OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Identity: OpRule<'Identity'> = {
  since: 1,
  arity: [1, 1],
  infer: (ctx) => sameAsInput(ctx).map((type) => ({ ...type, known: ctx.input(0).known })),
  // x' = 1
  vjp: (c) => [c.grad],
  samples: [sample('plain', { x: real([2, 3]) }, (op, { x }) => op.Identity(x))],
};
