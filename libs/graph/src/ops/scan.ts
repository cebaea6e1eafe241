import { isFloat } from '../tensor.js';
import type { Attrs, Dim, Graph, TensorType } from '../types.js';
import { steadyTypes, standalone } from './control-flow.js';
import {
  intAttr,
  intsAttr,
  type InferContext,
  type Inferred,
  type OpRule,
  type TrainedContext,
  type VjpContext,
} from './rule.js';
import { real, sample } from './samples.js';
import type { Value } from './signatures.js';

/** What the attributes of a Scan say about its states (carried from round to round), the sequences that it reads and those that it writes. */
interface Layout {
  readonly body: Graph;
  readonly states: number;
  readonly reads: number;
  readonly writes: number;
  /** Sequence axis and direction (1: backwards) of each sequence. */
  readonly readAxes: readonly number[];
  readonly readWays: readonly number[];
  readonly writeAxes: readonly number[];
  readonly writeWays: readonly number[];
}

function layoutOf(
  ctx: Pick<InferContext | TrainedContext, 'attrs' | 'inputs'> & { input(i: number): Value; fail(p: string): never },
): Layout {
  const body = ctx.attrs['body'];
  if (body?.type !== 'graph') return ctx.fail('it needs a body');
  const reads = intAttr(ctx.attrs, 'num_scan_inputs', 0);
  const states = ctx.inputs.length - reads;
  const writes = body.value.outputs.length - states;
  if (reads < 1 || states < 0 || writes < 0) return ctx.fail(`its num_scan_inputs ${reads} does not fit its inputs`);
  const list = (name: string, n: number) => Array.from({ length: n }, (_, i) => intsAttr(ctx.attrs, name)?.[i] ?? 0);
  const readAxes = list('scan_input_axes', reads).map((a, i) => (a < 0 ? a + ctx.input(states + i).shape.length : a));
  return {
    body: body.value,
    states,
    reads,
    writes,
    readAxes,
    readWays: list('scan_input_directions', reads),
    writeAxes: list('scan_output_axes', writes),
    writeWays: list('scan_output_directions', writes),
  };
}

/** What a round sees of a sequence. */
const roundType = (v: Value, axis: number): TensorType => ({
  dtype: v.dtype,
  shape: v.shape.filter((_, i) => i !== axis),
});

const scanAttrs = (
  body: Graph,
  reads: number,
  axes: readonly number[],
  ways: readonly number[],
  outAxes: readonly number[],
  outWays: readonly number[],
): Attrs => ({
  body: { type: 'graph', value: body },
  num_scan_inputs: { type: 'int', value: reads },
  scan_input_axes: { type: 'ints', value: axes },
  scan_input_directions: { type: 'ints', value: ways },
  scan_output_axes: { type: 'ints', value: outAxes },
  scan_output_directions: { type: 'ints', value: outWays },
});

/** Types of the states in every round, of what a round reads, and of what it gives. */
function roundTypes(ctx: InferContext, l: Layout): { states: readonly TensorType[]; writes: readonly Inferred[] } {
  const reads = l.readAxes.map((axis, i) => roundType(ctx.input(l.states + i), axis));
  const round = (states: readonly TensorType[]) => ctx.subgraph(l.body, [...states, ...reads]);
  const states = steadyTypes(
    Array.from({ length: l.states }, (_, i) => ctx.input(i)),
    round,
    ctx.node,
  );
  const length = l.readAxes
    .map((axis, i) => ctx.input(l.states + i).shape[axis] ?? '?')
    .reduce<Dim>((a, d) => (typeof a === 'number' ? a : d), '?');
  const writes = round(states)
    .slice(l.states)
    .map((t, i): Inferred => {
      if (!t) return ctx.fail(`the type of its scan output ${i} is not known`);
      const given = l.writeAxes[i] ?? 0;
      const axis = given < 0 ? given + t.shape.length + 1 : given;
      return { dtype: t.dtype, shape: [...t.shape.slice(0, axis), length, ...t.shape.slice(axis)] };
    });
  return { states, writes };
}

export const Scan: OpRule<'Scan'> = {
  since: 9,
  arity: [1, Infinity],
  outputs: [1, Infinity],
  attrs: {
    body: 'graph',
    num_scan_inputs: 'int',
    scan_input_axes: 'ints',
    scan_input_directions: 'ints',
    scan_output_axes: 'ints',
    scan_output_directions: 'ints',
  },
  captures: true,
  infer: (ctx) => {
    const { states, writes } = roundTypes(ctx, layoutOf(ctx));
    return [...states, ...writes];
  },
  emit: (b, states, reads, fill, { reverse = false } = {}) => {
    const types = [...states, ...reads.map((v) => roundType(v, 0))];
    const body = b.body('scan', types, fill);
    const way = reverse ? 1 : 0;
    const writes = body.outputs.length - states.length;
    const zeros = (n: number, v = 0) => Array.from({ length: n }, () => v);
    return b.node(
      'Scan',
      [...states, ...reads],
      scanAttrs(body, reads.length, zeros(reads.length), zeros(reads.length, way), zeros(writes), zeros(writes, way)),
      { outputs: body.outputs.length },
    );
  },
  // the trained form, which keeps the states of each round, has the gradient
  vjp: (c) => c.fail('its gradient is that of its trained form'),
  trained: (ctx) => {
    const l = layoutOf(ctx);
    const inputs = ctx.inputs.map((_, i) => ctx.input(i));
    const types = [
      ...inputs.slice(0, l.states),
      ...l.readAxes.map((axis, i) => roundType(ctx.input(l.states + i), axis)),
    ];
    const keeping = ctx.body('scan', types, (b, ...ins) => [...b.inline(l.body, ins), ...ins.slice(0, l.states)]);
    const kept = Array.from({ length: l.states }, () => 0);
    const made = ctx.node(
      'Scan',
      inputs,
      scanAttrs(keeping, l.reads, l.readAxes, l.readWays, [...l.writeAxes, ...kept], [...l.writeWays, ...kept]),
      { outputs: l.states + l.writes + l.states },
    );
    const outputs = made.slice(0, l.states + l.writes);
    const before = made.slice(l.states + l.writes);
    return { outputs, vjp: (c) => backwards(c, l, before) };
  },
  samples: [
    sample(
      'recurrence with shared weights',
      { h: real([2]), x: real([4, 3]), w: real([3, 2]), u: real([2, 2], { phase: 0.2 }) },
      (op, { h, x, w, u }) =>
        op.Scan([h], [x], (b, s, row) => {
          const next = b.op.Tanh(b.op.Add(b.op.MatMul(row ?? x, w), b.op.MatMul(s ?? h, u)));
          return [next, b.op.Mul(next, next)];
        }),
    ),
    sample(
      'from the end, two states',
      { a: real([2]), s: real([2], { phase: 0.3 }), x: real([3, 2]) },
      (op, { a, s, x }) =>
        op.Scan(
          [a, s],
          [x],
          (b, p = a, q = s, row = x) => [b.op.Mul(b.op.Sin(p), row), b.op.Add(q, b.op.Mul(p, row)), q],
          { reverse: true },
        ),
    ),
  ],
};

/**
 * The reverse of a scan is a scan over the rounds from last to first. Its states are the adjoints of the states, and the sums of the adjoints of what all rounds share; it
 * reads what each round read and its states before it, runs the round again and differentiates it.
 */
function backwards(c: VjpContext, l: Layout, before: readonly Value[]): readonly (Value | undefined)[] {
  const inputs = c.inputs.map((_, i) => c.input(i));
  const zeros = (like: Value) => c.op.Expand(c.scalar(0, like.dtype), c.shapeOf(like));
  const states = inputs.slice(0, l.states);
  const moving = states.flatMap((s, k) => (isFloat(s.dtype) ? [k] : []));
  const shared = c.captured.filter((_, j) => c.needs(inputs.length + j));
  const read = l.readAxes.flatMap((_, i) => (c.needs(l.states + i) ? [i] : []));
  const written = Array.from({ length: l.writes }, (_, i) => i).filter((i) => c.grads[l.states + i]);

  const initial = [...moving.map((k) => c.grads[k] ?? zeros(c.output(k))), ...shared.map(zeros)];
  const rows = [...before, ...inputs.slice(l.states), ...written.map((i) => c.grads[l.states + i] ?? c.grad)];
  const flip = (ways: readonly number[]) => ways.map((w) => 1 - w);
  const writeAxis = (i: number) => {
    const axis = l.writeAxes[i] ?? 0;
    return axis < 0 ? axis + c.output(l.states + i).shape.length : axis;
  };
  const axes = [...before.map(() => 0), ...l.readAxes, ...written.map(writeAxis)];
  const ways = [...before.map(() => 1), ...flip(l.readWays), ...flip(written.map((i) => l.writeWays[i] ?? 0))];

  const types = [...initial, ...rows.map((v, i) => roundType(v, axes[i] ?? 0))];
  const body = c.body('scan_grad', types, (b, ...ins) => {
    const take = (n: number): Value[] => ins.splice(0, n);
    const [adjoints, sums] = [take(moving.length), take(shared.length)];
    const [was, seen, above] = [take(l.states), take(l.reads), take(written.length)];
    const whole = standalone(l.body, [...was, ...seen], c.captured);
    const name = (o: number) => l.body.outputs[o]?.name ?? '';
    // an output may be given twice, as state and as row: its adjoints add up
    const seeds = new Map<string, Value>();
    const seed = (output: string, adjoint: Value) => {
      const other = seeds.get(output);
      seeds.set(output, other ? b.op.Add(other, adjoint) : adjoint);
    };
    moving.forEach((k, i) => seed(name(k), adjoints[i] ?? c.grad));
    written.forEach((w, i) => seed(name(l.states + w), above[i] ?? c.grad));
    const named = [...seeds.values()].map((v, i) => ({ name: `adjoint_${i}`, dtype: v.dtype, shape: v.shape }));
    const wrt = [
      ...moving.map((k) => l.body.inputs[k]?.name ?? ''),
      ...read.map((i) => l.body.inputs[l.states + i]?.name ?? ''),
      ...shared.map((v) => v.name),
    ];
    const grads = c.differentiate(
      { ...whole, inputs: [...whole.inputs, ...named] },
      new Map([...seeds.keys()].map((o, i) => [o, `adjoint_${i}`])),
      wrt,
    );
    const free = new Set(whole.inputs.map((i) => i.name));
    const made = b.inline(grads, [...was, ...seen, ...c.captured.filter((v) => free.has(v.name)), ...seeds.values()]);
    const of = (w: string) => made[grads.outputs.findIndex((o) => o.name === `${w}.grad`)];
    const none = (like: Value) => b.op.Expand(b.scalar(0, like.dtype), b.op.Shape(like));
    const [toStates, toRows, toShared] = [
      wrt.slice(0, moving.length),
      wrt.slice(moving.length, moving.length + read.length),
      wrt.slice(moving.length + read.length),
    ];
    return [
      ...toStates.map((w, i) => of(w) ?? none(was[moving[i] ?? 0] ?? c.grad)),
      ...toShared.map((w, i) => {
        const sum = sums[i] ?? c.grad;
        const more = of(w);
        return more ? b.op.Add(sum, more) : sum;
      }),
      ...toRows.map((w, i) => of(w) ?? none(seen[read[i] ?? 0] ?? c.grad)),
    ];
  });
  const made = c.node(
    'Scan',
    [...initial, ...rows],
    scanAttrs(
      body,
      rows.length,
      axes,
      ways,
      read.map((i) => l.readAxes[i] ?? 0),
      flip(read.map((i) => l.readWays[i] ?? 0)),
    ),
    { outputs: initial.length + read.length },
  );
  const ofState = (k: number) => made[moving.indexOf(k)];
  const ofRead = (i: number) => made[initial.length + read.indexOf(i)];
  return [
    ...states.map((_, k) => (c.needs(k) ? ofState(k) : undefined)),
    ...l.readAxes.map((_, i) => (c.needs(l.states + i) ? ofRead(i) : undefined)),
    ...c.captured.map((v) => (shared.includes(v) ? made[moving.length + shared.indexOf(v)] : undefined)),
  ];
}
