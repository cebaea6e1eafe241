export { bindParameters, initialParameters, parameterCount } from './bind.js';
export { DEFAULT_OPSET, GraphBuilder, type Initializer, type Parameter, type RandomInput } from './builder.js';
export { differentiate, gradientName } from './differentiate.js';
export { broadcast, evalDim, isStatic, sameShape, showShape } from './dims.js';
export { fromOnnx, type ReadExternal } from './from-onnx.js';
export { graphHash } from './hash.js';
export { inferShapes, inferValues } from './infer.js';
export { blockConvolutions } from './lower/blocked-convolutions.js';
export { LOWERINGS, lowerFor, type Lowering, type Target } from './lower/lower.js';
export { floatAttr, intAttr, isNotDifferentiable } from './ops/rule.js';
export type { Emitter, OpRule, OpSample, SampleInput } from './ops/rule.js';
export type { OpFunctions, OpName, RecurrentInputs, RecurrentOptions, Value } from './ops/signatures.js';
export { OPS, findRule, operatorSamples } from './ops/table.js';
export {
  estimateMemory,
  initializerBytes,
  productFlops,
  sizesFromFeeds,
  type MemoryEstimate,
  type Sizes,
} from './memory.js';
export { mixedPrecision, type PrecisionOptions } from './passes-precision.js';
export { eliminateCommonSubexpressions, eliminateDeadCode, foldConstants, optimizeGraph } from './passes.js';
export { rewriteNodes, type Rewrite } from './rewrite.js';
export {
  byteLength,
  elements,
  fromBytes,
  fromHalf,
  isFloat,
  tensor,
  tensorBy,
  tensorOf,
  toBytes,
  toHalf,
  toNumbers,
  zeros,
} from './tensor.js';
export { toOnnx, type OnnxOptions } from './to-onnx.js';
export type {
  Attr,
  Attrs,
  DType,
  DataOf,
  Dim,
  Graph,
  Node,
  Shape,
  TensorArray,
  TensorData,
  TensorType,
  ValueInfo,
} from './types.js';
export { capturedNames } from './uses.js';
export { cutAt, penultimate, pooledFeatures, type Pooling } from './import/head.js';
export { promoteInitializers, type PromoteOptions, type Promoted } from './import/promote.js';
export { prefixValues } from './import/prefix.js';
export { normalizeModel, removeNoOps } from './import/simplify.js';
export { upgradeOpset } from './import/upgrade.js';
export { trainableInitializers } from './import/weights.js';
export { stopGradient, straightThrough } from './custom.js';
export { plainGraph } from './ops/custom-gradient.js';
export { expandCalls } from './expand.js';
export { verify } from './verify.js';
