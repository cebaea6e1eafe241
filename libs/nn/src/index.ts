export {
  averagePool,
  conv1d,
  conv2d,
  convTranspose2d,
  globalAveragePool,
  maxPool,
  type ConvOptions,
  type ConvTransposeOptions,
  type PoolOptions,
} from './conv.js';
export { convUniform, glorotUniform, kaimingNormal, kaimingUniform, normal, ones, zeros } from './init.js';
export { batchNorm, groupNorm, type BatchNormOptions, type GroupNormOptions } from './norm-batch.js';
export {
  IMAGE_NORMS,
  imageNorm,
  residualBlock,
  type ImageLayerOptions,
  type ImageNorm,
  type ResidualOptions,
} from './residual.js';
export {
  ACTIVATIONS,
  activate,
  dense,
  dropout,
  embedding,
  embeddingBag,
  type Activation,
  type DenseOptions,
  type EmbeddingOptions,
} from './layers.js';
export { crossEntropy, type CrossEntropyOptions } from './losses-cross-entropy.js';
export { ctc, type CtcOptions } from './losses-ctc.js';
export {
  cosineEmbedding,
  hinge,
  infoNce,
  multiClassHinge,
  ntXent,
  tripletMargin,
  type InfoNceOptions,
} from './losses-margin.js';
export type { Reduction } from './losses-shared.js';
export {
  binaryCrossEntropy,
  focal,
  huber,
  klDivergence,
  meanAbsoluteError,
  meanSquaredError,
  smoothL1,
  type BinaryOptions,
  type FocalOptions,
  type KlOptions,
} from './losses.js';
export {
  attend,
  multiHeadAttention,
  scoreBias,
  type AttendOptions,
  type AttentionOptions,
  type Linear,
  type ScoreBiasOptions,
} from './attention.js';
export {
  FEED_FORWARD_ACTIVATIONS,
  feedForward,
  type FeedForwardActivation,
  type FeedForwardOptions,
} from './feed-forward.js';
export { NORMS, layerNorm, normalize, rmsNorm, type Norm, type NormOptions } from './norm.js';
export {
  POSITIONS,
  alibiSlopes,
  learnedPositions,
  positionIds,
  rotary,
  rotate,
  sinusoidalPositions,
  type PositionKind,
  type PositionOptions,
  type Rotary,
} from './positions.js';
export {
  bert,
  gpt,
  innerWidth,
  lmHead,
  mlmHead,
  type Lookup,
  type TransformerConfig,
  type TransformerOptions,
} from './transformer.js';
export {
  RECURRENT_CELLS,
  gru,
  lstm,
  recurrent,
  recurrentFromPyTorch,
  rnn,
  type PyTorchRecurrent,
  type Recurrent,
  type RecurrentCell,
  type RecurrentOptions,
} from './recurrent.js';
