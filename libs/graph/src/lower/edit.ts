import { inferValues } from '../infer.js';
import type { Value } from '../ops/signatures.js';
import { tensorOf } from '../tensor.js';
import type { Attrs, Graph, Node, TensorData } from '../types.js';
import { capturedNames } from '../uses.js';
import { verify } from '../verify.js';

/** A graph seen by pattern: who makes a value, who uses it; and replacements of nodes by others that make the same outputs. */
export interface Editor {
  readonly graph: Graph;
  /** The node that makes a value; undefined for inputs and constants. */
  maker(name: string | undefined, op?: string): Node | undefined;
  /** Nodes that use a value; undefined when the graph gives it out or a subgraph uses it too. */
  users(name: string): readonly Node[] | undefined;
  /** Type and shape of a value of the original graph. */
  value(name: string): Value | undefined;
  /** The number that all elements of a constant are, whether it was spread by Expand or is stored so. */
  number(name: string | undefined): number | undefined;
  /** Elements of a constant of integers. */
  integers(name: string | undefined): readonly number[] | undefined;
  /** Puts nodes in the place of one. */
  replace(node: Node, by: readonly Node[]): void;
  /** A node under a fresh name, with one output: that name. */
  node(op: string, inputs: readonly string[], attrs?: Attrs, domain?: string): Node;
  /** The same with the given output. */
  named(output: string, op: string, inputs: readonly string[], attrs?: Attrs, domain?: string): Node;
  constant(data: TensorData): string;
  ints(values: readonly number[]): string;
  replaced(node: Node): boolean;
  /** The edited graph, or the very same one when nothing was replaced. */
  done(): Graph;
}

function allAre(data: TensorData['data'], value: unknown): boolean {
  for (const v of data) if (v !== value) return false;
  return true;
}

/** Who makes and who uses each value of a graph. */
interface Wiring {
  readonly makers: ReadonlyMap<string, Node>;
  readonly users: ReadonlyMap<string, readonly Node[]>;
  /** Values that must stay: outputs, and what subgraphs use. */
  readonly fixed: ReadonlySet<string>;
  readonly taken: ReadonlySet<string>;
}
/** Most lowerings change nothing, and the next one finds the same graph. */
const wirings = new WeakMap<Graph, Wiring>();

function wiringOf(graph: Graph): Wiring {
  const known = wirings.get(graph);
  if (known) return known;
  const makers = new Map<string, Node>();
  const users = new Map<string, Node[]>();
  for (const n of graph.nodes) {
    for (const o of n.outputs) makers.set(o, n);
    for (const i of n.inputs) {
      if (i === '') continue;
      const others = users.get(i);
      if (!others) users.set(i, [n]);
      else if (others.at(-1) !== n) others.push(n);
    }
  }
  const fixed = new Set([...graph.outputs.map((o) => o.name), ...graph.nodes.flatMap(capturedNames)]);
  const taken = new Set([
    ...makers.keys(),
    ...graph.inputs.map((i) => i.name),
    ...graph.initializers.keys(),
    ...graph.nodes.map((n) => n.name),
  ]);
  const wiring = { makers, users, fixed, taken };
  wirings.set(graph, wiring);
  return wiring;
}

export function edit(graph: Graph): Editor {
  const { makers, users, fixed, taken } = wiringOf(graph);
  const values = inferValues(graph);
  const mine = new Set<string>();
  const counts = new Map<string, number>();
  const replacements = new Map<Node, readonly Node[]>();
  const initializers = new Map(graph.initializers);
  const domains = new Map(graph.domains);
  const fresh = (base: string): string => {
    for (;;) {
      const n = (counts.get(base) ?? 0) + 1;
      counts.set(base, n);
      const name = n === 1 ? `lower/${base}` : `lower/${base}_${n}`;
      if (taken.has(name) || mine.has(name)) continue;
      mine.add(name);
      return name;
    }
  };
  const maker = (name: string | undefined, op?: string): Node | undefined => {
    const n = name === undefined ? undefined : makers.get(name);
    return n && (op === undefined || n.op === op) ? n : undefined;
  };
  const constantOf = (name: string | undefined): TensorData | undefined =>
    name === undefined ? undefined : graph.initializers.get(name);
  const named = (output: string, op: string, inputs: readonly string[], attrs: Attrs = {}, domain = ''): Node => {
    if (domain !== '' && !domains.has(domain)) domains.set(domain, 1);
    return { op, domain, name: output, inputs, outputs: [output], attrs };
  };
  const self: Editor = {
    graph,
    maker,
    users: (name) => (fixed.has(name) ? undefined : (users.get(name) ?? [])),
    value: (name) => values.get(name),
    number(name) {
      const source = maker(name, 'Expand')?.inputs[0] ?? name;
      const t = constantOf(source);
      const first = t?.data[0];
      return t && first !== undefined && allAre(t.data, first) ? Number(first) : undefined;
    },
    integers(name) {
      const t = constantOf(name);
      return t?.data instanceof BigInt64Array ? Array.from(t.data, Number) : undefined;
    },
    replace: (node, by) => void replacements.set(node, by),
    node: (op, inputs, attrs, domain) => named(fresh(op), op, inputs, attrs, domain),
    named,
    constant(data) {
      const name = fresh('const');
      initializers.set(name, data);
      return name;
    },
    ints: (list) => self.constant(tensorOf('int64', [list.length], list)),
    replaced: (node) => replacements.has(node),
    done() {
      if (replacements.size === 0) return graph;
      const nodes = graph.nodes.flatMap((n) => replacements.get(n) ?? [n]);
      return verify({ ...graph, nodes, initializers, domains });
    },
  };
  return self;
}
