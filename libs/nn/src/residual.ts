import type { GraphBuilder, Value } from '@strata/graph';
import { channelsOf, conv2d } from './conv.js';
import { kaimingNormal } from './init.js';
import { activate, dropout, type Activation } from './layers.js';
import { batchNorm, groupNorm } from './norm-batch.js';

export const IMAGE_NORMS = ['batch', 'group', 'none'] as const;
export type ImageNorm = (typeof IMAGE_NORMS)[number];

export interface ImageLayerOptions {
  readonly training: boolean;
  readonly norm: ImageNorm;
  /** Groups of `group`; default 8, or as many as divide the channels. */
  readonly groups?: number;
  readonly activation?: Activation;
}

/** The normalisation that `options` ask for. */
export function imageNorm(
  b: GraphBuilder,
  x: Value,
  options: ImageLayerOptions & { readonly name: string; readonly weight?: 0 | 1 },
): Value {
  const { name, norm, training } = options;
  const weight = options.weight === undefined ? {} : { weight: options.weight };
  if (norm === 'none') return x;
  if (norm === 'batch') return batchNorm(b, x, { name, training, ...weight });
  const channels = channelsOf(x, name);
  let groups = Math.min(options.groups ?? 8, channels);
  while (channels % groups !== 0) groups--;
  return groupNorm(b, x, { name, groups, ...weight });
}

export interface ResidualOptions extends ImageLayerOptions {
  readonly name: string;
  readonly outChannels: number;
  readonly stride?: number;
  /** Share of the channels between the two convolutions that a step leaves out. */
  readonly dropout?: number;
}

/**
 * Basic residual block (He et al. 2015, arXiv 1512.03385): act(norm(conv(act(norm(conv(x))))) + x), 3 × 3; where size or channels change, a 1 × 1 convolution brings x along. The last
 * normalisation begins with weight 0, so that the block begins as the identity (Goyal et al. 2017, arXiv 1706.02677).
 */
export function residualBlock(b: GraphBuilder, x: Value, options: ResidualOptions): Value {
  const { name, outChannels, stride = 1, activation = 'relu', norm } = options;
  const bias = norm === 'none';
  const init = kaimingNormal;
  return b.scope(name, () => {
    let y = conv2d(b, x, { name: 'conv1', outChannels, kernelSize: 3, stride, padding: 1, bias, init });
    y = activate(b, imageNorm(b, y, { ...options, name: 'norm1' }), activation);
    if (options.training && options.dropout)
      y = dropout(b, y, { name: 'dropout', rate: options.dropout, shape: [y.shape[0] ?? 1, outChannels, 1, 1] });
    y = conv2d(b, y, { name: 'conv2', outChannels, kernelSize: 3, padding: 1, bias, init });
    y = imageNorm(b, y, { ...options, name: 'norm2', weight: 0 });
    return activate(b, b.op.Add(y, shortcut(b, x, options)), activation);
  });
}

function shortcut(b: GraphBuilder, x: Value, options: ResidualOptions): Value {
  const { name, outChannels, stride = 1, norm } = options;
  if (stride === 1 && channelsOf(x, name) === outChannels) return x;
  const y = conv2d(b, x, {
    name: 'shortcut',
    outChannels,
    kernelSize: 1,
    stride,
    bias: norm === 'none',
    init: kaimingNormal,
  });
  return imageNorm(b, y, { ...options, name: 'shortcut_norm' });
}
