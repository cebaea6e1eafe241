import { inferValues } from '../infer.js';
import { intAttr, intsAttr, stringAttr } from '../ops/rule.js';
import { tensorOf } from '../tensor.js';
import type { Attrs, Graph, Node, TensorData } from '../types.js';

const DOMAIN = 'com.microsoft.nchwc';

/**
 * Convolutions whose weights are not constants → those of ONNX Runtime that read and write channels in blocks, [N, C / block, H, W, block]: they compute without a copy of every window, in 0.6
 * to 0.8 of the time. The runtime puts them in place itself where weights are constants, as in a model that is served; in training it cannot, so it is done here, the reordering
 * of the weights included. Images are reordered before and after. Last of all passes: the results of these operators have no inference rules.
 * @param block channels of a block on this processor (`channelBlock` of @strata/runtime)
 */
export function blockConvolutions(graph: Graph, block: number): Graph {
  if (block < 2 || !graph.nodes.some((n) => n.op === 'Conv' && n.domain === '')) return graph;
  const values = inferValues(graph);
  const initializers = new Map(graph.initializers);
  const taken = new Set([...values.keys(), ...graph.nodes.flatMap((n) => [n.name, ...n.outputs])]);
  const fresh = (base: string): string => {
    let name = `blocked/${base}`;
    for (let i = 2; taken.has(name); i++) name = `blocked/${base}_${i}`;
    taken.add(name);
    return name;
  };
  const constants = new Map<string, string>();
  const ints = (list: readonly number[]): string => {
    const key = list.join();
    const known = constants.get(key);
    if (known !== undefined) return known;
    const name = fresh('const');
    const data: TensorData = tensorOf('int64', [list.length], list);
    initializers.set(name, data);
    constants.set(key, name);
    return name;
  };
  const images = new Map<string, string>();
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const sizes = sizesOf(graph, node, (name) => values.get(name)?.shape, block);
    if (!sizes) return [node];
    const [x = '', w = '', bias] = node.inputs;
    const { channels, filters, kernel } = sizes;
    const made: Node[] = [];
    const add = (op: string, inputs: readonly string[], attrs: Attrs = {}, domain = '', output = fresh(op)): string => {
      made.push({ op, domain, name: output, inputs, outputs: [output], attrs });
      return output;
    };
    // few channels are read as they are
    const open = channels < block;
    let image = open ? x : images.get(x);
    if (image === undefined) images.set(x, (image = add('ReorderInput', [x], {}, DOMAIN)));
    // [M, C, h, w] → [M / block, C / block, h, w, block of C, block of M], the shape written as before
    const split = open
      ? add('Reshape', [w, ints([filters / block, block, channels, ...kernel])])
      : add('Reshape', [w, ints([filters / block, block, channels / block, block, ...kernel])]);
    const perm = open ? [0, 2, 3, 4, 1] : [0, 2, 4, 5, 3, 1];
    const turned = add('Transpose', [split], { perm: { type: 'ints', value: perm } });
    const weights = add('Reshape', [turned, ints([filters, channels, ...kernel])]);
    const attrs: Attrs = {
      kernel_shape: { type: 'ints', value: kernel },
      strides: { type: 'ints', value: intsAttr(node.attrs, 'strides') ?? [1, 1] },
      dilations: { type: 'ints', value: intsAttr(node.attrs, 'dilations') ?? [1, 1] },
      pads: { type: 'ints', value: intsAttr(node.attrs, 'pads') ?? [0, 0, 0, 0] },
      group: { type: 'int', value: 1 },
    };
    const result = add('Conv', [image, weights, ...(bias ? [bias] : [])], attrs, DOMAIN);
    add('ReorderOutput', [result], { channels: { type: 'int', value: filters } }, DOMAIN, node.outputs[0]);
    return made;
  });
  return { ...graph, nodes, initializers, domains: new Map([...graph.domains, [DOMAIN, 1]]) };
}

/** Sizes of a convolution that can work on blocks; undefined for the others. */
function sizesOf(
  graph: Graph,
  node: Node,
  shapeOf: (name: string) => readonly (number | string)[] | undefined,
  block: number,
): { channels: number; filters: number; kernel: readonly number[] } | undefined {
  if (node.op !== 'Conv' || node.domain !== '' || intAttr(node.attrs, 'group', 1) !== 1) return undefined;
  const [x = '', w = ''] = node.inputs;
  const shape = shapeOf(w);
  if (graph.initializers.has(w) || shapeOf(x)?.length !== 4 || shape?.length !== 4) return undefined;
  if (stringAttr(node.attrs, 'auto_pad', 'NOTSET') !== 'NOTSET') return undefined;
  const [filters = 0, channels = 0, ...kernel] = shape.map(Number);
  const fits = filters % block === 0 && (channels % block === 0 || channels < block);
  return fits ? { channels, filters, kernel } : undefined;
}
