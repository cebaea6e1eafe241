import { affineGradients, centredGradient, channelNormInfer, perChannel, statistics } from './channel-norm.js';
import { floatAttr, intAttr, type OpRule, type VjpContext } from './rule.js';
import { real, sample } from './samples.js';
import type { OpFunctions, Value } from './signatures.js';
import { constant } from './samples.js';

const OVER = { axes: [2], keepdims: true } as const;

function byParts(op: OpFunctions, x: Value, s: Value, t: Value, groups: number, epsilon: number): Value {
  const rows = op.Reshape(x, [0, groups, -1]);
  const { mean, r } = statistics({ op, scalar: (v) => constant(op, v) }, rows, OVER, epsilon);
  const normalized = op.Reshape(op.Mul(op.Sub(rows, mean), r), x.shape.map(Number));
  return op.Add(op.Mul(normalized, perChannel({ op }, s, x)), perChannel({ op }, t, x));
}

function gradient(c: VjpContext): readonly (Value | undefined)[] {
  const x = c.input(0);
  const groups = intAttr(c.attrs, 'num_groups', 1);
  const inGroups = (v: Value) => c.op.Reshape(v, [0, groups, -1]);
  const rows = inGroups(x);
  const { mean, r } = statistics(c, rows, OVER, floatAttr(c.attrs, 'epsilon', 1e-5));
  const normalized = c.op.Mul(c.op.Sub(rows, mean), r);
  const dx = () => {
    const h = inGroups(c.op.Mul(c.grad, perChannel(c, c.input(1), x)));
    return c.reshapeLike(centredGradient(c, h, normalized, r, OVER), x);
  };
  return [c.needs(0) ? dx() : undefined, ...affineGradients(c, c.reshapeLike(normalized, x))];
}

/** Wu & He 2018, arXiv 1803.08494, as of operator set 21: scale and bias for each channel. */
export const GroupNormalization: OpRule<'GroupNormalization'> = {
  since: 21,
  arity: [3, 3],
  attrs: { epsilon: 'float', num_groups: 'int', stash_type: 'int' },
  infer: (ctx) => {
    const groups = intAttr(ctx.attrs, 'num_groups', 0);
    const channels = ctx.input(0).shape[1];
    if (groups < 1) ctx.fail('it needs num_groups');
    if (typeof channels === 'number' && channels % groups !== 0)
      ctx.fail(`its ${channels} channels are not a multiple of ${groups} groups`);
    return [channelNormInfer(ctx)];
  },
  emit: (b, x, scale, bias, num_groups, options = {}) => {
    const [y] = b.node('GroupNormalization', [x, scale, bias], {
      num_groups: { type: 'int', value: num_groups },
      ...(options.epsilon === undefined ? {} : { epsilon: { type: 'float', value: options.epsilon } }),
    });
    return y ?? x;
  },
  vjp: gradient,
  samples: [
    sample(
      'two groups',
      { x: real([2, 4, 2, 3]), s: real([4]), t: real([4], { phase: 0.2 }) },
      (op, { x, s, t }) => op.GroupNormalization(x, s, t, 2, { epsilon: 0.01 }),
      { reference: (op, { x, s, t }) => byParts(op, x, s, t, 2, 0.01) },
    ),
  ],
};
