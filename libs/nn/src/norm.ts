import type { GraphBuilder, Value } from '@strata/graph';
import { ones, zeros } from './init.js';
import { lastSize } from './layers.js';

export interface NormOptions {
  /** Parameters are `{name}/scale` and, for layer normalisation with a bias, `{name}/bias`, both [width]. */
  readonly name: string;
  readonly epsilon?: number;
  readonly bias?: boolean;
}

/** Layer normalisation over the last axis (Ba, Kiros & Hinton 2016, arXiv 1607.06450): (x - mean) / √(var + ε) · scale + bias. */
export function layerNorm(b: GraphBuilder, x: Value, { name, epsilon = 1e-5, bias = true }: NormOptions): Value {
  return b.scope(name, () => {
    const width = lastSize(x, name);
    const scale = b.param('scale', x.dtype, [width], ones);
    return b.op.LayerNormalization(x, scale, bias ? b.param('bias', x.dtype, [width], zeros) : undefined, { epsilon });
  });
}

/** Root mean square normalisation over the last axis (Zhang & Sennrich 2019, arXiv 1910.07467): x / √(mean(x²) + ε) · scale. */
export function rmsNorm(b: GraphBuilder, x: Value, { name, epsilon = 1e-5 }: NormOptions): Value {
  return b.scope(name, () => {
    const { op } = b;
    const scale = b.param('scale', x.dtype, [lastSize(x, name)], ones);
    const square = op.ReduceMean(op.Mul(x, x), { axes: [-1], keepdims: true });
    const r = op.Reciprocal(op.Sqrt(op.Add(square, b.scalar(epsilon, x.dtype))));
    return op.Mul(op.Mul(x, r), scale);
  });
}

export const NORMS = ['layernorm', 'rmsnorm'] as const;
export type Norm = (typeof NORMS)[number];

/** A normalisation by its name. */
export const normalize = (b: GraphBuilder, x: Value, kind: Norm, options: NormOptions): Value =>
  kind === 'rmsnorm' ? rmsNorm(b, x, options) : layerNorm(b, x, options);
