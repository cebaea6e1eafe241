import { floatAttr, intAttr, type GraphBuilder, type Node, type TensorData, type Value } from '@strata/graph';
import { quantizeWeight, transposed, type QuantizedWeight, type WeightType } from './affine.js';

/** A node whose constant weight can be quantised. */
export interface Candidate {
  readonly op: 'MatMul' | 'Gemm' | 'Gather';
  readonly name: string;
  readonly weight: TensorData;
}

export interface Int8Settings {
  readonly perChannel: boolean;
  readonly type: WeightType;
  readonly reduceRange: boolean;
}

/** Emits the integer form of nodes; a weight or operand that several nodes share is quantised once. */
export class Int8Emitter {
  private readonly weights = new Map<string, { weight: QuantizedWeight; q: Value; scale: Value }>();
  private readonly operands = new Map<string, readonly [Value, Value, Value]>();

  constructor(private readonly settings: Int8Settings) {}

  emit(b: GraphBuilder, node: Node, c: Candidate): { value: Value; weight: QuantizedWeight } {
    return c.op === 'Gather' ? this.gather(b, node, c) : this.product(b, node, c);
  }

  /** y = float(x_q W_q) · (x_scale · w_scale) + bias, in the order of nodes that ONNX Runtime fuses into one. */
  private product(b: GraphBuilder, node: Node, c: Candidate): { value: Value; weight: QuantizedWeight } {
    const gemm = c.op === 'Gemm';
    const flip = gemm && intAttr(node.attrs, 'transB', 0) !== 0;
    const { weight, q, scale } = this.constants(b, c, flip, 1);
    const left = node.inputs[0] ?? '';
    const [xq, xScale, xZero] = this.operand(b, left);
    const zero = weight.zero === 0 ? undefined : b.scalar(weight.zero, this.settings.type);
    const sums = b.op.MatMulInteger(xq, q, xZero, zero);
    let y = b.op.Mul(b.op.Cast(sums, 'float32'), b.op.Mul(xScale, scale));
    const alpha = gemm ? floatAttr(node.attrs, 'alpha', 1) : 1;
    if (alpha !== 1) y = b.op.Mul(y, b.scalar(alpha));
    const bias = gemm && node.inputs[2] ? b.value(node.inputs[2]) : undefined;
    if (!bias) return { value: y, weight };
    const beta = floatAttr(node.attrs, 'beta', 1);
    return { value: b.op.Add(y, beta === 1 ? bias : b.op.Mul(bias, b.scalar(beta))), weight };
  }

  /** Rows of the 8-bit table, each times the scale of its row. */
  private gather(b: GraphBuilder, node: Node, c: Candidate): { value: Value; weight: QuantizedWeight } {
    const { weight, q, scale } = this.constants(b, c, false, 0);
    const ids = b.value(node.inputs[1] ?? '');
    const rows = b.op.Gather(q, ids);
    const steps = b.op.Cast(rows, 'float32');
    const centred = weight.zero === 0 ? steps : b.op.Sub(steps, b.scalar(weight.zero));
    return {
      value: b.op.Mul(centred, this.settings.perChannel ? b.op.Unsqueeze(b.op.Gather(scale, ids), [-1]) : scale),
      weight,
    };
  }

  private constants(
    b: GraphBuilder,
    c: Candidate,
    flip: boolean,
    axis: number,
  ): { weight: QuantizedWeight; q: Value; scale: Value } {
    const key = `${c.name}/${flip ? 'flipped' : 'plain'}/${axis}`;
    const old = this.weights.get(key);
    if (old) return old;
    const weight = quantizeWeight(flip ? transposed(c.weight) : c.weight, {
      ...this.settings,
      axis: this.settings.perChannel ? axis : undefined,
    });
    const made = { weight, q: b.constant(weight.q), scale: b.constant(weight.scale) };
    this.weights.set(key, made);
    return made;
  }

  private operand(b: GraphBuilder, name: string): readonly [Value, Value, Value] {
    const old = this.operands.get(name);
    if (old) return old;
    const made = b.op.DynamicQuantizeLinear(b.value(name));
    this.operands.set(name, made);
    return made;
  }
}
