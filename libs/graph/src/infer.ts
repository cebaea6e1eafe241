import { StrataError } from '@strata/kernel';
import { sameShape, unknownDim } from './dims.js';
import { nodeError, type OpRule } from './ops/rule.js';
import type { Value } from './ops/signatures.js';
import { findRule } from './ops/table.js';
import { toNumbers } from './tensor.js';
import type { Graph, Node, Shape, TensorData, TensorType } from './types.js';
import { hasSubgraph } from './uses.js';

/*
 * Graphs are immutable, and passes keep most of a graph's nodes as they are. So what was inferred is kept with graphs, nodes and constants for as long as these live: a pass costs the inference of
 * what it changed.
 */
const ofGraphs = new WeakMap<Graph, ReadonlyMap<string, Value>>();
const ofNodes = new WeakMap<Node, Inference>();
const ofConstants = new WeakMap<TensorData, Value>();

/** What a node made of what. */
interface Inference {
  /** Of the operator set of the node's domain. */
  readonly version: number | undefined;
  readonly inputs: readonly (Value | undefined)[];
  readonly constants: readonly (TensorData | undefined)[];
  readonly outputs: readonly Value[];
}

/** Whether rules infer the same from both. */
function alike(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (!a || !b) return false;
  return a.name === b.name && a.dtype === b.dtype && sameDims(a.shape, b.shape) && sameDims(a.known, b.known);
}
const sameDims = (a: Shape | undefined, b: Shape | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && sameShape(a, b));

const KNOWN_LIMIT = 256;

/** The value of a constant; elements of small integer vectors are known. */
export function toValue(name: string, t: TensorData): Value {
  const before = ofConstants.get(t);
  if (before?.name === name) return before;
  const small = (t.dtype === 'int64' || t.dtype === 'int32') && t.dims.length <= 1 && t.data.length <= KNOWN_LIMIT;
  const value: Value = { name, dtype: t.dtype, shape: t.dims, ...(small ? { known: toNumbers(t) } : {}) };
  ofConstants.set(t, value);
  return value;
}

export interface InferEnv {
  readonly opset: number;
  readonly domains: ReadonlyMap<string, number>;
  value(name: string): Value | undefined;
  constant(name: string): TensorData | undefined;
}

/** The rule that applies to a node in this graph's operator sets, if the table has one. */
export function ruleOf(node: Node, env: Pick<Graph, 'opset' | 'domains'>): OpRule | undefined {
  const rule = findRule(node.domain, node.op);
  if (!rule) return undefined;
  const version = node.domain === '' ? env.opset : (env.domains.get(node.domain) ?? rule.since);
  return version >= rule.since ? rule : undefined;
}

/**
 * A node's outputs.
 * @returns undefined when the table has no rule for it, or a type that the rule needs is unknown
 * @throws StrataError `invalid_graph` when the node breaks its operator's rules
 */
export function inferNode(node: Node, env: InferEnv): readonly Value[] | undefined {
  const inputs = node.inputs.map((n) => (n === '' ? undefined : env.value(n)));
  const version = node.domain === '' ? env.opset : env.domains.get(node.domain);
  const before = ofNodes.get(node);
  const constants = node.inputs.map((n) => (n === '' ? undefined : env.constant(n)));
  if (
    before &&
    before.version === version &&
    before.inputs.every((v, i) => alike(v, inputs[i])) &&
    before.constants.every((t, i) => t === constants[i])
  )
    return before.outputs;
  const outputs = inferAnew(node, inputs, env);
  // a subgraph sees more of the graph than the inputs; and weights must not live as long as all graphs that have the node
  const kept = !hasSubgraph(node) && !constants.some((t) => t && t.data.length > KNOWN_LIMIT);
  if (outputs && kept) ofNodes.set(node, { version, inputs, constants, outputs });
  return outputs;
}

function inferAnew(node: Node, inputs: readonly (Value | undefined)[], env: InferEnv): readonly Value[] | undefined {
  const rule = ruleOf(node, env);
  if (!rule) return undefined;
  const fail = (problem: string): never => {
    throw nodeError(node.op, node.name, problem);
  };
  const [min, max] = rule.arity;
  if (node.inputs.length < min || node.inputs.length > max)
    fail(
      `it takes ${min === max ? min : `${min} to ${max === Infinity ? 'any number of' : max}`} inputs, not ${node.inputs.length}`,
    );
  for (const [name, attr] of Object.entries(node.attrs)) {
    const type = rule.attrs?.[name];
    if (!type) fail(`it has no attribute "${name}"`);
    else if (type !== attr.type) fail(`its attribute "${name}" must be of type ${type}, not ${attr.type}`);
  }
  if (node.inputs.some((n, i) => n !== '' && !inputs[i])) return undefined;
  return rule
    .infer({
      op: node.op,
      node: node.name,
      inputs,
      attrs: node.attrs,
      outputs: node.outputs,
      input: (i) => inputs[i] ?? fail(`input ${i} is missing`),
      constant: (i) => (node.inputs[i] ? env.constant(node.inputs[i]) : undefined),
      subgraph: (graph, given) => subgraphTypes(graph, env, given),
      fail,
    })
    .map((type, i) => {
      const name = node.outputs[i] ?? '';
      // an unknown size gets the name of the value that has it
      const shape = type.shape.map((d, axis) => (d === '?' ? unknownDim(node.outputs[i] ?? node.name, axis) : d));
      return { ...type, shape, name };
    });
}

/** Types of the outputs of a subgraph, whose inputs have these types (default: the declared ones); undefined where they are not known. */
function subgraphTypes(
  graph: Graph,
  env: InferEnv,
  given: readonly (TensorType | undefined)[] = [],
): readonly (Value | undefined)[] {
  const inputs = graph.inputs.map((input, i) => {
    const type = given[i];
    return type ? { name: input.name, dtype: type.dtype, shape: type.shape } : input;
  });
  const values = inferValues({ ...graph, inputs, opset: env.opset, domains: env.domains }, env);
  return graph.outputs.map((o) => values.get(o.name) ?? env.value(o.name) ?? (o.undeclared ? undefined : o));
}

/** Why `inferNode` had no answer. */
export function untyped(node: Node, env: InferEnv): StrataError {
  const rule = findRule(node.domain, node.op);
  const unknown = node.inputs.find((n) => n !== '' && !env.value(n));
  const why = !rule
    ? `of domain "${node.domain}" has no rule; give the types of its outputs`
    : unknown !== undefined
      ? `takes "${unknown}", whose type is not known`
      : `has a rule from operator set ${rule.since} on, but the graph is written for ${node.domain === '' ? env.opset : (env.domains.get(node.domain) ?? 0)}`;
  return new StrataError('unsupported_operator', `${node.op} "${node.name}" ${why}`, { where: { node: node.name } });
}

/**
 * Types of all values of a graph. A value that comes from an operator without a rule, or depends on one, is absent unless it is a declared output.
 * @param outer what a subgraph sees of the enclosing graph
 * @throws StrataError `invalid_graph`
 */
export function inferValues(graph: Graph, outer?: Pick<InferEnv, 'value' | 'constant'>): ReadonlyMap<string, Value> {
  const known = outer ? undefined : ofGraphs.get(graph);
  if (known) return known;
  const values = new Map<string, Value>();
  for (const i of graph.inputs) if (!i.undeclared) values.set(i.name, i);
  for (const [name, t] of graph.initializers) values.set(name, toValue(name, t));
  const env: InferEnv = {
    opset: graph.opset,
    domains: graph.domains,
    value: (n) => values.get(n) ?? outer?.value(n),
    constant: (n) => graph.initializers.get(n) ?? (values.has(n) ? undefined : outer?.constant(n)),
  };
  const declared = new Map(graph.outputs.flatMap((o) => (o.undeclared ? [] : [[o.name, o] as const])));
  for (const node of graph.nodes) {
    const made = inferNode(node, env);
    node.outputs.forEach((name, i) => {
      if (name === '') return;
      const value = made?.[i] ?? declared.get(name);
      if (value) values.set(name, value);
    });
  }
  if (!outer) ofGraphs.set(graph, values);
  return values;
}

/** As `inferValues`. @throws StrataError `unsupported_operator` naming the first node whose outputs cannot be typed */
export function inferShapes(graph: Graph): ReadonlyMap<string, Value> {
  const values = inferValues(graph);
  for (const node of graph.nodes)
    if (node.outputs.some((o) => o !== '' && !values.has(o)))
      throw new StrataError(
        'unsupported_operator',
        `${node.op} "${node.name}" (domain "${node.domain}") has no rule for its output types`,
        {
          where: { node: node.name },
        },
      );
  return values;
}
