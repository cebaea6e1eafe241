import { StrataError } from '@strata/kernel';
import { GraphBuilder } from './builder.js';
import { isStatic, quotient, sameShape, showShape } from './dims.js';
import { ruleOf } from './infer.js';
import { isNotDifferentiable, type OpRule, type VjpContext } from './ops/rule.js';
import type { Value } from './ops/signatures.js';
import { eliminateDeadCode } from './passes.js';
import { recomputation } from './recompute.js';
import { isFloat } from './tensor.js';
import { failureOf, trainedForm } from './trained.js';
import type { Graph, Node } from './types.js';
import { capturedNames } from './uses.js';

/** Name of the output that holds the gradient with respect to the value `name`. */
export const gradientName = (name: string): string => `${name}.grad`;

/**
 * Reverse-mode differentiation (Griewank & Walther 2008, chapter 3) over ONNX nodes: the graph with one more output for each name in `wrt`, the derivative of
 * the scalar `loss`, of the same type and shape. Only nodes between `wrt` and the loss get gradients.
 * @throws StrataError `not_differentiable`, naming operator and node, when an operator on the way has no gradient or nothing differentiable
 *   leads from a name in `wrt` to the loss; `invalid_graph` when the loss is not one floating number
 */
export function differentiate(graph: Graph, loss: string, wrt: readonly string[]): Graph {
  const types = GraphBuilder.from(graph);
  const root = types.value(loss);
  if (!isFloat(root.dtype) || root.shape.some((d) => d !== 1))
    throw new StrataError(
      'invalid_graph',
      `the loss "${loss}" must be one floating number, not ${root.dtype} ${showShape(root.shape)}; reduce it first`,
      {
        where: { node: loss },
      },
    );
  for (const w of wrt)
    if (!isFloat(types.value(w).dtype))
      throw new StrataError(
        'not_differentiable',
        `"${w}" is of type ${types.value(w).dtype}: only floating values have gradients`,
        { where: { node: w } },
      );

  const { b, active, adjointOf } = backward(graph, types, [loss], wrt, (x) => {
    const one = x.scalar(1, root.dtype);
    return [
      root.shape.length === 0
        ? one
        : x.op.Reshape(
            one,
            root.shape.map(() => 1),
          ),
    ];
  });
  for (const w of wrt) {
    if (!active.has(w))
      throw new StrataError('not_differentiable', `the loss "${loss}" does not depend on "${w}"${cutBy(graph, w)}`, {
        where: { node: w },
      });
    // an operator that is constant between jumps passes nothing on: the gradient is zero
    const gradient = adjointOf(w) ?? b.op.Expand(b.scalar(0, b.value(w).dtype), shapeOf(b, b.value(w)));
    b.output(gradientName(w), gradient);
  }
  return graph.nodes.some((n) => n.segment !== undefined) ? eliminateDeadCode(b.build()) : b.build();
}

/** The adjoints of `wrt` alone, as far as the seeds reach them: values with their adjoints, which are values of the graph too. */
function adjointsOf(graph: Graph, seeds: ReadonlyMap<string, string>, wrt: readonly string[]): Graph {
  const { b, adjointOf } = backward(graph, GraphBuilder.from(graph), [...seeds.keys()], wrt, (x) =>
    [...seeds.values()].map((name) => x.value(name)),
  );
  const declared = new Set(graph.outputs.map((o) => o.name));
  for (const w of wrt) {
    const gradient = adjointOf(w);
    if (gradient) b.output(gradientName(w), gradient);
  }
  const whole = b.build();
  return eliminateDeadCode({ ...whole, outputs: whole.outputs.filter((o) => !declared.has(o.name)) });
}

interface Backward {
  readonly b: GraphBuilder;
  readonly active: ReadonlySet<string>;
  adjointOf(name: string): Value | undefined;
}

/** The reverse walk: from the adjoints of `roots`, which `seed` makes, to those of `wrt`. */
function backward(
  graph: Graph,
  types: GraphBuilder,
  roots: readonly string[],
  wrt: readonly string[],
  seed: (b: GraphBuilder) => readonly Value[],
): Backward {
  const active = activeValues(graph, roots, wrt);
  const { b, vjps } = trainedForm(graph, active) ?? { b: types, vjps: undefined };
  const adjoints = new Map<string, Value[]>();
  const targets = new Set(wrt);
  const finished: Value[] = [];
  const addTo = (name: string, adjoint: Value) => {
    adjoints.set(name, [...(adjoints.get(name) ?? []), adjoint]);
    if (targets.has(name)) finished.push(adjoint);
  };
  const adjointOf = (name: string): Value | undefined => {
    const parts = adjoints.get(name);
    if (!parts) return undefined;
    const total = parts.reduce((x, y) => b.op.Add(x, y));
    adjoints.set(name, [total]);
    return total;
  };

  const segmented = graph.nodes.some((n) => n.segment !== undefined);
  const valueFor = segmented
    ? recomputation(b, adjointOf, () => finished.splice(0))
    : (_: Node, name: string) => b.value(name);
  seed(b).forEach((adjoint, i) => addTo(roots[i] ?? '', adjoint));
  b.scope('grad', () => {
    for (const node of [...graph.nodes].reverse()) {
      if (!node.outputs.some((o) => adjoints.has(o)) || !usesOf(node).some((i) => active.has(i))) continue;
      const rule = ruleOf(node, graph);
      if (!rule || isNotDifferentiable(rule.vjp)) continue; // activeValues let nothing pass through it
      const ctx = contextOf(graph, b, node, rule, active, adjointOf, valueFor);
      const vjp = vjps?.get(node) ?? rule.vjp;
      const uses = usesOf(node);
      // named after the node whose gradient they are: profiles and the watchdog of training say where a value comes from
      const parts = b.scope(node.name, () => vjp(ctx));
      parts.forEach((adjoint, i) => {
        const name = uses[i];
        if (adjoint && name && ctx.needs(i)) addTo(name, checked(adjoint, b.value(name), node));
      });
    }
  });
  return { b, active, adjointOf };
}

/** What a node uses: its inputs, then what its subgraphs take from around them. */
const usesOf = (node: Node): string[] => [...node.inputs, ...capturedNames(node)];

/** Whether a gradient (or, without one, a dependence) leads through use `i` of a node. */
const flows = (rule: OpRule, node: Node, i: number): boolean =>
  i < node.inputs.length
    ? (rule.differentiable?.includes(i) ?? true)
    : (rule.captures ?? isNotDifferentiable(rule.vjp));

/**
 * Values on a differentiable way from `wrt` to the loss.
 * @throws StrataError `not_differentiable` when an operator without a gradient lies between them
 */
function activeValues(graph: Graph, roots: readonly string[], wrt: readonly string[]): ReadonlySet<string> {
  const types = GraphBuilder.from(graph);
  const floating = (name: string) => name !== '' && types.has(name) && isFloat(types.value(name).dtype);
  // towards the loss: which values move with wrt, and which of those along gradients alone
  const moved = new Set<string>(wrt);
  const smooth = new Set<string>(wrt);
  for (const node of graph.nodes) {
    const rule = ruleOf(node, graph);
    const passes = (set: ReadonlySet<string>) =>
      usesOf(node).some((n, i) => set.has(n) && (!rule || flows(rule, node, i)));
    if (!passes(moved)) continue;
    for (const o of node.outputs) if (o !== '') moved.add(o);
    if (rule && !isNotDifferentiable(rule.vjp) && passes(smooth))
      for (const o of node.outputs) if (floating(o)) smooth.add(o);
  }
  // back from the loss
  const needed = new Set(roots);
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((o) => needed.has(o))) continue;
    const rule = ruleOf(node, graph);
    const blocked = !rule
      ? `it is not among the operators that Strata knows in operator set ${graph.opset}`
      : isNotDifferentiable(rule.vjp)
        ? rule.vjp.notDifferentiable
        : undefined;
    if (blocked !== undefined && usesOf(node).some((n) => moved.has(n)))
      throw new StrataError(
        'not_differentiable',
        `${node.op} "${node.name}" lies between the loss and what it is differentiated by, but has no gradient: ${blocked}`,
        {
          where: { node: node.name },
        },
      );
    usesOf(node).forEach((n, i) => {
      if (n !== '' && rule && flows(rule, node, i) && moved.has(n) && (floating(n) || !types.has(n))) needed.add(n);
    });
  }
  return new Set([...smooth].filter((n) => needed.has(n)));
}

/** Says which node ends the way from `start`, for the message. */
function cutBy(graph: Graph, start: string): string {
  const moved = new Set([start]);
  for (const node of graph.nodes) {
    if (!usesOf(node).some((n) => moved.has(n))) continue;
    const rule = ruleOf(node, graph);
    if (rule && isNotDifferentiable(rule.vjp))
      return `: its way ends at ${node.op} "${node.name}" (${rule.vjp.notDifferentiable})`;
    for (const o of node.outputs) moved.add(o);
  }
  return '';
}

/** An adjoint has the type and rank of its value; anything else is an error of the rule. */
function checked(adjoint: Value, value: Value, node: Node): Value {
  const fits =
    adjoint.dtype === value.dtype &&
    adjoint.shape.length === value.shape.length &&
    adjoint.shape.every((d, i) => d === value.shape[i] || typeof d === 'string' || typeof value.shape[i] === 'string');
  if (!fits)
    throw new StrataError(
      'internal',
      `the gradient rule of ${node.op} gives ${adjoint.dtype} ${showShape(adjoint.shape)} for ${value.dtype} ${showShape(value.shape)}`,
      { where: { node: node.name } },
    );
  return adjoint;
}

function contextOf(
  graph: Graph,
  b: GraphBuilder,
  node: Node,
  rule: OpRule,
  active: ReadonlySet<string>,
  adjointOf: (name: string) => Value | undefined,
  valueFor: (node: Node, name: string) => Value,
): VjpContext {
  const inputs = node.inputs.map((n) => (n === '' ? undefined : valueFor(node, n)));
  // an output that nobody wants is absent from a trained form
  const outputs = node.outputs.map((n) => (n === '' || !b.has(n) ? undefined : valueFor(node, n)));
  const grads = node.outputs.map((n) => (n === '' ? undefined : adjointOf(n)));
  const fail = failureOf(node);
  return {
    op: b.op,
    nodeName: node.name,
    attrs: node.attrs,
    inputs,
    outputs,
    grads,
    body: (name, ins, fill) => b.body(name, ins, fill),
    inline: (g, ins) => b.inline(g, ins),
    differentiate: (g, seeds, wrt) => adjointsOf({ ...g, opset: graph.opset, domains: graph.domains }, seeds, wrt),
    constant: (t) => b.constant(t),
    scalar: (v, dtype) => b.scalar(v, dtype),
    ints: (v) => b.ints(v),
    captured: capturedNames(node).map((n) => b.value(n)),
    needs: (i) => active.has(usesOf(node)[i] ?? '') && flows(rule, node, i),
    input: (i) => inputs[i] ?? fail(`it has no input ${i}`),
    output: (i) => outputs[i] ?? fail(`its output ${i} is not made`),
    get grad() {
      return grads[0] ?? fail('only its first output has a gradient, and the loss depends on another');
    },
    node: (op, ins, attrs, options) => b.node(op, ins, attrs, options),
    unbroadcast: (grad, like) => unbroadcast(b, grad, like),
    shapeOf: (x) => shapeOf(b, x),
    reshapeLike: (grad, like) => reshapeLike(b, grad, like),
    fail,
  };
}

function shapeOf(b: GraphBuilder, x: Value): Value {
  return isStatic(x.shape) ? b.ints(x.shape) : b.op.Shape(x);
}

function reshapeLike(b: GraphBuilder, grad: Value, like: Value): Value {
  if (sameShape(grad.shape, like.shape)) return grad;
  const open = like.shape.flatMap((d, i) => (typeof d === 'string' ? [i] : []));
  const [only] = open;
  if (only === undefined || open.length > 1) return b.op.Reshape(grad, shapeOf(b, like));
  // one size is open: -1 saves the runtime the shape arithmetic, when it says the same
  const rest = like.shape.filter((_, i) => i !== only);
  if (rest.includes(0) || quotient(grad.shape, rest) !== like.shape[only]) return b.op.Reshape(grad, shapeOf(b, like));
  return b.op.Reshape(
    grad,
    like.shape.map((d) => (typeof d === 'string' ? -1 : d)),
  );
}

/** Sums over the axes along which `like` was broadcast to the shape of `grad`. */
function unbroadcast(b: GraphBuilder, grad: Value, like: Value): Value {
  if (sameShape(grad.shape, like.shape)) return grad;
  // sums over a batch lose too much in half precision
  if (grad.dtype === 'float16' || grad.dtype === 'bfloat16')
    return b.op.Cast(unbroadcast(b, b.op.Cast(grad, 'float32'), like), grad.dtype);
  const extra = grad.shape.length - like.shape.length;
  const lead = Array.from({ length: extra }, (_, i) => i);
  const sizes = grad.shape.slice(extra);
  const stretched = like.shape.flatMap((d, i) => (d === 1 && sizes[i] !== 1 ? [i + extra] : []));
  // a symbol beside another size: only the run shows whether it was 1
  const doubtful = like.shape.some((d, i) => typeof d === 'string' && d !== sizes[i] && sizes[i] !== 1);
  if (!doubtful) {
    if (stretched.length === 0) return lead.length === 0 ? grad : b.op.ReduceSum(grad, { axes: lead });
    const summed = b.op.ReduceSum(grad, { axes: [...lead, ...stretched], keepdims: true });
    return lead.length === 0 ? summed : b.op.Squeeze(summed, lead);
  }
  const same = lead.length === 0 ? grad : b.op.ReduceSum(grad, { axes: lead });
  const shape = b.op.Shape(like);
  const axes = b.op.Squeeze(b.op.NonZero(b.op.Not(b.op.Equal(b.op.Shape(same), shape))), [0]);
  return b.op.Reshape(b.op.ReduceSum(same, { axes, keepdims: true }), shape);
}
