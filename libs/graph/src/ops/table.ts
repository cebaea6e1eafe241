import { Abs } from './abs.js';
import { Add } from './add.js';
import { And } from './and.js';
import { ArgMax } from './arg-max.js';
import { Cast } from './cast.js';
import { Ceil } from './ceil.js';
import { Clip } from './clip.js';
import { Concat } from './concat.js';
import { Constant } from './constant.js';
import { ConstantOfShape } from './constant-of-shape.js';
import { Cos } from './cos.js';
import { CumSum } from './cum-sum.js';
import { DequantizeLinear } from './dequantize-linear.js';
import { Div } from './div.js';
import { DynamicQuantizeLinear } from './dynamic-quantize-linear.js';
import { Elu } from './elu.js';
import { Equal } from './equal.js';
import { Erf } from './erf.js';
import { Exp } from './exp.js';
import { Expand } from './expand.js';
import { Flatten } from './flatten.js';
import { Floor } from './floor.js';
import { FusedMatMul } from './fused-mat-mul.js';
import { Gather } from './gather.js';
import { GatherElements } from './gather-elements.js';
import { GatherND } from './gather-nd.js';
import { Gelu } from './gelu.js';
import { Gemm } from './gemm.js';
import { Greater } from './greater.js';
import { GreaterOrEqual } from './greater-or-equal.js';
import { Identity } from './identity.js';
import { IsNaN } from './is-nan.js';
import { LabelEncoder } from './label-encoder.js';
import { LayerNormalization } from './layer-normalization.js';
import { RMSNormalization } from './rms-normalization.js';
import { RotaryEmbedding } from './rotary-embedding.js';
import { LeakyRelu } from './leaky-relu.js';
import { Less } from './less.js';
import { LessOrEqual } from './less-or-equal.js';
import { LSTM } from './lstm.js';
import { GRU } from './gru.js';
import { RNN } from './rnn.js';
import { Log } from './log.js';
import { LogSoftmax } from './log-softmax.js';
import { MatMul } from './matmul.js';
import { MatMulInteger } from './mat-mul-integer.js';
import { Max } from './max.js';
import { Min } from './min.js';
import { Mod } from './mod.js';
import { Mul } from './mul.js';
import { Neg } from './neg.js';
import { NonZero } from './non-zero.js';
import { Not } from './not.js';
import { OneHot } from './one-hot.js';
import { Or } from './or.js';
import { Pad } from './pad.js';
import { Pow } from './pow.js';
import { QuantizeLinear } from './quantize-linear.js';
import { Range } from './range.js';
import { Reciprocal } from './reciprocal.js';
import { ReduceLogSumExp } from './reduce-log-sum-exp.js';
import { ReduceMax } from './reduce-max.js';
import { ReduceMean } from './reduce-mean.js';
import { ReduceMin } from './reduce-min.js';
import { ReduceProd } from './reduce-prod.js';
import { ReduceSum } from './reduce-sum.js';
import { ReduceSumSquare } from './reduce-sum-square.js';
import { Relu } from './relu.js';
import { Reshape } from './reshape.js';
import { Round } from './round.js';
import { ScatterElements } from './scatter-elements.js';
import { ScatterND } from './scatter-nd.js';
import { Shape } from './shape.js';
import { Sigmoid } from './sigmoid.js';
import { Sign } from './sign.js';
import { Sin } from './sin.js';
import { Size } from './size.js';
import { Slice } from './slice.js';
import { Softmax } from './softmax.js';
import { Softplus } from './softplus.js';
import { Split } from './split.js';
import { Sqrt } from './sqrt.js';
import { Squeeze } from './squeeze.js';
import { Sub } from './sub.js';
import { Tanh } from './tanh.js';
import { Transpose } from './transpose.js';
import { Unsqueeze } from './unsqueeze.js';
import { Tan } from './tan.js';
import { Asin } from './asin.js';
import { Acos } from './acos.js';
import { Atan } from './atan.js';
import { Sinh } from './sinh.js';
import { Cosh } from './cosh.js';
import { Asinh } from './asinh.js';
import { Acosh } from './acosh.js';
import { Atanh } from './atanh.js';
import { Softsign } from './softsign.js';
import { Selu } from './selu.js';
import { Celu } from './celu.js';
import { HardSigmoid } from './hard-sigmoid.js';
import { HardSwish } from './hard-swish.js';
import { Mish } from './mish.js';
import { Swish } from './swish.js';
import { ThresholdedRelu } from './thresholded-relu.js';
import { Shrink } from './shrink.js';
import { PRelu } from './p-relu.js';
import { IsInf } from './is-inf.js';
import { CastLike } from './cast-like.js';
import { Sum } from './sum.js';
import { Mean } from './mean.js';
import { Dropout } from './dropout.js';
import { Einsum } from './einsum.js';
import { ReduceL1 } from './reduce-l1.js';
import { ReduceL2 } from './reduce-l2.js';
import { ReduceLogSum } from './reduce-log-sum.js';
import { ArgMin } from './arg-min.js';
import { TopK } from './top-k.js';
import { Hardmax } from './hardmax.js';
import { Tile } from './tile.js';
import { Trilu } from './trilu.js';
import { EyeLike } from './eye-like.js';
import { If } from './if.js';
import { Loop } from './loop.js';
import { Scan } from './scan.js';
import { CustomGradient } from './custom-gradient.js';
import { Where } from './where.js';
import { Xor } from './xor.js';
import { Conv } from './conv.js';
import { ConvTranspose } from './conv-transpose.js';
import { MaxPool } from './max-pool.js';
import { AveragePool } from './average-pool.js';
import { GlobalAveragePool } from './global-average-pool.js';
import { GlobalMaxPool } from './global-max-pool.js';
import { Resize } from './resize.js';
import { DepthToSpace } from './depth-to-space.js';
import { SpaceToDepth } from './space-to-depth.js';
import { Attention } from './attention.js';
import { BatchNormalization } from './batch-normalization.js';
import { InstanceNormalization } from './instance-normalization.js';
import { GroupNormalization } from './group-normalization.js';
import type { OpRule, OpSample } from './rule.js';
import type { OpName } from './signatures.js';

/** Every operator's rule. The mapped type is total: a name in `OpFunctions` without a rule here does not compile. */
export const OPS: { readonly [K in OpName]: OpRule<K> } = {
  Add,
  Sub,
  Mul,
  Div,
  Pow,
  Mod,
  Max,
  Min,
  Equal,
  Less,
  Greater,
  LessOrEqual,
  GreaterOrEqual,
  And,
  Or,
  Xor,
  Not,
  Where,
  Neg,
  Abs,
  Sign,
  Exp,
  Log,
  Sqrt,
  Reciprocal,
  Sin,
  Cos,
  Tanh,
  Sigmoid,
  Relu,
  LeakyRelu,
  Elu,
  Gelu,
  Softplus,
  Erf,
  Floor,
  Ceil,
  Round,
  Clip,
  IsNaN,
  Tan,
  Asin,
  Acos,
  Atan,
  Sinh,
  Cosh,
  Asinh,
  Acosh,
  Atanh,
  Softsign,
  Selu,
  Celu,
  HardSigmoid,
  HardSwish,
  Mish,
  Swish,
  ThresholdedRelu,
  Shrink,
  PRelu,
  IsInf,
  CastLike,
  Sum,
  Mean,
  Dropout,
  Einsum,
  ReduceL1,
  ReduceL2,
  ReduceLogSum,
  ArgMin,
  TopK,
  Hardmax,
  Tile,
  Trilu,
  EyeLike,
  Identity,
  Cast,
  MatMul,
  FusedMatMul,
  Gemm,
  ReduceSum,
  ReduceMean,
  ReduceMax,
  ReduceMin,
  ReduceProd,
  ReduceSumSquare,
  ReduceLogSumExp,
  ArgMax,
  CumSum,
  Softmax,
  LogSoftmax,
  LayerNormalization,
  RMSNormalization,
  RotaryEmbedding,
  Attention,
  Shape,
  Size,
  Reshape,
  Transpose,
  Squeeze,
  Unsqueeze,
  Flatten,
  Expand,
  Concat,
  Split,
  Slice,
  Pad,
  Gather,
  GatherElements,
  GatherND,
  ScatterElements,
  ScatterND,
  OneHot,
  NonZero,
  If,
  Scan,
  CustomGradient,
  Loop,
  Constant,
  ConstantOfShape,
  Range,
  RNN,
  GRU,
  LSTM,
  Conv,
  ConvTranspose,
  MaxPool,
  AveragePool,
  GlobalAveragePool,
  GlobalMaxPool,
  Resize,
  DepthToSpace,
  SpaceToDepth,
  BatchNormalization,
  InstanceNormalization,
  GroupNormalization,
  DynamicQuantizeLinear,
  MatMulInteger,
  QuantizeLinear,
  DequantizeLinear,
  LabelEncoder,
};

// the rules of different names have different argument types; read through the table they are all rules of some operator
const RULES = new Map<string, OpRule>(Object.entries(OPS as Readonly<Record<string, unknown>>) as [string, OpRule][]);

/** The rule of an operator, when the table has one for this domain. */
export function findRule(domain: string, op: string): OpRule | undefined {
  const rule = RULES.get(op);
  return rule && (rule.domain ?? '') === (domain === 'ai.onnx' ? '' : domain) ? rule : undefined;
}

/** All samples of all operators, with the rule that they belong to. */
export function* operatorSamples(): Generator<{
  readonly op: string;
  readonly rule: OpRule;
  readonly sample: OpSample;
}> {
  for (const [op, rule] of RULES) for (const sample of rule.samples) yield { op, rule, sample };
}
