import { GraphBuilder, type Graph, type Value } from '@strata/graph';
import {
  conv2d,
  crossEntropy,
  dense,
  dropout,
  globalAveragePool,
  imageNorm,
  kaimingNormal,
  maxPool,
  residualBlock,
  type ImageNorm,
} from '@strata/nn';
import { classifierOutputs } from '../../shared/classifier-outputs.js';

export interface ImageModel {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: readonly string[];
  /** Channels and residual blocks of each stage. */
  readonly stages: readonly { readonly width: number; readonly blocks: number }[];
  readonly stem: { readonly kernelSize: number; readonly stride: number; readonly pool: boolean };
  readonly norm: ImageNorm;
  readonly dropout: number;
  readonly blockDropout: number;
  readonly labelSmoothing: number;
  readonly classWeights: readonly number[] | undefined;
}

/** Logits [N, C]: a stem, stages of residual blocks (He et al. 2015), mean over all places, a dense layer. */
function logitsOf(b: GraphBuilder, model: ImageModel, training: boolean): Value {
  const { norm, stem } = model;
  let x = b.input('pixel_values', 'float32', ['N', model.channels, model.height, model.width]);
  x = conv2d(b, x, {
    name: 'stem',
    outChannels: model.stages[0]?.width ?? 1,
    kernelSize: stem.kernelSize,
    stride: stem.stride,
    padding: Math.floor(stem.kernelSize / 2),
    bias: norm === 'none',
    init: kaimingNormal,
  });
  x = b.op.Relu(imageNorm(b, x, { name: 'stem_norm', norm, training }));
  if (stem.pool) x = maxPool(b, x, { kernelSize: 3, stride: 2, padding: 1 });
  model.stages.forEach(({ width, blocks }, s) => {
    for (let i = 0; i < blocks; i++)
      x = residualBlock(b, x, {
        name: `stage${s + 1}_block${i + 1}`,
        outChannels: width,
        stride: s > 0 && i === 0 ? 2 : 1,
        norm,
        training,
        dropout: model.blockDropout,
      });
  });
  x = globalAveragePool(b, x);
  if (training) x = dropout(b, x, { name: 'dropout', rate: model.dropout });
  return dense(b, x, { name: 'output', units: model.classes.length });
}

/** The training loss: cross-entropy of `target` int64 [N]. */
export function imageLoss(b: GraphBuilder, model: ImageModel): Value {
  const logits = logitsOf(b, model, true);
  return crossEntropy(b, logits, b.input('target', 'int64', ['N']), {
    labelSmoothing: model.labelSmoothing,
    ...(model.classWeights ? { classWeights: model.classWeights } : {}),
  });
}

/** What is served: `pixel_values` [N, C, H, W] in, `label` string [N] and `probabilities` [N, classes] out. Its parameters are inputs until they are bound. */
export function imageExport(model: ImageModel): Graph {
  const b = new GraphBuilder('image-classifier');
  classifierOutputs(b, logitsOf(b, model, false), model.classes);
  return b.build();
}
