import type { Attr } from '../types.js';
import type { Emitter } from './rule.js';
import type { RecurrentInputs, RecurrentOptions, Value } from './signatures.js';

/** Optional inputs stand at the places that ONNX gives them; those behind the last one given are left out. */
export const recurrentEmit =
  (op: 'RNN' | 'GRU' | 'LSTM', optional: readonly (keyof RecurrentInputs)[], outputs: number) =>
  (b: Emitter, inputs: RecurrentInputs, options: RecurrentOptions = {}): Value[] => {
    const hidden = inputs.R.shape[2];
    const attrs: Record<string, Attr> = {
      ...(typeof hidden === 'number' ? { hidden_size: { type: 'int', value: hidden } } : {}),
      ...(options.direction ? { direction: { type: 'string', value: options.direction } } : {}),
      ...(options.linear_before_reset ? { linear_before_reset: { type: 'int', value: 1 } } : {}),
      ...(options.activations ? { activations: { type: 'strings', value: options.activations } } : {}),
    };
    return b.node(op, [inputs.X, inputs.W, inputs.R, ...optional.map((name) => inputs[name])], attrs, { outputs });
  };
