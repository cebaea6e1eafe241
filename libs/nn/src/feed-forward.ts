import type { GraphBuilder, Initializer, Value } from '@strata/graph';
import type { Linear } from './attention.js';
import { dense, lastSize } from './layers.js';

export const FEED_FORWARD_ACTIVATIONS = ['gelu', 'gelu_tanh', 'relu', 'silu', 'swiglu', 'geglu'] as const;
export type FeedForwardActivation = (typeof FEED_FORWARD_ACTIVATIONS)[number];

export interface FeedForwardOptions {
  /** Parameters are those of the layers `{name}/up`, `{name}/down` and, for gated activations, `{name}/gate`. */
  readonly name: string;
  /** Width between the two products. */
  readonly hidden: number;
  readonly activation?: FeedForwardActivation;
  readonly bias?: boolean;
  readonly init?: Initializer;
  readonly outInit?: Initializer;
  readonly linear?: Linear;
}

const silu = (b: GraphBuilder, x: Value): Value => b.op.Mul(x, b.op.Sigmoid(x));

/** The two products of a transformer block: f(x W₁) W₂; gated (Shazeer 2020, arXiv 2002.05202): (f(x V) ⊙ x W₁) W₂. */
export function feedForward(b: GraphBuilder, x: Value, options: FeedForwardOptions): Value {
  const { name, hidden, activation = 'gelu', bias = true, init, linear = dense } = options;
  const outInit = options.outInit ?? init;
  const width = lastSize(x, name);
  return b.scope(name, () => {
    const layer = (from: Value, part: string) =>
      linear(b, from, { name: part, units: hidden, bias, ...(init ? { init } : {}) });
    const up = layer(x, 'up');
    const inner = {
      gelu: () => b.op.Gelu(up),
      gelu_tanh: () => b.op.Gelu(up, { approximate: 'tanh' }),
      relu: () => b.op.Relu(up),
      silu: () => silu(b, up),
      swiglu: () => b.op.Mul(silu(b, layer(x, 'gate')), up),
      geglu: () => b.op.Mul(b.op.Gelu(layer(x, 'gate')), up),
    }[activation]();
    return linear(b, inner, { name: 'down', units: width, bias, ...(outInit ? { init: outInit } : {}) });
  });
}
