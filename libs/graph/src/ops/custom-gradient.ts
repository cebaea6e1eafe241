import { expandCalls } from '../expand.js';
import type { Graph } from '../types.js';
import type { InferContext, OpRule, VjpContext } from './rule.js';
import { real, sample } from './samples.js';

/** Domain of operators that exist in Strata's graphs alone: no file has them. */
export const STRATA_DOMAIN = 'strata';

function part(ctx: Pick<InferContext | VjpContext, 'attrs' | 'fail'>, name: 'forward' | 'backward'): Graph {
  const attr = ctx.attrs[name];
  return attr?.type === 'graph' ? attr.value : ctx.fail(`it needs a graph "${name}"`);
}

/**
 * A function with a gradient of its own: `forward` is what it computes, `backward` takes inputs, outputs and adjoints of the outputs and gives `d0`, `d1`, … , the adjoints of
 * those inputs that have one. Both are subgraphs, so a graph with it is plain data like any other. Files and sessions get `forward` in its place (`plainGraph`).
 */
export const CustomGradient: OpRule<'CustomGradient'> = {
  domain: STRATA_DOMAIN,
  since: 1,
  arity: [1, Infinity],
  outputs: [1, Infinity],
  attrs: { forward: 'graph', backward: 'graph' },
  infer: (ctx) => {
    const inputs = ctx.inputs.map((_, i) => ctx.input(i));
    return ctx
      .subgraph(part(ctx, 'forward'), inputs)
      .map((t, i) => (t ? { dtype: t.dtype, shape: t.shape } : ctx.fail(`the type of its output ${i} is not known`)));
  },
  emit: (b, inputs, forward, backward) => {
    const run = b.body('forward', inputs, forward);
    const outputs = run.outputs;
    const names: number[] = [];
    const back = b.body('backward', [...inputs, ...outputs, ...outputs], (inner, ...values) => {
      const take = (n: number) => values.splice(0, n);
      const adjoints = backward(inner, {
        inputs: take(inputs.length),
        outputs: take(outputs.length),
        grads: take(outputs.length),
      });
      return adjoints.flatMap((v, i) => {
        if (v) names.push(i);
        return v ? [v] : [];
      });
    });
    const named: Graph = {
      ...back,
      nodes: back.nodes.map((n) => ({
        ...n,
        outputs: n.outputs.map((o) => {
          const at = back.outputs.findIndex((x) => x.name === o);
          return at < 0 ? o : `d${names[at]}`;
        }),
      })),
      outputs: back.outputs.map((o, i) => ({ ...o, name: `d${names[i]}` })),
    };
    return b.node(
      'CustomGradient',
      inputs,
      { forward: { type: 'graph', value: run }, backward: { type: 'graph', value: named } },
      { domain: STRATA_DOMAIN, outputs: outputs.length },
    );
  },
  vjp: (c) => {
    const outputs = c.outputs.map((_, i) => c.output(i));
    const grads = outputs.map((y, i) => c.grads[i] ?? c.op.Expand(c.scalar(0, y.dtype), c.shapeOf(y)));
    const back = part(c, 'backward');
    const made = c.inline(back, [...c.inputs.map((_, i) => c.input(i)), ...outputs, ...grads]);
    return c.inputs.map((_, i) => made[back.outputs.findIndex((o) => o.name === `d${i}`)]);
  },
  samples: [
    // the gradient given is the true one, so that differences can tell
    sample('x² y with its own gradient', { x: real([2, 3]), y: real([3]) }, (op, { x, y }) =>
      op.CustomGradient(
        [x, y],
        (b, p = x, q = y) => [b.op.Mul(b.op.Mul(p, p), q)],
        (b, { inputs: [p = x, q = y], grads: [g = x] }) => [
          b.op.Mul(g, b.op.Mul(b.op.Add(p, p), q)),
          b.op.ReduceSum(b.op.Mul(g, b.op.Mul(p, p)), { axes: [0] }),
        ],
      ),
    ),
  ],
};

/** The graph with `forward` in the place of every function that has a gradient of its own. */
export function plainGraph(graph: Graph): Graph {
  const plain = expandCalls(graph, (n) => {
    const forward = n.domain === STRATA_DOMAIN && n.op === 'CustomGradient' ? n.attrs['forward'] : undefined;
    return forward?.type === 'graph' ? forward.value : undefined;
  });
  if (!plain.domains.has(STRATA_DOMAIN)) return plain;
  return { ...plain, domains: new Map([...plain.domains].filter(([name]) => name !== STRATA_DOMAIN)) };
}
