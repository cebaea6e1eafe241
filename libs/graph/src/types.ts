/** Element types of ONNX tensors that Strata's graphs carry. */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'uint8'
  | 'bool'
  | 'string';

/** A size: a number, or a symbol that stands for a size known when the graph runs (see dims.ts). */
export type Dim = number | string;
export type Shape = readonly Dim[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** An input or output of a graph. */
export interface ValueInfo extends TensorType {
  readonly name: string;
  /** Of a subgraph that does not declare it: type and shape say nothing, those of what is fed to it or made in it count. */
  readonly undeclared?: true;
}

/** Storage of each element type: halves as their 16 bits, booleans as bytes 0 and 1. */
export interface DataOf {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint64: BigUint64Array;
  uint32: Uint32Array;
  uint16: Uint16Array;
  uint8: Uint8Array;
  bool: Uint8Array;
  string: string[];
}
export type TensorArray = DataOf[DType];

/** A constant tensor, elements in row-major order. Make one with `tensor()`; `data.length` is the product of `dims`. */
export interface TensorData {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorArray;
}

/** An attribute of a node. The tag is kept because ONNX distinguishes the integer 1 from the float 1. */
export type Attr =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: TensorData }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensors'; readonly value: readonly TensorData[] }
  | { readonly type: 'graphs'; readonly value: readonly Graph[] };
export type Attrs = Readonly<Record<string, Attr>>;

/** One application of an operator. The empty string in `inputs` or `outputs` stands for an optional one that is absent. */
export interface Node {
  readonly op: string;
  /** `''` is the ONNX default domain. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Attrs;
  /** Nodes of one segment are run again for the backward pass instead of their values being kept (`GraphBuilder.checkpoint`). Not written to files. */
  readonly segment?: string;
}

/**
 * An ONNX graph as plain immutable data. Nodes stand in an order in which every value is made before it is used. Passes are functions graph → graph.
 */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  /** Constants: weights of an exported model, shapes, scalars. */
  readonly initializers: ReadonlyMap<string, TensorData>;
  /** Version of the default domain's operator set. */
  readonly opset: number;
  /** Versions of other domains, for example `ai.onnx.ml`. */
  readonly domains: ReadonlyMap<string, number>;
}
