import { byteLength, intAttr, rewriteNodes, type Graph, type GraphBuilder, type Node } from '@strata/graph';
import type { WeightType } from './affine.js';
import { Int8Emitter, type Candidate } from './int8-emitter.js';

export interface QuantizeDynamicOptions {
  /** One scale for each output column (and each row of an embedding table) instead of one for the whole tensor. Default true. */
  readonly perChannel?: boolean;
  /** Default `int8`. */
  readonly weightType?: WeightType;
  /** 7-bit weights, for processors without 8-bit dot products (x86 without VNNI), whose 16-bit sums can saturate. Default false. */
  readonly reduceRange?: boolean;
  /** Smaller tensors stay as they are. Default 1024. */
  readonly minElements?: number;
  /** Names of nodes that stay as they are. */
  readonly exclude?: readonly string[];
}

export interface QuantizedTensor {
  readonly node: string;
  readonly op: 'MatMul' | 'Gemm' | 'Gather';
  readonly weight: string;
  readonly dims: readonly number[];
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Largest error of a weight. */
  readonly maxError: number;
}

export interface KeptNode {
  readonly node: string;
  readonly op: string;
  readonly reason: string;
}

export interface QuantizeReport {
  readonly quantized: readonly QuantizedTensor[];
  /** Products and tables that stayed in floating point, and why. */
  readonly kept: readonly KeptNode[];
  /** Bytes of all constants. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

const constantBytes = (graph: Graph): number => [...graph.initializers.values()].reduce((n, t) => n + byteLength(t), 0);

/**
 * Dynamic quantisation to 8 bits with operators of the ONNX standard alone, so that any ONNX tool runs the result.
 *
 * - MatMul and Gemm with constant weights: the left operand is quantised when the graph runs (DynamicQuantizeLinear, uint8), the product is MatMulInteger, and
 *   y = (x_q W_q) · x_scale · w_scale + bias.
 * - Gather from a constant table: the table is kept in 8 bits with a scale for each row, which is gathered along.
 *
 * The range of a left operand is taken over the whole batch, so a row's result depends slightly on the rows beside it.
 */
export function quantizeDynamic(
  graph: Graph,
  options: QuantizeDynamicOptions = {},
): { graph: Graph; report: QuantizeReport } {
  const minElements = options.minElements ?? 1024;
  const exclude = new Set(options.exclude ?? []);
  const emitter = new Int8Emitter({
    perChannel: options.perChannel ?? true,
    type: options.weightType ?? 'int8',
    reduceRange: options.reduceRange ?? false,
  });
  const quantized: QuantizedTensor[] = [];
  const kept: KeptNode[] = [];
  const result = rewriteNodes(graph, (node, b) => {
    const candidate = candidateOf(graph, node);
    if (!candidate) return undefined;
    const reason = exclude.has(node.name) ? 'excluded by the caller' : refusal(candidate, node, minElements, b);
    if (reason !== undefined) {
      kept.push({ node: node.name, op: node.op, reason });
      return undefined;
    }
    const { name, weight, op } = candidate;
    const done = b.scope(`${node.name}/quantized`, () => emitter.emit(b, node, candidate));
    quantized.push({
      node: node.name,
      op,
      weight: name,
      dims: weight.dims,
      bytesBefore: byteLength(weight),
      bytesAfter: byteLength(done.weight.q) + byteLength(done.weight.scale),
      maxError: done.weight.maxError,
    });
    return done.value;
  });
  return {
    graph: result,
    report: { quantized, kept, bytesBefore: constantBytes(graph), bytesAfter: constantBytes(result) },
  };
}

/** The node's constant weight, when it is a product or a table lookup that has one. */
function candidateOf(graph: Graph, node: Node): Candidate | undefined {
  const { op } = node;
  if (node.domain !== '' || (op !== 'MatMul' && op !== 'Gemm' && op !== 'Gather')) return undefined;
  const name = node.inputs[op === 'Gather' ? 0 : 1] ?? '';
  const weight = graph.initializers.get(name);
  // lookups of integers and strings are no arithmetic
  return weight && !(op === 'Gather' && weight.dtype !== 'float32') ? { op, name, weight } : undefined;
}

/** Why a tensor stays in floating point; undefined when it can be quantised. */
function refusal({ op, weight }: Candidate, node: Node, minElements: number, b: GraphBuilder): string | undefined {
  if (weight.dtype !== 'float32') return `its weight is ${weight.dtype}, not float32`;
  if (weight.dims.length !== 2) return `its weight has the rank ${weight.dims.length}, not 2`;
  if (weight.data.length < minElements)
    return `its weight has ${weight.data.length} elements, fewer than ${minElements}`;
  if (op === 'Gather' && intAttr(node.attrs, 'axis', 0) !== 0) return 'it does not look up rows';
  if (op === 'Gemm' && intAttr(node.attrs, 'transA', 0) !== 0) return 'its left operand is transposed';
  const other = node.inputs[op === 'Gather' ? 1 : 0] ?? '';
  if (!b.has(other)) return `the type of "${other}" is not known`;
  if (!(weight.data as Float32Array).every(Number.isFinite)) return 'its weight holds a value that is not finite';
  return undefined;
}
