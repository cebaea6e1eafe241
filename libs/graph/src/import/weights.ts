import { elements, isFloat, toNumbers } from '../tensor.js';
import type { Graph, Node, TensorData } from '../types.js';
import { subgraphs } from '../uses.js';

/** Inputs of each operator that hold weights, when they are constants. */
const SLOTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  MatMul: [0, 1],
  FusedMatMul: [0, 1],
  Gemm: [0, 1, 2],
  Einsum: [0, 1, 2, 3],
  Gather: [0],
  BatchNormalization: [1, 2],
  LayerNormalization: [1, 2],
  SkipLayerNormalization: [2, 3, 4],
  GroupNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  RMSNormalization: [1],
  PRelu: [1],
  RNN: [1, 2, 3],
  LSTM: [1, 2, 3, 7],
  GRU: [1, 2, 3],
  // biases, scales and position tables of models that write them as arithmetic
  Add: [0, 1],
  Mul: [0, 1],
};

/** Operators between a stored weight and where it is used, as exporters leave them. */
const WAYS: ReadonlySet<string> = new Set([
  'Identity',
  'Transpose',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Cast',
  'Flatten',
]);

const PREPARING: ReadonlySet<string> = new Set(['Add', 'Mul', 'Sub', 'Div', 'Clip', 'Neg']);

/** A mask holds -∞ or a number that stands for it. */
const LARGEST = 1e4;

const isWeight = (t: TensorData, op: string): boolean => {
  if (!isFloat(t.dtype) || (t.dims.length === 0 && op !== 'Gemm')) return false;
  if (op !== 'Add' && op !== 'Mul') return true;
  return elements(t.dims) > 1 && toNumbers(t).every((v) => Math.abs(v) < LARGEST);
};

/**
 * Constants of a model that training may change: floating tensors in the places of weights, biases, scales, embedding and position tables, also behind a Transpose or Reshape and in
 * subgraphs. Running statistics, masks, limits, and constants that only shift and scale an input of the model are not among them. In the order of the file.
 */
export function trainableInitializers(graph: Graph): string[] {
  const found = new Set<string>();
  const source = new Map<string, string>([...graph.initializers.keys()].map((n) => [n, n]));
  const inputs = new Set(graph.inputs.map((i) => i.name));
  const look = (nodes: readonly Node[]): void => {
    for (const n of nodes) {
      const [first = '', ...rest] = n.inputs;
      const from = source.get(first);
      const [output] = n.outputs;
      if (output && from && WAYS.has(n.op) && rest.every((r) => source.has(r) || r === '')) source.set(output, from);
      // what is done to an input alone, element by element, prepares it
      const onInput = PREPARING.has(n.op) && n.inputs.some((i) => inputs.has(i));
      if (onInput || (WAYS.has(n.op) && inputs.has(first))) for (const o of n.outputs) inputs.add(o);
      for (const slot of onInput ? [] : (SLOTS[n.op] ?? [])) {
        const name = source.get(n.inputs[slot] ?? '');
        const t = name === undefined ? undefined : graph.initializers.get(name);
        if (name !== undefined && t && isWeight(t, n.op)) found.add(name);
      }
      for (const g of subgraphs(n)) look(g.nodes);
    }
  };
  look(graph.nodes);
  return [...graph.initializers.keys()].filter((n) => found.has(n));
}
