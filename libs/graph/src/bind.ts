import { StrataError, type Rng } from '@strata/kernel';
import type { Parameter } from './builder.js';
import { showShape } from './dims.js';
import { elements } from './tensor.js';
import type { Graph, TensorData } from './types.js';

/** First values of all parameters. Each draws from a stream of its own name, so adding a parameter changes no other. */
export function initialParameters(parameters: readonly Parameter[], rng: Rng): Map<string, TensorData> {
  return new Map(parameters.map((p) => [p.name, p.init(p.shape, p.dtype, rng.fork(p.name))]));
}

/** Trainable numbers. */
export const parameterCount = (parameters: readonly Parameter[]): number =>
  parameters.reduce((n, p) => n + elements(p.shape), 0);

/**
 * Turns inputs into constants: from the training graph, whose parameters are inputs, to the model that is served.
 * @throws StrataError `invalid_graph` when a value has no input, or another type or shape than it
 */
export function bindParameters(graph: Graph, values: ReadonlyMap<string, TensorData>): Graph {
  if (values.size === 0) return graph;
  const inputs = new Map(graph.inputs.map((i) => [i.name, i]));
  const initializers = new Map(graph.initializers);
  for (const [name, t] of values) {
    const input = inputs.get(name);
    const fits =
      input &&
      input.dtype === t.dtype &&
      input.shape.length === t.dims.length &&
      input.shape.every((d, i) => typeof d === 'string' || d === t.dims[i]);
    if (!fits)
      throw new StrataError(
        'invalid_graph',
        input
          ? `"${name}" is ${input.dtype} ${showShape(input.shape)}, but its value is ${t.dtype} ${showShape(t.dims)}`
          : `the graph has no input "${name}" to bind a value to`,
        { where: { node: name } },
      );
    initializers.set(name, t);
  }
  return { ...graph, inputs: graph.inputs.filter((i) => !values.has(i.name)), initializers };
}
