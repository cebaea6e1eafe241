import type { DType, Dim, Shape, TensorData, TensorType } from '../types.js';

/** A value inside a builder: its name, element type and shape; `known` are the elements of a small integer tensor as far as they are known (symbols allowed). */
export interface Value extends TensorType {
  readonly name: string;
  readonly known?: readonly Dim[] | undefined;
}

export interface ReduceOptions {
  /** Axes to reduce; negative counts from the last. Default: all. A value gives axes that are known only when the graph runs. */
  readonly axes?: readonly number[] | Value;
  /** Keep reduced axes with size 1. Default false (ONNX itself defaults to true). */
  readonly keepdims?: boolean;
}
export interface AxisOption {
  readonly axis?: number;
}

/** Inputs of RNN, GRU and LSTM: T steps, N rows, I features, H units, D directions, G gates (1; z r h; i o f c). */
export interface RecurrentInputs {
  /** [T, N, I]. */
  readonly X: Value;
  /** [D, G·H, I]. */
  readonly W: Value;
  /** [D, G·H, H]. */
  readonly R: Value;
  /** [D, 2·G·H]: that of W, then that of R. */
  readonly B?: Value | undefined;
  /** int32 [N]: real steps of each row; what follows them counts as padding. */
  readonly sequence_lens?: Value | undefined;
  /** [D, N, H]. */
  readonly initial_h?: Value | undefined;
  readonly initial_c?: Value | undefined;
  /** Peepholes [D, 3·H], forward only. */
  readonly P?: Value | undefined;
}
export interface RecurrentOptions {
  readonly direction?: 'forward' | 'reverse' | 'bidirectional';
  /** GRU: the reset gate is applied after the recurrent product, as in cuDNN and PyTorch. */
  readonly linear_before_reset?: boolean;
  /** Names of activation functions, for each direction; default those of the standard. */
  readonly activations?: readonly string[];
}

/** One number for each spatial axis; `pads` before each axis, then after each. */
export interface ConvOptions {
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
  readonly auto_pad?: 'NOTSET' | 'VALID' | 'SAME_UPPER' | 'SAME_LOWER';
  readonly group?: number;
}
export interface PoolOptions extends Omit<ConvOptions, 'group'> {
  readonly ceil_mode?: boolean;
  /** AveragePool alone: zeros of the padding count as elements. */
  readonly count_include_pad?: boolean;
}
/** Either `scales` or `sizes`, one for each axis of the tensor. */
export interface ResizeOptions {
  readonly scales?: readonly number[];
  readonly sizes?: readonly number[] | Value;
  readonly mode?: 'nearest' | 'linear' | 'cubic';
  readonly coordinate_transformation_mode?: 'half_pixel' | 'pytorch_half_pixel' | 'align_corners' | 'asymmetric';
  readonly nearest_mode?: 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil';
}

/** Makes a subgraph. */
export type Fill = (b: { readonly op: OpFunctions }, ...inputs: Value[]) => readonly Value[];

type Unary = (x: Value) => Value;
type Binary = (a: Value, b: Value) => Value;
type Variadic = (...inputs: [Value, ...Value[]]) => Value;
type Reduce = (x: Value, options?: ReduceOptions) => Value;

/**
 * Operators as functions: `b.op.MatMul(x, w)`. Each name must have a rule in `table.ts`, or the table does not compile. Attributes are an object in last
 * place; where ONNX takes small constant integers as an input (axes, shapes), numbers may be given.
 */
export interface OpFunctions {
  // element by element, with broadcasting
  Add: Binary;
  Sub: Binary;
  Mul: Binary;
  Div: Binary;
  Pow: Binary;
  Mod: (a: Value, b: Value, options?: { fmod?: boolean }) => Value;
  Max: Variadic;
  Min: Variadic;
  Equal: Binary;
  Less: Binary;
  Greater: Binary;
  LessOrEqual: Binary;
  GreaterOrEqual: Binary;
  And: Binary;
  Or: Binary;
  Xor: Binary;
  Not: Unary;
  Where: (condition: Value, a: Value, b: Value) => Value;
  // element by element
  Neg: Unary;
  Abs: Unary;
  Sign: Unary;
  Exp: Unary;
  Log: Unary;
  Sqrt: Unary;
  Reciprocal: Unary;
  Sin: Unary;
  Cos: Unary;
  Tanh: Unary;
  Sigmoid: Unary;
  Relu: Unary;
  LeakyRelu: (x: Value, options?: { alpha?: number }) => Value;
  Elu: (x: Value, options?: { alpha?: number }) => Value;
  Gelu: (x: Value, options?: { approximate?: 'none' | 'tanh' }) => Value;
  Softplus: Unary;
  Erf: Unary;
  Floor: Unary;
  Ceil: Unary;
  Round: Unary;
  Clip: (x: Value, min?: Value, max?: Value) => Value;
  // more functions of one element
  Tan: Unary;
  Asin: Unary;
  Acos: Unary;
  Atan: Unary;
  Sinh: Unary;
  Cosh: Unary;
  Asinh: Unary;
  Acosh: Unary;
  Atanh: Unary;
  Softsign: Unary;
  Selu: (x: Value, options?: { alpha?: number; gamma?: number }) => Value;
  Celu: (x: Value, options?: { alpha?: number }) => Value;
  HardSigmoid: (x: Value, options?: { alpha?: number; beta?: number }) => Value;
  HardSwish: Unary;
  Mish: Unary;
  /** x σ(α x), written by parts: the operator itself needs operator set 24. */
  Swish: (x: Value, options?: { alpha?: number }) => Value;
  ThresholdedRelu: (x: Value, options?: { alpha?: number }) => Value;
  Shrink: (x: Value, options?: { lambd?: number; bias?: number }) => Value;
  PRelu: Binary;
  IsInf: (x: Value, options?: { detect_negative?: boolean; detect_positive?: boolean }) => Value;
  CastLike: Binary;
  Sum: Variadic;
  Mean: Variadic;
  /** The identity: its training form is made of a mask that the trainer draws (`dropout` of @strata/nn). */
  Dropout: Unary;
  IsNaN: Unary;
  Identity: Unary;
  Cast: (x: Value, to: DType) => Value;
  // products
  MatMul: Binary;
  /** com.microsoft: α op(A) op(B); `transA`, `transB` exchange the last two axes of an operand without a copy. Not standard ONNX: for graphs that run, not for export. */
  FusedMatMul: (a: Value, b: Value, options?: { alpha?: number; transA?: boolean; transB?: boolean }) => Value;
  /** alpha · op(a) op(b) + beta · c, with op = transpose when asked for. */
  Gemm: (
    a: Value,
    b: Value,
    c?: Value,
    options?: { alpha?: number; beta?: number; transA?: boolean; transB?: boolean },
  ) => Value;
  /** Sums of products over labelled axes, for example `bqhd,bkhd->bhqk`. */
  Einsum: (equation: string, ...inputs: [Value, ...Value[]]) => Value;
  // reductions
  ReduceL1: Reduce;
  ReduceL2: Reduce;
  ReduceLogSum: Reduce;
  ReduceSum: Reduce;
  ReduceMean: Reduce;
  ReduceMax: Reduce;
  ReduceMin: Reduce;
  ReduceProd: Reduce;
  ReduceSumSquare: Reduce;
  ReduceLogSumExp: Reduce;
  ArgMax: (x: Value, options?: AxisOption & { keepdims?: boolean }) => Value;
  ArgMin: (x: Value, options?: AxisOption & { keepdims?: boolean }) => Value;
  /** The k largest (or smallest) along an axis, in order, and their indices: [values, indices]. */
  TopK: (x: Value, k: number | Value, options?: AxisOption & { largest?: boolean }) => [Value, Value];
  Hardmax: (x: Value, options?: AxisOption) => Value;
  CumSum: (x: Value, axis: number, options?: { exclusive?: boolean; reverse?: boolean }) => Value;
  Softmax: (x: Value, options?: AxisOption) => Value;
  LogSoftmax: (x: Value, options?: AxisOption) => Value;
  LayerNormalization: (x: Value, scale: Value, bias?: Value, options?: AxisOption & { epsilon?: number }) => Value;
  /** Operator set 23. */
  RMSNormalization: (x: Value, scale: Value, options?: AxisOption & { epsilon?: number }) => Value;
  /** Operator set 23: x [N, heads, L, size] or [N, L, heads · size]; tables [N, L, size/2], or [positions, size/2] with `positions` [N, L]. */
  RotaryEmbedding: (
    x: Value,
    cos: Value,
    sin: Value,
    positions?: Value,
    options?: { interleaved?: boolean; num_heads?: number; rotary_embedding_dim?: number },
  ) => Value;
  /** Operator set 23: scaled dot product attention of [N, heads, L, size] or [N, L, heads · size]; the mask is added, or bool. */
  Attention: (
    q: Value,
    k: Value,
    v: Value,
    mask?: Value,
    options?: { is_causal?: boolean; q_num_heads?: number; kv_num_heads?: number; scale?: number },
  ) => Value;
  // shapes
  Shape: (x: Value, options?: { start?: number; end?: number }) => Value;
  Size: Unary;
  /** At most one -1 is found out from the number of elements; 0 copies the size of the input. */
  Reshape: (x: Value, shape: readonly number[] | Value) => Value;
  Transpose: (x: Value, perm?: readonly number[]) => Value;
  Squeeze: (x: Value, axes?: readonly number[]) => Value;
  Unsqueeze: (x: Value, axes: readonly number[] | Value) => Value;
  Flatten: (x: Value, options?: AxisOption) => Value;
  Expand: (x: Value, shape: readonly number[] | Value) => Value;
  Tile: (x: Value, repeats: readonly number[] | Value) => Value;
  /** The upper (or lower) triangle of matrices, `k` diagonals off the main one; zeros elsewhere. */
  Trilu: (x: Value, options?: { upper?: boolean; k?: number }) => Value;
  Concat: (inputs: readonly [Value, ...Value[]], axis: number) => Value;
  /** `sizes` along the axis; a value must have a known number of elements. */
  Split: (x: Value, sizes: readonly number[] | Value, axis?: number) => Value[];
  Slice: (
    x: Value,
    starts: readonly number[] | Value,
    ends: readonly number[] | Value,
    axes?: readonly number[],
    steps?: readonly number[],
  ) => Value;
  /** `pads`: elements added before each axis, then after each axis; constant mode, value 0 unless given. */
  Pad: (
    x: Value,
    pads: readonly number[] | Value,
    value?: Value,
    options?: { mode?: 'constant' | 'reflect' | 'edge' | 'wrap' },
  ) => Value;
  // indices
  Gather: (data: Value, indices: Value, options?: AxisOption) => Value;
  GatherElements: (data: Value, indices: Value, options?: AxisOption) => Value;
  GatherND: (data: Value, indices: Value, options?: { batch_dims?: number }) => Value;
  ScatterElements: (
    data: Value,
    indices: Value,
    updates: Value,
    options?: AxisOption & { reduction?: 'none' | 'add' | 'max' | 'min' },
  ) => Value;
  ScatterND: (data: Value, indices: Value, updates: Value, options?: { reduction?: 'none' | 'add' }) => Value;
  OneHot: (indices: Value, depth: Value | number, values: Value, options?: AxisOption) => Value;
  NonZero: Unary;
  // control flow; what is used of the enclosing graph needs no mention
  If: (condition: Value, yes: Fill, no: Fill) => Value[];
  /** Rounds over axis 0 of the sequences: `fill` gets the states and a row of each, and gives the next states and rows to keep. [last states, kept rows]. */
  Scan: (states: readonly Value[], sequences: readonly Value[], fill: Fill, options?: { reverse?: boolean }) => Value[];
  /** Rounds while a condition holds: `fill` gets the round's number, the condition and the states, and gives condition, states and rows to keep. */
  Loop: (
    rounds: Value | number | undefined,
    condition: Value | undefined,
    states: readonly Value[],
    fill: (b: { readonly op: OpFunctions }, round: Value, going: Value, ...states: Value[]) => readonly Value[],
  ) => Value[];
  /**
   * A function whose gradient is given: `backward` gets inputs, outputs and the adjoints of the outputs, and gives the adjoints of the inputs (undefined: none). What either
   * uses besides its inputs counts as constant. Exported models hold the function alone.
   */
  CustomGradient: (
    inputs: readonly Value[],
    forward: Fill,
    backward: (
      b: { readonly op: OpFunctions },
      known: {
        readonly inputs: readonly Value[];
        readonly outputs: readonly Value[];
        readonly grads: readonly Value[];
      },
    ) => readonly (Value | undefined)[],
  ) => Value[];
  // constants
  Constant: (value: TensorData) => Value;
  ConstantOfShape: (shape: Value, value: TensorData) => Value;
  EyeLike: (x: Value, options?: { dtype?: DType; k?: number }) => Value;
  Range: (start: Value, limit: Value, delta: Value) => Value;
  // recurrent networks: [Y [T, D, N, H], Y_h [D, N, H]], and Y_c [D, N, H] of LSTM
  RNN: (inputs: RecurrentInputs, options?: RecurrentOptions) => Value[];
  GRU: (inputs: RecurrentInputs, options?: RecurrentOptions) => Value[];
  LSTM: (inputs: RecurrentInputs, options?: RecurrentOptions) => Value[];
  // images [N, C, …]
  /** Weights [M, C/group, …], bias [M]. */
  Conv: (x: Value, w: Value, bias?: Value, options?: ConvOptions) => Value;
  /** Weights [C, M/group, …], bias [M]. */
  ConvTranspose: (
    x: Value,
    w: Value,
    bias?: Value,
    options?: ConvOptions & { output_padding?: readonly number[]; output_shape?: readonly number[] },
  ) => Value;
  /** [largest elements, where they are in the whole tensor]. */
  MaxPool: (x: Value, kernel: readonly number[], options?: PoolOptions) => [Value, Value];
  AveragePool: (x: Value, kernel: readonly number[], options?: PoolOptions) => Value;
  GlobalAveragePool: Unary;
  GlobalMaxPool: Unary;
  Resize: (x: Value, options: ResizeOptions) => Value;
  DepthToSpace: (x: Value, blocksize: number, options?: { mode?: 'DCR' | 'CRD' }) => Value;
  SpaceToDepth: (x: Value, blocksize: number) => Value;
  /** [y], in training [y, next running mean, next running variance]. `momentum` is the share that stays (PyTorch's is the share that is new). */
  BatchNormalization: (
    x: Value,
    scale: Value,
    bias: Value,
    mean: Value,
    variance: Value,
    options?: { epsilon?: number; momentum?: number; training?: boolean },
  ) => [Value, ...Value[]];
  InstanceNormalization: (x: Value, scale: Value, bias: Value, options?: { epsilon?: number }) => Value;
  GroupNormalization: (
    x: Value,
    scale: Value,
    bias: Value,
    num_groups: number,
    options?: { epsilon?: number },
  ) => Value;
  // quantisation, forward only
  /** y = saturate(round(x / scale) + zero point): [uint8 y, float32 scale, uint8 zero point]. */
  DynamicQuantizeLinear: (x: Value) => [Value, Value, Value];
  MatMulInteger: (a: Value, b: Value, aZero?: Value, bZero?: Value) => Value;
  QuantizeLinear: (x: Value, scale: Value, zero?: Value, options?: AxisOption) => Value;
  DequantizeLinear: (x: Value, scale: Value, zero?: Value, options?: AxisOption) => Value;
  /** ai.onnx.ml: looks strings or integers up in a table. */
  LabelEncoder: (x: Value, keys: TensorData, values: TensorData, fallback: TensorData) => Value;
}
export type OpName = keyof OpFunctions;

export type { Shape };
