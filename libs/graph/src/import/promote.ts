import { StrataError } from '@strata/kernel';
import type { GraphBuilder } from '../builder.js';
import type { Value } from '../ops/signatures.js';
import { isFloat, toNumbers } from '../tensor.js';
import type { DType, Graph, Node, TensorData } from '../types.js';
import { renameUses } from '../uses.js';
import { trainableInitializers } from './weights.js';

export interface PromoteOptions {
  /** Which constants become parameters; default: `trainableInitializers`. Each keeps its name and begins with its stored value. */
  readonly select?: (name: string, data: TensorData) => boolean;
  /** Values to use in the place of inputs of the model; the others become inputs of the builder's graph. */
  readonly inputs?: ReadonlyMap<string, Value>;
  /**
   * Whether Dropout nodes (`normalizeModel` must have kept them) drop, by masks that the trainer draws. Default false: they are the identity, as they are at inference.
   */
  readonly dropout?: boolean;
}

export interface Promoted {
  /** A value of the model by its name there. @throws StrataError `invalid_graph` */
  value(name: string): Value;
  /** Names of the parameters. */
  readonly parameters: readonly string[];
}

/**
 * Puts an imported model (`normalizeModel` first) into a builder, chosen constants as parameters, so that a head and a loss can be added and the whole be trained. Names stay. Outputs are not
 * declared. BatchNormalization keeps its stored statistics.
 * @throws StrataError `unsupported_operator` when the model is in a newer operator set than the builder can take
 */
export function promoteInitializers(b: GraphBuilder, graph: Graph, options: PromoteOptions = {}): Promoted {
  const chosen = options.select;
  const trainable = new Set(
    chosen
      ? [...graph.initializers].filter(([name, t]) => chosen(name, t)).map(([name]) => name)
      : trainableInitializers(graph),
  );
  b.raiseOpset(graph.opset);
  for (const [domain, version] of graph.domains) b.useDomain(domain, version);
  b.reserve(graph.nodes.flatMap((n) => [n.name, ...n.outputs]));
  const alias = new Map<string, string>();
  for (const i of graph.inputs) {
    const given = options.inputs?.get(i.name);
    if (given) alias.set(i.name, given.name);
    else b.input(i.name, i.dtype, i.shape);
  }
  for (const [name, t] of graph.initializers) {
    if (!trainable.has(name)) b.initializer(name, t);
    else {
      if (!isFloat(t.dtype))
        throw new StrataError('invalid_graph', `"${name}" holds ${t.dtype} and cannot be trained`, {
          where: { node: name },
        });
      b.param(name, t.dtype, t.dims, (dims, dtype) => stored(name, t, dims, dtype));
    }
  }
  const declared = new Map(graph.outputs.map((o) => [o.name, o]));
  const to = (name: string) => alias.get(name) ?? name;
  for (const original of graph.nodes) {
    const node: Node = renameUses(original, to);
    if (options.dropout && node.op === 'Dropout' && node.domain === '' && node.inputs[0] && node.outputs[0])
      drop(b, node, graph);
    else b.append(node, declared);
  }
  return { value: (name) => b.value(to(name)), parameters: [...trainable] };
}

function stored(name: string, t: TensorData, dims: readonly number[], dtype: DType): TensorData {
  if (dtype === t.dtype && dims.length === t.dims.length && dims.every((d, i) => d === t.dims[i])) return t;
  throw new StrataError('internal', `the parameter "${name}" lost its type on the way`);
}

/** Dropout by a mask that the trainer draws. */
function drop(b: GraphBuilder, node: Node, graph: Graph): void {
  const [x = '', ratio = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const rates = ratio === '' ? undefined : graph.initializers.get(ratio);
  if (ratio !== '' && !rates)
    throw new StrataError('not_differentiable', `Dropout "${node.name}": its ratio is no constant`, {
      where: { node: node.name },
    });
  const rate = rates ? (toNumbers(rates)[0] ?? 0.5) : 0.5;
  const value = b.value(x);
  const mask = b.random(`${node.name}/mask`, value.shape, 'dropout', rate);
  const cast = value.dtype === 'float32' ? mask : b.op.Cast(mask, value.dtype);
  b.append({ op: 'Mul', domain: '', name: node.name, inputs: [x, cast.name], outputs: [y], attrs: {} });
}
