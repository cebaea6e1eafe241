import type { OpSample, SampleInput } from './rule.js';
import { constant, real, sample } from './samples.js';
import type { OpFunctions, RecurrentInputs, RecurrentOptions, Value } from './signatures.js';

type Kind = 'RNN' | 'GRU' | 'LSTM';
const GATES: Readonly<Record<Kind, number>> = { RNN: 1, GRU: 3, LSTM: 4 };
const [STEPS, ROWS, FEATURES, HIDDEN] = [3, 2, 2, 2];

interface Case extends RecurrentOptions {
  readonly name: string;
  readonly bias?: boolean;
  readonly lengths?: readonly number[];
  readonly initial?: boolean;
  /** Outputs that the loss depends on; default all. */
  readonly outputs?: readonly number[];
}

const CASES: Readonly<Record<Kind, readonly Case[]>> = {
  RNN: [
    { name: 'plain' },
    {
      name: 'relu, bias, both ways, lengths',
      activations: ['Relu', 'Relu'],
      bias: true,
      direction: 'bidirectional',
      lengths: [3, 1],
    },
  ],
  GRU: [
    { name: 'as in ONNX: reset first', bias: true },
    { name: 'as in PyTorch: reset last', bias: true, linear_before_reset: true },
    { name: 'backwards, last state', linear_before_reset: true, direction: 'reverse', outputs: [1] },
    {
      name: 'both ways, lengths, first state',
      bias: true,
      linear_before_reset: true,
      direction: 'bidirectional',
      lengths: [3, 1],
      initial: true,
    },
    { name: 'reset first, both ways, lengths', direction: 'bidirectional', lengths: [1, 2], initial: true },
  ],
  LSTM: [
    { name: 'plain' },
    { name: 'bias, last state', bias: true, outputs: [1] },
    { name: 'backwards, last cell', direction: 'reverse', bias: true, outputs: [2] },
    { name: 'lengths, last states', bias: true, lengths: [2, 3], outputs: [1, 2] },
    {
      name: 'both ways, lengths, first states',
      bias: true,
      direction: 'bidirectional',
      lengths: [3, 1],
      initial: true,
    },
  ],
};

/** Samples of one of the operators; the reference writes its steps for float64, one row of the batch after the other as they stand. */
export function recurrentSamples(kind: Kind): readonly OpSample[] {
  const rows = GATES[kind] * HIDDEN;
  return CASES[kind].map((k) => {
    const d = k.direction === 'bidirectional' ? 2 : 1;
    const inputs: Record<string, SampleInput> = {
      X: real([STEPS, ROWS, FEATURES]),
      W: real([d, rows, FEATURES], { phase: 0.3 }),
      R: real([d, rows, HIDDEN], { phase: 0.7 }),
      ...(k.bias ? { B: real([d, 2 * rows], { phase: 0.1, min: -0.5, max: 0.5 }) } : {}),
      ...(k.lengths ? { sequence_lens: { dtype: 'int32', shape: [ROWS], values: k.lengths } } : {}),
      ...(k.initial ? { initial_h: real([d, ROWS, HIDDEN], { phase: 0.5 }) } : {}),
      ...(k.initial && kind === 'LSTM' ? { initial_c: real([d, ROWS, HIDDEN], { phase: 0.9 }) } : {}),
    };
    const chosen = (op: OpFunctions, outputs: readonly Value[]): Value => {
      const parts = (k.outputs ?? outputs.map((_, i) => i)).map((i) => op.Reshape(outputs[i] as Value, [-1]));
      return op.Concat(parts as [Value, ...Value[]], 0);
    };
    return sample(k.name, inputs, (op, v) => chosen(op, op[kind](v as unknown as RecurrentInputs, k)), {
      static: true,
      reference: (op, v) => chosen(op, steps(op, kind, v as unknown as RecurrentInputs, k)),
    });
  });
}

/** The definition, row-major as in the standard: [N, ·] × transposed weights, with padding kept out of states and outputs. */
function steps(op: OpFunctions, kind: Kind, v: RecurrentInputs, k: Case): Value[] {
  const d = k.direction === 'bidirectional' ? 2 : 1;
  const G = GATES[kind];
  const one = constant(op, 1);
  const byDirection = Array.from({ length: d }, (_, at) => {
    const reverse = k.direction === 'reverse' || at === 1;
    const slice = (x: Value, axis: number, from: number, to: number): Value => op.Slice(x, [from], [to], [axis]);
    const own = (x: Value): Value => op.Squeeze(slice(x, 0, at, at + 1), [0]);
    const gate = (x: Value, g: number): Value => op.Transpose(slice(own(x), 0, g * HIDDEN, (g + 1) * HIDDEN), [1, 0]);
    const bias = (g: number): Value | undefined => v.B && slice(own(v.B), 0, g * HIDDEN, (g + 1) * HIDDEN);
    const plus = (x: Value, y: Value | undefined): Value => (y ? op.Add(x, y) : x);
    const zero = op.Mul(op.MatMul(op.Squeeze(slice(v.X, 0, 0, 1), [0]), gate(v.W, 0)), constant(op, 0));
    let h = v.initial_h ? own(v.initial_h) : zero;
    let c = v.initial_c ? own(v.initial_c) : zero;
    const ys: Value[] = [];
    for (let i = 0; i < STEPS; i++) {
      const t = reverse ? STEPS - 1 - i : i;
      const x = op.Squeeze(slice(v.X, 0, t, t + 1), [0]);
      const fromX = (g: number): Value => plus(op.MatMul(x, gate(v.W, g)), bias(g));
      const fromH = (g: number, state: Value): Value => plus(op.MatMul(state, gate(v.R, g)), bias(G + g));
      const sum = (g: number): Value => op.Add(fromX(g), fromH(g, h));
      const last = { h, c };
      if (kind === 'LSTM') {
        c = op.Add(op.Mul(op.Sigmoid(sum(2)), c), op.Mul(op.Sigmoid(sum(0)), op.Tanh(sum(3))));
        h = op.Mul(op.Sigmoid(sum(1)), op.Tanh(c));
      } else if (kind === 'GRU') {
        const [z, r] = [op.Sigmoid(sum(0)), op.Sigmoid(sum(1))];
        const inner = k.linear_before_reset ? op.Mul(r, fromH(2, h)) : fromH(2, op.Mul(r, h));
        h = op.Add(op.Mul(op.Sub(one, z), op.Tanh(op.Add(fromX(2), inner))), op.Mul(z, h));
      } else h = k.activations ? op.Relu(sum(0)) : op.Tanh(sum(0));
      if (k.lengths) {
        const real = op.Constant({
          dtype: 'float64',
          dims: [ROWS, 1],
          data: Float64Array.from(k.lengths, (n) => (t < n ? 1 : 0)),
        });
        const padding = op.Sub(one, real);
        ys[t] = op.Mul(h, real);
        h = op.Add(op.Mul(h, real), op.Mul(last.h, padding));
        c = op.Add(op.Mul(c, real), op.Mul(last.c, padding));
      } else ys[t] = h;
    }
    return { y: op.Concat(ys.map((y) => op.Unsqueeze(y, [0])) as [Value, ...Value[]], 0), h, c };
  });
  const over = (of: (s: (typeof byDirection)[number]) => Value, axis: number): Value =>
    op.Concat(byDirection.map((s) => op.Unsqueeze(of(s), [axis])) as [Value, ...Value[]], axis);
  return [over((s) => s.y, 1), over((s) => s.h, 0), ...(kind === 'LSTM' ? [over((s) => s.c, 0)] : [])];
}
