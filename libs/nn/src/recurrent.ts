import {
  tensorBy,
  type GraphBuilder,
  type Initializer,
  type RecurrentOptions as OpOptions,
  type Value,
} from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { dropout } from './layers.js';

export const RECURRENT_CELLS = ['rnn', 'gru', 'lstm'] as const;
export type RecurrentCell = (typeof RECURRENT_CELLS)[number];

const GATES: Readonly<Record<RecurrentCell, number>> = { rnn: 1, gru: 3, lstm: 4 };

export interface RecurrentOptions {
  /**
   * Parameters are `{name}/layer_{k}/W` [D, G·units, in], `R` [D, G·units, units] and `B` [D, 2·G·units] with D directions and G gates, in the order of ONNX: LSTM i o f c, GRU z r h.
   * `recurrentFromPyTorch` brings PyTorch's weights into it.
   */
  readonly name: string;
  readonly units: number;
  readonly layers?: number;
  readonly bidirectional?: boolean;
  readonly bias?: boolean;
  /** int64 or int32 [N]: real steps of each row. What follows them changes no result and comes out as zeros. */
  readonly lengths?: Value;
  /** x is [T, N, in] and outputs are [T, N, D·units]: saves two transposes. */
  readonly timeMajor?: boolean;
  /** Share of the numbers between two layers that a training step leaves out. */
  readonly dropout?: number;
  readonly training?: boolean;
  /** rnn only. */
  readonly activation?: 'tanh' | 'relu';
}

/** Values of a recurrent layer; each is emitted when it is first asked for, so that a network that reads the last state alone does not compute the others. */
export interface Recurrent {
  /** States of the last layer: [N, T, D·units], forward direction first. */
  outputs(): Value;
  /** Its states after each row's last real step, [N, D·units]; the backward direction's lies at the first step. */
  last(): Value;
}

/** U(±1/√units) for all weights, as PyTorch begins. */
const within =
  (units: number): Initializer =>
  (dims, dtype, rng) => {
    const limit = 1 / Math.sqrt(units);
    return tensorBy(dtype, dims, () => limit * (2 * rng.next() - 1));
  };

/**
 * Layers of recurrent cells over x [N, T, in]. The graph holds the fused ONNX operator, for training as for export; `differentiate` replaces it by its unrolled form, for which T must be a number.
 * @see https://onnx.ai/onnx/operators/onnx__LSTM.html
 */
export function recurrent(b: GraphBuilder, cell: RecurrentCell, x: Value, options: RecurrentOptions): Recurrent {
  const { name, units, layers = 1, bidirectional = false, lengths, timeMajor = false, training = false } = options;
  if (x.shape.length !== 3)
    throw new StrataError('invalid_graph', `${name} takes [N, T, features], not [${x.shape.join(', ')}]`, {
      where: { layer: name },
    });
  const { op } = b;
  const directions = bidirectional ? 2 : 1;
  const rows = GATES[cell] * units;
  const flags: OpOptions = {
    ...(bidirectional ? { direction: 'bidirectional' as const } : {}),
    ...(cell === 'gru' ? { linear_before_reset: true } : {}),
    ...(cell === 'rnn' && options.activation === 'relu'
      ? { activations: Array.from({ length: directions }, () => 'Relu') }
      : {}),
  };
  return b.scope(name, () => {
    const real = lengths && (lengths.dtype === 'int32' ? lengths : op.Cast(lengths, 'int32'));
    let input = timeMajor ? x : op.Transpose(x, [1, 0, 2]);
    let made: readonly Value[] = [];
    for (let k = 0; k < layers; k++) {
      if (k > 0) {
        input = joined(b, made[0] as Value, units, directions);
        if (training && options.dropout) input = dropout(b, input, { name: `dropout_${k}`, rate: options.dropout });
      }
      made = b.scope(`layer_${k}`, () => {
        const width = input.shape[2];
        if (typeof width !== 'number')
          throw new StrataError('invalid_graph', `${name} needs a known number of features`, {
            where: { layer: name },
          });
        const weight = (n: string, shape: readonly number[]): Value => b.param(n, x.dtype, shape, within(units));
        const inputs = {
          X: input,
          W: weight('W', [directions, rows, width]),
          R: weight('R', [directions, rows, units]),
          ...(options.bias === false ? {} : { B: weight('B', [directions, 2 * rows]) }),
          ...(real ? { sequence_lens: real } : {}),
        };
        if (cell === 'lstm') return op.LSTM(inputs, flags);
        return cell === 'gru' ? op.GRU(inputs, flags) : op.RNN(inputs, flags);
      });
    }
    const scoped = (make: () => Value): (() => Value) => {
      let value: Value | undefined;
      return () => (value ??= b.scope(name, make));
    };
    return {
      outputs: scoped(() => {
        const y = joined(b, made[0] as Value, units, directions);
        return timeMajor ? y : op.Transpose(y, [1, 0, 2]);
      }),
      last: scoped(() => {
        const h = made[1] as Value;
        return directions === 1 ? op.Squeeze(h, [0]) : op.Reshape(op.Transpose(h, [1, 0, 2]), [-1, directions * units]);
      }),
    };
  });
}

/** Y [T, D, N, H] as [T, N, D·H]. */
const joined = (b: GraphBuilder, y: Value, units: number, directions: number): Value =>
  directions === 1 ? b.op.Squeeze(y, [1]) : b.op.Reshape(b.op.Transpose(y, [0, 2, 1, 3]), [0, 0, directions * units]);

/** Elman network. @see recurrent */
export const rnn = (b: GraphBuilder, x: Value, options: RecurrentOptions): Recurrent => recurrent(b, 'rnn', x, options);
/** Gated recurrent units (Cho et al. 2014), the reset gate after the product as in PyTorch. @see recurrent */
export const gru = (b: GraphBuilder, x: Value, options: RecurrentOptions): Recurrent => recurrent(b, 'gru', x, options);
/** Long short-term memory (Hochreiter & Schmidhuber 1997). @see recurrent */
export const lstm = (b: GraphBuilder, x: Value, options: RecurrentOptions): Recurrent =>
  recurrent(b, 'lstm', x, options);

/** One direction of a layer of `torch.nn.RNN`, `GRU` or `LSTM`, row-major: weight_ih [G·H, in], weight_hh [G·H, H], biases [G·H]. */
export interface PyTorchRecurrent {
  readonly weight_ih: ArrayLike<number>;
  readonly weight_hh: ArrayLike<number>;
  readonly bias_ih?: ArrayLike<number>;
  readonly bias_hh?: ArrayLike<number>;
}

/** Place in PyTorch's order (LSTM i f g o, GRU r z n) of each gate in ONNX's (i o f c, z r h). */
const ORDER: Readonly<Record<RecurrentCell, readonly number[]>> = { rnn: [0], gru: [1, 0, 2], lstm: [0, 3, 1, 2] };

/** Weights of one layer of PyTorch as W, R and B of this one; directions in PyTorch's order, forward then reverse. */
export function recurrentFromPyTorch(
  cell: RecurrentCell,
  units: number,
  directions: readonly PyTorchRecurrent[],
): { readonly W: Float32Array; readonly R: Float32Array; readonly B: Float32Array } {
  const turn = (rows: ArrayLike<number> | undefined): number[] => {
    if (!rows) return Array.from({ length: GATES[cell] * units }, () => 0);
    const block = rows.length / GATES[cell];
    return ORDER[cell].flatMap((g) => Array.from({ length: block }, (_, i) => rows[g * block + i] as number));
  };
  const all = (of: (d: PyTorchRecurrent) => number[]): Float32Array => Float32Array.from(directions.flatMap(of));
  return {
    W: all((d) => turn(d.weight_ih)),
    R: all((d) => turn(d.weight_hh)),
    B: all((d) => [...turn(d.bias_ih), ...turn(d.bias_hh)]),
  };
}
