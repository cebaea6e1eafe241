import type { GraphBuilder, Value } from '@strata/graph';
import { channelsOf } from './conv.js';
import { ones, zeros } from './init.js';

export interface BatchNormOptions {
  /** Parameters `{name}/weight`, `{name}/bias` and buffers `{name}/running_mean`, `{name}/running_var`, all [C]. */
  readonly name: string;
  /** By the statistics of the batch, which the running ones follow; otherwise by the running ones. */
  readonly training: boolean;
  /** Share of the batch in the running statistics, as PyTorch counts it. */
  readonly momentum?: number;
  readonly eps?: number;
  /** First value of `weight`; 0 lets a residual branch begin as nothing. */
  readonly weight?: 0 | 1;
}

/** Batch normalisation (Ioffe & Szegedy 2015) of [N, C, …] with PyTorch's defaults: the running variance is unbiased. */
export function batchNorm(b: GraphBuilder, x: Value, options: BatchNormOptions): Value {
  const { name, training, momentum = 0.1, eps: epsilon = 1e-5 } = options;
  const shape = [channelsOf(x, name)];
  const { op } = b;
  return b.scope(name, () => {
    const weight = b.param('weight', x.dtype, shape, options.weight === 0 ? zeros : ones);
    const bias = b.param('bias', x.dtype, shape, zeros);
    const mean = b.buffer('running_mean', x.dtype, shape, zeros);
    const variance = b.buffer('running_var', x.dtype, shape, ones);
    const stays = 1 - momentum;
    const settings = { epsilon, momentum: stays, training };
    const [y, nextMean, nextVariance] = op.BatchNormalization(x, weight, bias, mean, variance, settings);
    if (nextMean && nextVariance) {
      b.updateBuffer(mean, nextMean);
      b.updateBuffer(variance, unbiased(b, x, op.Mul(variance, b.scalar(stays, x.dtype)), nextVariance));
    }
    return y;
  });
}

/** ONNX moves the running variance by Σ(x - mean)² / n, PyTorch by Σ(x - mean)² / (n - 1): what moved times n / (n - 1). */
function unbiased(b: GraphBuilder, x: Value, kept: Value, next: Value): Value {
  const { op } = b;
  const perChannel = [x.shape[0] ?? 1, ...x.shape.slice(2)];
  const known = perChannel.every((d) => typeof d === 'number')
    ? perChannel.reduce<number>((n, d) => n * Number(d), 1)
    : 0;
  let factor: Value;
  if (known > 1) factor = b.scalar(known / (known - 1), x.dtype);
  else {
    const n = op.Cast(op.Div(op.Size(x), op.Shape(x, { start: 1, end: 2 })), x.dtype);
    factor = op.Div(n, op.Max(op.Sub(n, b.scalar(1, x.dtype)), b.scalar(1, x.dtype)));
  }
  return op.Add(kept, op.Mul(op.Sub(next, kept), factor));
}

export interface GroupNormOptions {
  /** Parameters `{name}/weight` and `{name}/bias` [C]. */
  readonly name: string;
  readonly groups: number;
  readonly eps?: number;
  readonly weight?: 0 | 1;
}

/** Group normalisation (Wu & He 2018) of [N, C, …]: each image by itself, so that training and evaluation are the same. */
export function groupNorm(b: GraphBuilder, x: Value, options: GroupNormOptions): Value {
  const shape = [channelsOf(x, options.name)];
  return b.scope(options.name, () => {
    const weight = b.param('weight', x.dtype, shape, options.weight === 0 ? zeros : ones);
    const bias = b.param('bias', x.dtype, shape, zeros);
    return b.op.GroupNormalization(x, weight, bias, options.groups, { epsilon: options.eps ?? 1e-5 });
  });
}
