import { StrataError, type Rng } from '@strata/kernel';
import { opFunctions } from './emit.js';
import { inferNode, inferValues, toValue, untyped, type InferEnv } from './infer.js';
import type { Emitter } from './ops/rule.js';
import type { OpFunctions, Value } from './ops/signatures.js';
import { contentKey, tensorOf } from './tensor.js';
import type { Attrs, DType, Graph, Node, Shape, TensorData, TensorType, ValueInfo } from './types.js';
import { innerNames, renameUses } from './uses.js';

/** Operator set that Strata writes; ONNX 1.16 and newer, ONNX Runtime 1.18 and newer read it. */
export const DEFAULT_OPSET = 21;

/** Draws the first value of a parameter. */
export type Initializer = (dims: readonly number[], dtype: DType, rng: Rng) => TensorData;

/** A trainable tensor: an input of the training graph, an initializer of the exported one (`bindParameters`). */
export interface Parameter extends ValueInfo {
  readonly shape: readonly number[];
  readonly init: Initializer;
}

/** An input that the trainer fills at each step from the job's seeded stream, so that a resumed run draws what the first would have drawn. */
export interface RandomInput extends ValueInfo {
  /**
   * `dropout`: 0 with probability `rate`, else 1 / (1 - rate), float32. `uniform`: uniform in [0, 1). `normal`: standard normal.
   */
  readonly kind: 'dropout' | 'uniform' | 'normal';
  /** Probability of a zero; only `dropout` reads it. */
  readonly rate: number;
}

/**
 * Builds a graph node by node; each value's element type and shape is inferred at once, so an error names the line that made it.
 *
 * ```ts
 * const b = new GraphBuilder('mlp');
 * const x = b.input('x', 'float32', ['N', 4]);
 * const w = b.param('w', 'float32', [4, 3], init);
 * b.output('y', b.op.MatMul(x, w));
 * const graph = b.build();
 * ```
 */
export class GraphBuilder implements Emitter {
  readonly op: OpFunctions;
  readonly name: string;
  private version: number;
  private readonly values = new Map<string, Value>();
  private readonly inputList: ValueInfo[] = [];
  private readonly parameterList: Parameter[] = [];
  private readonly bufferList: Parameter[] = [];
  private readonly bufferUpdates = new Map<string, Value>();
  private readonly randomList: RandomInput[] = [];
  private readonly nodes: Node[] = [];
  private readonly initializers = new Map<string, TensorData>();
  private readonly outputList: { name: string; value: Value }[] = [];
  private readonly domains = new Map<string, number>();
  private readonly smallConstants = new Map<string, Value>();
  private readonly counters = new Map<string, number>();
  private readonly reserved = new Set<string>();
  private prefix = '';
  private segment: string | undefined;
  private readonly parent: GraphBuilder | undefined;

  /** @param options.parent makes a subgraph: it sees the parent's values, and its own names differ from the parent's; see `body` */
  constructor(name = 'graph', options: { opset?: number; parent?: GraphBuilder } = {}) {
    this.name = name;
    this.parent = options.parent;
    this.version = options.opset ?? options.parent?.opset ?? DEFAULT_OPSET;
    this.op = opFunctions(this);
  }

  /** Continues an existing graph: its values can be fetched by name and more nodes and outputs added. */
  static from(graph: Graph): GraphBuilder {
    const b = new GraphBuilder(graph.name, { opset: graph.opset });
    for (const [domain, version] of graph.domains) b.domains.set(domain, version);
    for (const [name, value] of inferValues(graph)) b.values.set(name, value);
    for (const [name, data] of graph.initializers) b.initializers.set(name, data);
    b.inputList.push(...graph.inputs);
    b.nodes.push(...graph.nodes);
    for (const n of graph.nodes) {
      b.counters.set(n.name, 1);
      b.reserve(innerNames(n));
    }
    for (const o of graph.outputs) b.outputList.push({ name: o.name, value: b.value(o.name) });
    return b;
  }

  /** Version of the default domain's operator set. */
  get opset(): number {
    return this.version;
  }

  /** Goes over to a newer operator set; rules of older operators hold in it too. An older one changes nothing. */
  raiseOpset(version: number): void {
    this.version = Math.max(this.version, version);
  }

  /** Parameters declared so far, in order. */
  get parameters(): readonly Parameter[] {
    return this.parameterList;
  }

  /** Buffers declared so far, in order. */
  get buffers(): readonly Parameter[] {
    return this.bufferList;
  }

  /** What buffers become after a training step, by name; a buffer that is absent stays as it is. */
  get nextBuffers(): ReadonlyMap<string, Value> {
    return this.bufferUpdates;
  }

  /** Inputs that the trainer draws, in order. */
  get randoms(): readonly RandomInput[] {
    return this.randomList;
  }

  /** A graph input. Symbolic sizes are strings. */
  input(name: string, dtype: DType, shape: Shape): Value {
    return this.declare({ name: this.fresh(name), dtype, shape });
  }

  /** An input of another graph as it is: what was inferred of nodes that take it holds here too. */
  adopt(input: ValueInfo): Value {
    this.fresh(input.name);
    return this.declare(input);
  }

  /** A trainable tensor; its name gets the prefix of the enclosing scopes. */
  param(name: string, dtype: DType, shape: readonly number[], init: Initializer): Value {
    const full = this.fresh(this.prefix + name);
    this.parameterList.push({ name: full, dtype, shape, init });
    return this.declare({ name: full, dtype, shape });
  }

  /** State that is not trained but goes with the weights, such as running statistics: an input of the training graph, an initializer of the exported one. */
  buffer(name: string, dtype: DType, shape: readonly number[], init: Initializer): Value {
    const full = this.fresh(this.prefix + name);
    this.bufferList.push({ name: full, dtype, shape, init });
    return this.declare({ name: full, dtype, shape });
  }

  /** Says what a buffer becomes after a training step. @throws StrataError `invalid_graph` when it is none, or gets another type */
  updateBuffer(buffer: Value, next: Value): void {
    const known = this.bufferList.find((x) => x.name === buffer.name);
    if (!known || next.dtype !== known.dtype || next.shape.length !== known.shape.length)
      throw new StrataError(
        'invalid_graph',
        `"${buffer.name}" ${known ? `is ${known.dtype} of rank ${known.shape.length} and cannot become ${next.dtype} of rank ${next.shape.length}` : 'is not a buffer'}`,
        { where: { node: buffer.name } },
      );
    this.bufferUpdates.set(buffer.name, next);
  }

  /** An input that the trainer draws anew for each step; its name gets the prefix of the enclosing scopes. Symbolic sizes take their value from the step's feeds. */
  random(name: string, shape: Shape, kind: RandomInput['kind'], rate = 0): Value {
    const full = this.fresh(this.prefix + name);
    this.randomList.push({ name: full, dtype: 'float32', shape, kind, rate });
    return this.declare({ name: full, dtype: 'float32', shape });
  }

  /** A named constant of the graph. */
  initializer(name: string, data: TensorData): Value {
    this.initializers.set(this.fresh(name), data);
    return this.add(toValue(name, data));
  }

  /** A constant with a name of its own making; equal small ones are kept once. */
  constant(data: TensorData): Value {
    const key = data.data.length <= 64 ? contentKey(data) : undefined;
    const old = key === undefined ? undefined : this.smallConstants.get(key);
    if (old) return old;
    const value = this.initializer(this.unique('const'), data);
    if (key !== undefined) this.smallConstants.set(key, value);
    return value;
  }

  /** A constant of rank 0. */
  scalar(value: number, dtype: DType = 'float32'): Value {
    return this.constant(tensorOf(dtype, [], [value]));
  }

  /** A constant int64 vector: axes, shapes. */
  ints(values: readonly number[]): Value {
    return this.constant(tensorOf('int64', [values.length], values));
  }

  /** Any operator by name, also of other domains; types are inferred when the table has its rule, otherwise `types` must give them. */
  node(
    op: string,
    inputs: readonly (Value | undefined)[],
    attrs: Attrs = {},
    options: {
      domain?: string;
      outputs?: number;
      name?: string;
      types?: readonly { dtype: DType; shape: Shape }[];
      version?: number;
    } = {},
  ): Value[] {
    const domain = options.domain ?? '';
    const name = this.unique(options.name ?? this.prefix + op);
    const count = options.outputs ?? options.types?.length ?? 1;
    const names = inputs.map((v) => {
      if (v && this.find(v.name) !== v)
        throw new StrataError('invalid_graph', `${op} "${name}": its input "${v.name}" belongs to another graph`, {
          where: { node: name },
        });
      return v?.name ?? '';
    });
    while (names.length > 0 && names.at(-1) === '') names.pop();
    const outputs = Array.from({ length: count }, (_, i) => (count === 1 ? name : `${name}_${i}`));
    const node: Node = { op, domain, name, inputs: names, outputs, attrs, ...this.segmentOf() };
    const types = options.types?.map((type, i) => ({ ...type, name: outputs[i] ?? '' })) ?? inferNode(node, this.env);
    if (!types) throw untyped(node, this.env);
    if (domain !== '' && !this.domains.has(domain))
      this.domains.set(domain, options.version ?? (domain === 'ai.onnx.ml' ? 4 : 1));
    this.reserve(innerNames(node));
    this.nodes.push(node);
    return outputs.map((output, i) => {
      const type = types[i];
      if (!type) throw new StrataError('internal', `the rule of ${op} infers ${types.length} outputs, not ${count}`);
      if (count > 1) this.fresh(output);
      return this.add(type);
    });
  }

  /** Adds a node as it is, under its own names. Outputs of operators without a rule are typed by `declared`, when it knows them. */
  append(node: Node, declared?: ReadonlyMap<string, ValueInfo>): void {
    const types = inferNode(node, this.env);
    node.outputs.forEach((name, i) => {
      if (name === '') return;
      const type = types?.[i] ?? declared?.get(name);
      this.fresh(name);
      if (type) this.add(type);
    });
    this.nodes.push(node);
    if (node.domain !== '' && !this.domains.has(node.domain)) this.domains.set(node.domain, 1);
  }

  /** Keeps names free for values that will be added later. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.reserved.add(name);
  }

  /** Says which version of another domain's operators the graph uses. */
  useDomain(domain: string, version: number): void {
    this.domains.set(domain, version);
  }

  /** Names made inside `fn` begin with `name/`. */
  scope<T>(name: string, fn: () => T): T {
    const outer = this.prefix;
    this.prefix = `${outer}${name}/`;
    try {
      return fn();
    } finally {
      this.prefix = outer;
    }
  }

  /**
   * Gradient checkpointing: of the values made inside `fn`, those that are used inside alone are not kept for the backward pass, which makes them again. Costs the time of `fn` once more.
   * Names do not change. A checkpoint inside another one belongs to the outer one.
   */
  checkpoint<T>(name: string, fn: () => T): T {
    return this.segment === undefined ? this.inSegment(this.unique(`checkpoint/${name}`), fn) : fn();
  }

  /** Nodes made inside `fn` belong to the segment of a node that they replace. */
  inSegment<T>(segment: string | undefined, fn: () => T): T {
    const outer = this.segment;
    this.segment = segment;
    try {
      return fn();
    } finally {
      this.segment = outer;
    }
  }

  /** Declares an output of the graph; the value takes this name when the graph is built. */
  output(name: string, value: Value): void {
    if (this.outputList.some((o) => o.name === name))
      throw new StrataError('invalid_graph', `the graph has two outputs named "${name}"`, { where: { node: name } });
    this.outputList.push({ name, value });
  }

  /**
   * A subgraph for an attribute of a control flow operator. `fill` gets its inputs, may use values of this graph too, and gives its outputs.
   * @param inputs what each of its inputs looks like
   */
  body(
    name: string,
    inputs: readonly TensorType[],
    fill: (b: GraphBuilder, ...inputs: Value[]) => readonly Value[],
  ): Graph {
    const inner = new GraphBuilder(this.unique(this.prefix + name), { parent: this });
    inner.prefix = `${inner.name}/`;
    const values = inputs.map((t, i) => inner.input(`${inner.prefix}in_${i}`, t.dtype, t.shape));
    // each output is a value of its own, made inside
    fill(inner, ...values).forEach((v, i) => inner.output(`${inner.prefix}out_${i}`, inner.op.Identity(v)));
    for (const [domain, version] of inner.domains) if (!this.domains.has(domain)) this.domains.set(domain, version);
    return inner.build();
  }

  /** The nodes of a graph under fresh names, in the place of its inputs these values; what it takes from around it stays. @returns its outputs */
  inline(graph: Graph, inputs: readonly Value[]): Value[] {
    const names = new Map<string, string>();
    graph.inputs.forEach((input, i) => names.set(input.name, inputs[i]?.name ?? input.name));
    for (const [name, t] of graph.initializers) names.set(name, this.constant(t).name);
    const to = (name: string) => names.get(name) ?? name;
    for (const node of graph.nodes) {
      const name = this.unique(this.prefix + node.name);
      const outputs = node.outputs.map((o) => (o === '' ? '' : o === node.name ? name : this.unique(this.prefix + o)));
      const used = renameUses(node, to);
      node.outputs.forEach((o, i) => names.set(o, outputs[i] ?? o));
      this.append({ ...used, name, outputs });
    }
    return graph.outputs.map((o) => {
      const value = this.find(to(o.name));
      if (!value)
        throw new StrataError('invalid_graph', `the type of "${o.name}" is not known`, { where: { node: o.name } });
      return value;
    });
  }

  private find(name: string): Value | undefined {
    return this.values.get(name) ?? this.parent?.find(name);
  }

  private findConstant(name: string): TensorData | undefined {
    return this.initializers.get(name) ?? (this.values.has(name) ? undefined : this.parent?.findConstant(name));
  }

  private isTaken(name: string): boolean {
    return this.values.has(name) || this.reserved.has(name) || (this.parent?.isTaken(name) ?? false);
  }

  /** Whether there is a value of this name whose type is known. */
  has(name: string): boolean {
    return this.values.has(name);
  }

  /** The value of this name. @throws StrataError `invalid_graph` when there is none */
  value(name: string): Value {
    const v = this.values.get(name);
    if (!v)
      throw new StrataError('invalid_graph', `the graph "${this.name}" has no value "${name}" of a known type`, {
        where: { node: name },
      });
    return v;
  }

  /** The finished graph; the builder can go on afterwards. */
  build(): Graph {
    const made = new Set(this.nodes.flatMap((n) => n.outputs));
    const renamed = new Map<string, string>();
    const extra: Node[] = [];
    const taken = (name: string) => this.values.has(name);
    for (const { name, value } of this.outputList) {
      if (name === value.name) continue;
      if (taken(name)) {
        // an intermediate value makes room; an input, a constant or what another output refers to cannot
        if (!made.has(name) || this.outputList.some((o) => o.value.name === name))
          throw new StrataError('invalid_graph', `the output "${name}" has the name of another value`, {
            where: { node: name },
          });
        renamed.set(name, this.unique(name));
      }
      // an input, a constant or a value that is an output already cannot change its name
      if (made.has(value.name) && !renamed.has(value.name) && !this.outputList.some((o) => o.name === value.name))
        renamed.set(value.name, name);
      else
        extra.push({
          op: 'Identity',
          domain: '',
          name: `${name}/Identity`,
          inputs: [value.name],
          outputs: [name],
          attrs: {},
        });
    }
    const to = (n: string) => renamed.get(n) ?? n;
    const nodes = [...this.nodes, ...extra].map((n) => {
      const used = renameUses(n, to);
      return n.outputs.some((o) => renamed.has(o)) ? { ...used, outputs: n.outputs.map(to) } : used;
    });
    return {
      name: this.name,
      inputs: [...this.inputList],
      outputs: this.outputList.map(({ name, value }) => ({ name, dtype: value.dtype, shape: value.shape })),
      nodes,
      initializers: new Map(this.initializers),
      opset: this.opset,
      domains: new Map(this.domains),
    };
  }

  private segmentOf(): { readonly segment?: string } {
    return this.segment === undefined ? {} : { segment: this.segment };
  }

  private get env(): InferEnv {
    return {
      opset: this.opset,
      domains: this.domains,
      value: (n) => this.find(n),
      constant: (n) => this.findConstant(n),
    };
  }

  private declare(input: ValueInfo): Value {
    this.inputList.push(input);
    return this.add(input);
  }

  private add(value: Value): Value {
    this.values.set(value.name, value);
    return value;
  }

  private fresh(name: string): string {
    if (name === '' || this.values.has(name))
      throw new StrataError(
        'invalid_graph',
        name === '' ? 'a value needs a name' : `the graph has two values named "${name}"`,
        { where: { node: name } },
      );
    return name;
  }

  /** `base`, or `base_2`, `base_3`, … */
  private unique(base: string): string {
    for (;;) {
      const n = (this.counters.get(base) ?? 0) + 1;
      this.counters.set(base, n);
      const name = n === 1 ? base : `${base}_${n}`;
      // a node keeps its name when its output takes another one
      const ofNode = n > 1 && this.counters.has(name);
      if (!this.isTaken(name) && !ofNode) return name;
    }
  }
}
