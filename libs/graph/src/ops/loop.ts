import { steadyTypes } from './control-flow.js';
import { notDifferentiable, type Inferred, type OpRule } from './rule.js';
import { real, sample } from './samples.js';

export const Loop: OpRule<'Loop'> = {
  since: 11,
  arity: [2, Infinity],
  outputs: [0, Infinity],
  attrs: { body: 'graph' },
  infer: (ctx) => {
    const body = ctx.attrs['body'];
    if (body?.type !== 'graph') return ctx.fail('it needs a body');
    const initial = ctx.inputs.slice(2).map((_, i) => ctx.input(2 + i));
    const head = [
      { dtype: 'int64', shape: [] },
      { dtype: 'bool', shape: [] },
    ] as const;
    const round = (states: readonly Inferred[]) => ctx.subgraph(body.value, [...head, ...states]);
    const states = steadyTypes(initial, (s) => round(s).slice(1), ctx.node);
    const rows = round(states).slice(1 + states.length);
    return [
      ...states,
      ...rows.map((r, i): Inferred => {
        if (!r) return ctx.fail(`the type of its scan output ${i} is not known`);
        return { dtype: r.dtype, shape: ['?', ...r.shape] };
      }),
    ];
  },
  emit: (b, trips, condition, states, fill) => {
    const count = typeof trips === 'number' ? b.scalar(trips, 'int64') : trips;
    const types = [{ dtype: 'int64', shape: [] } as const, { dtype: 'bool', shape: [] } as const, ...states];
    const body = b.body('loop', types, (inner, i, going, ...s) => {
      if (!i || !going) throw new TypeError('a loop body has two inputs before its states');
      return fill(inner, i, going, ...s);
    });
    return b.node(
      'Loop',
      [count, condition, ...states],
      { body: { type: 'graph', value: body } },
      {
        outputs: body.outputs.length - 1,
      },
    );
  },
  vjp: notDifferentiable('the number of its rounds is known only when it runs; export the loop unrolled, or as Scan'),
  samples: [
    sample('three rounds', { x: real([2]) }, (op, { x }) =>
      op.Loop(3, undefined, [x], (b, _, going, s) => {
        const next = b.op.Mul(s ?? x, x);
        return [b.op.Identity(going), next, next];
      }),
    ),
  ],
};
