import type { GraphBuilder, Value } from '@strata/graph';
import { activate, dense, dropoutFrom, glorotUniform, kaimingUniform, type Activation } from '@strata/nn';
import type { NetworkParams } from './params.js';

const ACTIVATION: Readonly<Record<NetworkParams['activation'], Activation>> = {
  relu: 'relu',
  gelu: 'gelu',
  tanh: 'tanh',
  logistic: 'sigmoid',
  identity: 'identity',
};

export type Architecture = Pick<NetworkParams, 'hidden_layer_sizes' | 'activation' | 'dropout'>;

/** Name of the noise input of a hidden layer's dropout. */
export const noiseInput = (layer: number): string => `noise_${layer}`;

/**
 * Multi-layer perceptron: features [N, width] → [N, units]. With `training`, each hidden layer takes its dropout noise [N, size] as an input.
 */
export function perceptron(
  b: GraphBuilder,
  features: Value,
  units: number,
  { hidden_layer_sizes: sizes, activation, dropout: rate }: Architecture,
  training: boolean,
): Value {
  const init = activation === 'relu' || activation === 'gelu' ? kaimingUniform : glorotUniform;
  let x = features;
  sizes.forEach((size, i) => {
    x = activate(b, dense(b, x, { units: size, name: `hidden_${i}`, init }), ACTIVATION[activation]);
    if (training && rate > 0) x = dropoutFrom(b, x, b.input(noiseInput(i), 'float32', ['N', size]), rate);
  });
  return dense(b, x, { units, name: 'output' });
}
