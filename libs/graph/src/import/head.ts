import { StrataError } from '@strata/kernel';
import type { GraphBuilder } from '../builder.js';
import { inferValues } from '../infer.js';
import { eliminateDeadCode } from '../passes.js';
import { isFloat } from '../tensor.js';
import type { Value } from '../ops/signatures.js';
import type { Graph, Node } from '../types.js';
import { capturedNames } from '../uses.js';

/** What may stand between the last layer and the output. */
const AFTER: ReadonlySet<string> = new Set([
  'Softmax',
  'LogSoftmax',
  'Sigmoid',
  'Identity',
  'Squeeze',
  'Unsqueeze',
  'Reshape',
  'Flatten',
  'Cast',
  'ArgMax',
  'TopK',
  'Clip',
  'ZipMap',
  'LabelEncoder',
]);

/**
 * The value that the last layer (Gemm, MatMul with its bias, Conv) of a model takes: what a new head is put on.
 * @throws StrataError `invalid_parameter` when the way back from the output meets no such layer
 */
export function penultimate(graph: Graph, output?: string): string {
  const maker = new Map<string, Node>(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const start = output ?? (graph.outputs.find((o) => isFloat(o.dtype)) ?? graph.outputs[0])?.name ?? '';
  let name = start;
  for (;;) {
    const node = maker.get(name);
    const [first = '', second = ''] = node?.inputs ?? [];
    if (!node) break;
    if (node.op === 'Gemm' || node.op === 'MatMul' || node.op === 'Conv') {
      // weights may stand on either side
      return graph.initializers.has(first) ? second : first;
    }
    if (AFTER.has(node.op)) name = first;
    else if (node.op === 'Add' && graph.initializers.has(second)) name = first;
    else if (node.op === 'Add' && graph.initializers.has(first)) name = second;
    else break;
  }
  throw new StrataError(
    'invalid_parameter',
    `no linear layer is found before the output "${start}"${maker.has(name) ? `: the way back ends at ${maker.get(name)?.op} "${maker.get(name)?.name}"` : ''}. Name the value that the new head shall take.`,
    { where: { node: start } },
  );
}

/**
 * The part of a model that makes one value, its only output. Inputs that it does not use are left out.
 * @throws StrataError `invalid_parameter` when the model has no such value, or its type is not known
 */
export function cutAt(graph: Graph, name: string): Graph {
  const value = inferValues(graph).get(name);
  if (!value)
    throw new StrataError('invalid_parameter', `the model has no value "${name}" of a known type`, {
      where: { node: name },
    });
  const part = eliminateDeadCode({ ...graph, outputs: [{ name, dtype: value.dtype, shape: value.shape }] });
  const used = new Set([...part.nodes.flatMap((n) => [...n.inputs, ...capturedNames(n)]), name]);
  return { ...part, inputs: part.inputs.filter((i) => used.has(i.name)) };
}

/** How positions become one row of features. */
export type Pooling = 'mean' | 'first';

/**
 * A row of features for each example: [N, F] as it is, [N, C, H, W] (and other ranks of pictures) by the mean of its places, [N, L, F] by the mean of its positions or the first one.
 * @throws StrataError `invalid_parameter` when the number of features is not known
 */
export function pooledFeatures(b: GraphBuilder, x: Value, pooling: Pooling = 'mean'): Value {
  const rank = x.shape.length;
  const row =
    rank === 1
      ? b.op.Unsqueeze(x, [1])
      : rank === 2
        ? x
        : rank === 3
          ? pooling === 'first'
            ? b.op.Gather(x, b.scalar(0, 'int64'), { axis: 1 })
            : b.op.ReduceMean(x, { axes: [1] })
          : b.op.ReduceMean(x, { axes: Array.from({ length: rank - 2 }, (_, i) => i + 2) });
  if (!isFloat(row.dtype) || typeof row.shape[1] !== 'number')
    throw new StrataError(
      'invalid_parameter',
      `"${x.name}" is ${x.dtype} [${x.shape.join(', ')}]: a head needs floating features of a known number`,
      { where: { node: x.name } },
    );
  return row;
}
