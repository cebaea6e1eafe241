import { StrataError } from '@strata/kernel';
import type { Attr, Attrs, DType, Dim, Graph, Shape, TensorData, TensorType } from '../types.js';
import type { OpFunctions, OpName, Value } from './signatures.js';

/** What the rule of an operator infers for each output. */
export interface Inferred {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Elements of a small integer output (rank 0 or 1), as far as they are known. */
  readonly known?: readonly Dim[] | undefined;
}

/** What a rule may look at while it infers one node. Its errors name the operator and the node. */
export interface InferContext {
  readonly op: string;
  readonly node: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly attrs: Attrs;
  /** Names of the outputs; `''` marks one that is not used. */
  readonly outputs: readonly string[];
  /** @throws StrataError `invalid_graph` when the input is absent */
  input(i: number): Value;
  /** Contents of an input that is a constant. */
  constant(i: number): TensorData | undefined;
  /** Types of the outputs of a subgraph that is fed values of these types (where undefined: as it declares them); undefined where they cannot be known. */
  subgraph(graph: Graph, inputs?: readonly (TensorType | undefined)[]): readonly (Value | undefined)[];
  fail(problem: string): never;
}

/** Emits nodes: the builder, seen from an operator's rule. */
export interface Emitter {
  readonly op: OpFunctions;
  node(
    op: string,
    inputs: readonly (Value | undefined)[],
    attrs?: Attrs,
    options?: { domain?: string; outputs?: number },
  ): Value[];
  /** A subgraph for an attribute; see `GraphBuilder.body`. */
  body(name: string, inputs: readonly TensorType[], fill: (b: Emitter, ...inputs: Value[]) => readonly Value[]): Graph;
  /** The nodes of a graph under fresh names, in the place of its inputs these values. @returns its outputs */
  inline(graph: Graph, inputs: readonly Value[]): Value[];
  constant(data: TensorData): Value;
  scalar(value: number, dtype?: DType): Value;
  ints(values: readonly number[]): Value;
}

/** What the gradient rule of one node sees. */
export interface VjpContext extends Emitter {
  readonly nodeName: string;
  readonly attrs: Attrs;
  /** Inputs of the node. An absent optional input is undefined. */
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly (Value | undefined)[];
  /** What the node's subgraphs use of the enclosing graph, in the order of `capturedNames`. */
  readonly captured: readonly Value[];
  /** Adjoints of the outputs: undefined where the loss does not depend on that output. */
  readonly grads: readonly (Value | undefined)[];
  /** Whether the adjoint of input `i` is wanted (behind the inputs: of captured values); rules need not make the others. */
  needs(i: number): boolean;
  input(i: number): Value;
  output(i: number): Value;
  /** Adjoint of output 0, for operators with one output. */
  readonly grad: Value;
  /** The graph with the adjoints of the values in `wrt` that the seeds reach as outputs `gradientName(w)` alone; a seed is the name of a value and of its adjoint. */
  differentiate(graph: Graph, seeds: ReadonlyMap<string, string>, wrt: readonly string[]): Graph;
  /** Sums an adjoint of broadcast shape back to the shape of `like`, also where sizes are known only when the graph runs. */
  unbroadcast(grad: Value, like: Value): Value;
  /** The shape of a value as an int64 tensor: a constant where it is known. */
  shapeOf(x: Value): Value;
  /** Gives an adjoint the shape of `like`, which has as many elements. */
  reshapeLike(grad: Value, like: Value): Value;
  /** @throws StrataError `not_differentiable` */
  fail(problem: string): never;
}

/** Vector-Jacobian product: adjoints of the inputs from adjoints of the outputs; undefined means zero. */
export type Vjp = (ctx: VjpContext) => readonly (Value | undefined)[];

/** What an operator may look at while it writes the form in which it is trained. */
export interface TrainedContext extends Emitter {
  readonly attrs: Attrs;
  readonly inputs: readonly (Value | undefined)[];
  /** What the node's subgraphs use of the enclosing graph. */
  readonly captured: readonly Value[];
  input(i: number): Value;
  /** Whether anything uses output `i`; the others need not be made. */
  wanted(i: number): boolean;
  /** @throws StrataError `not_differentiable` */
  fail(problem: string): never;
}

/** Operators that give the same outputs as a node and keep what its gradient needs. They take the node's place in the differentiated graph. */
export interface Trained {
  /** Undefined where nobody wants the output. */
  readonly outputs: readonly (Value | undefined)[];
  readonly vjp: Vjp;
}

/** Explicit: no gradient passes through this operator, and asking for one is an error that names it. */
export interface NotDifferentiable {
  readonly notDifferentiable: string;
}
export const notDifferentiable = (why: string): NotDifferentiable => ({ notDifferentiable: why });
export const isNotDifferentiable = (vjp: Vjp | NotDifferentiable): vjp is NotDifferentiable =>
  typeof vjp !== 'function';
/** A gradient that is zero almost everywhere: passes nothing on, and is not an error. */
export const zeroGradient: Vjp = () => [];

export type AttrType = Attr['type'];

/** One input of a sample: shape and float64 or int64 values. */
export interface SampleInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** A small case of an operator away from kinks, on which its gradient is compared with finite differences, and its inferred shapes with the runtime's. */
export interface OpSample {
  readonly name: string;
  readonly inputs: Readonly<Record<string, SampleInput>>;
  build(op: OpFunctions, inputs: Readonly<Record<string, Value>>): Value | readonly Value[];
  /** The same function from operators that the runtime has for float64 too, where it has this one for float32 only. */
  reference?(op: OpFunctions, inputs: Readonly<Record<string, Value>>): Value;
  /** The operator needs its sizes when the graph is built: no symbolic variant is tried. */
  readonly static: boolean;
}

export interface OpRule<K extends OpName = OpName> {
  /** Default: `''`, the ONNX domain. */
  readonly domain?: string;
  /** Version of the domain's operator set since which inputs and attributes mean what this rule says; later versions only widened types or added optional ones. */
  readonly since: number;
  /** Fewest and most inputs; outputs likewise (default one). */
  readonly arity: readonly [min: number, max: number];
  readonly outputs?: readonly [min: number, max: number];
  readonly attrs?: Readonly<Record<string, AttrType>>;
  /** Inputs through which gradients flow (default: all of floating type). Others are indices, shapes and conditions: the result counts as constant in them. */
  readonly differentiable?: readonly number[];
  /** Gradients flow to what the node's subgraphs use of the enclosing graph too: `vjp` gives them behind those of the inputs, in the order of `capturedNames`. */
  readonly captures?: true;
  infer(ctx: InferContext): readonly Inferred[];
  /** How arguments become a node. Default: values are inputs, a last plain object holds the attributes. */
  readonly emit?: (b: Emitter, ...args: Parameters<OpFunctions[K]>) => ReturnType<OpFunctions[K]>;
  readonly vjp: Vjp | NotDifferentiable;
  /** For operators whose outputs alone do not give a gradient cheaply, as those of recurrent networks: their gradient is that of the trained form, and `vjp` is not asked. */
  readonly trained?: (ctx: TrainedContext) => Trained;
  readonly samples: readonly OpSample[];
}

export const intAttr = (attrs: Attrs, name: string, fallback: number): number => {
  const a = attrs[name];
  return a?.type === 'int' ? a.value : fallback;
};
export const floatAttr = (attrs: Attrs, name: string, fallback: number): number => {
  const a = attrs[name];
  return a?.type === 'float' ? a.value : fallback;
};
export const stringAttr = (attrs: Attrs, name: string, fallback: string): string => {
  const a = attrs[name];
  return a?.type === 'string' ? a.value : fallback;
};
export const intsAttr = (attrs: Attrs, name: string): readonly number[] | undefined => {
  const a = attrs[name];
  return a?.type === 'ints' ? a.value : undefined;
};

/** A non-negative axis. @throws through `fail` when it lies outside [-rank, rank) */
export function axisOf(axis: number, rank: number, fail: (problem: string) => never): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    return fail(`axis ${axis} does not exist in a tensor of rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

/** The error of a node: code `invalid_graph`, operator and node in the message. */
export function nodeError(op: string, node: string, problem: string): StrataError {
  return new StrataError('invalid_graph', `${op} "${node}": ${problem}`, { where: { node } });
}
