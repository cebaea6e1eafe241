import type { GraphBuilder, Value } from '@strata/graph';
import { activate, dense, dropout, glorotUniform, kaimingUniform, type Activation } from '@strata/nn';
import type { NetworkParams } from './params.js';

const ACTIVATION: Readonly<Record<NetworkParams['activation'], Activation>> = {
  relu: 'relu',
  gelu: 'gelu',
  tanh: 'tanh',
  logistic: 'sigmoid',
  identity: 'identity',
};

export type Architecture = Pick<NetworkParams, 'hidden_layer_sizes' | 'activation' | 'dropout'>;

/**
 * Multi-layer perceptron: features [N, width] → [N, units]. With `training`, each hidden layer is followed by dropout.
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
    if (training) x = dropout(b, x, { name: `dropout_${i}`, rate });
  });
  return dense(b, x, { units, name: 'output' });
}
