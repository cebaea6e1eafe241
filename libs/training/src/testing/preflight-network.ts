import type { GraphBuilder, Value } from '@strata/graph';
import { crossEntropy, dense } from '@strata/nn';
import { tensor } from '@strata/runtime';
import type { Feeds } from '../trainer.js';

export const WIDTH = 512;
export const LAYERS = 5;

/** Five layers of tanh: activations outweigh weights in large batches. */
export function network(b: GraphBuilder): Value {
  let x = b.input('x', 'float32', ['N', WIDTH]);
  for (let i = 0; i < LAYERS; i++) x = b.op.Tanh(dense(b, x, { name: `hidden_${i}`, units: WIDTH }));
  return crossEntropy(b, dense(b, x, { name: 'output', units: 8 }), b.input('y', 'int64', ['N']));
}

export const feeds = (rows: number): Feeds => ({
  x: tensor.float32(new Float32Array(rows * WIDTH).fill(0.01), [rows, WIDTH]),
  y: tensor.int64(new BigInt64Array(rows), [rows]),
});
