import type { Graph, TensorType } from '../types.js';
import { freeNames } from '../uses.js';
import { standalone } from './control-flow.js';
import { unknownDim } from '../dims.js';
import { type InferContext, type Inferred, type OpRule, type VjpContext } from './rule.js';
import { bools, real, sample } from './samples.js';
import type { OpFunctions, Value } from './signatures.js';

function branches(ctx: Pick<InferContext | VjpContext, 'attrs' | 'fail'>): readonly [Graph, Graph] {
  const [yes, no] = [ctx.attrs['then_branch'], ctx.attrs['else_branch']];
  if (yes?.type !== 'graph' || no?.type !== 'graph') return ctx.fail('it needs a then_branch and an else_branch');
  return [yes.value, no.value];
}

/** The type that holds for both branches. */
function either(a: TensorType | undefined, b: TensorType | undefined, name: string, ctx: InferContext): Inferred {
  const known = a ?? b;
  if (!known) return ctx.fail(`the type of its output "${name}" is not known`);
  if (!a || !b) return { dtype: known.dtype, shape: known.shape };
  if (a.dtype !== b.dtype) return ctx.fail(`its branches give ${a.dtype} and ${b.dtype} for "${name}"`);
  if (a.shape.length !== b.shape.length)
    return ctx.fail(`its branches give ranks ${a.shape.length} and ${b.shape.length} for "${name}"`);
  return { dtype: a.dtype, shape: a.shape.map((d, i) => (d === b.shape[i] ? d : unknownDim(name, i))) };
}

export const If: OpRule<'If'> = {
  since: 1,
  arity: [1, 1],
  outputs: [1, Infinity],
  attrs: { then_branch: 'graph', else_branch: 'graph' },
  captures: true,
  infer: (ctx) => {
    const [yes, no] = branches(ctx).map((g) => ctx.subgraph(g));
    return ctx.outputs.map((name, i) => either(yes?.[i], no?.[i], name, ctx));
  },
  emit: (b, condition, yes, no) => {
    const [then, other] = [b.body('then', [], yes), b.body('else', [], no)];
    const attrs = {
      then_branch: { type: 'graph', value: then },
      else_branch: { type: 'graph', value: other },
    } as const;
    return b.node('If', [condition], attrs, { outputs: then.outputs.length });
  },
  // the branch that ran gives the adjoints of what it used; for the rest they are zero
  vjp: (c) => {
    const [yes, no] = branches(c);
    const wanted = c.captured.filter((_, j) => c.needs(1 + j));
    if (wanted.length === 0) return [];
    const gradient = (branch: Graph): Graph =>
      c.body('grad', [], (b) => {
        const free = new Set(freeNames(branch));
        const captured = c.captured.filter((v) => free.has(v.name));
        const seeds = branch.outputs.flatMap((o, i) => {
          const g = c.grads[i];
          return g ? [{ name: o.name, value: g, adjoint: `adjoint_${i}` }] : [];
        });
        const whole = standalone(branch, [], captured);
        const named = seeds.map((s) => ({ name: s.adjoint, dtype: s.value.dtype, shape: s.value.shape }));
        const wrt = wanted.filter((v) => free.has(v.name)).map((v) => v.name);
        const grads = c.differentiate(
          { ...whole, inputs: [...whole.inputs, ...named] },
          new Map(seeds.map((s) => [s.name, s.adjoint])),
          wrt,
        );
        const made = b.inline(grads, [...captured, ...seeds.map((s) => s.value)]);
        return wanted.map((v) => {
          const at = grads.outputs.findIndex((o) => o.name === `${v.name}.grad`);
          return made[at] ?? b.op.Expand(b.scalar(0, v.dtype), b.op.Shape(v));
        });
      });
    const attrs = {
      then_branch: { type: 'graph', value: gradient(yes) },
      else_branch: { type: 'graph', value: gradient(no) },
    } as const;
    const adjoints = c.node('If', [c.input(0)], attrs, { outputs: wanted.length });
    const of = (v: Value) => adjoints[wanted.indexOf(v)];
    return [undefined, ...c.captured.map((v, j) => (c.needs(1 + j) ? of(v) : undefined))];
  },
  samples: [
    sample('first branch', { p: bools([], [1]), x: real([2, 3]), y: real([3]) }, (op, { p, x, y }) =>
      choose(op, p, x, y),
    ),
    sample('second branch', { p: bools([], [0]), x: real([2, 3]), y: real([3]) }, (op, { p, x, y }) =>
      choose(op, p, x, y),
    ),
  ],
};

/** x y + y, or sin x: the second branch does not use y. */
function choose(op: OpFunctions, p: Value, x: Value, y: Value): Value {
  const [z] = op.If(
    p,
    (b) => [b.op.Add(b.op.Mul(x, y), y)],
    (b) => [b.op.Sin(x)],
  );
  return z ?? x;
}
