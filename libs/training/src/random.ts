import { evalDim, type RandomInput, type ValueInfo } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { tensor, type Tensor } from '@strata/runtime';
import { createPhilox, type Stream } from './kernels/philox.js';
import type { StepGraph } from './step-graph.js';

/** Draws the random inputs of a graph: a pure function of seed, step, micro-batch and the input's name. */
export interface RandomSource {
  /**
   * Tensors for one run; they hold until the next call. Symbolic sizes come from `feeds`. `of` is another graph of the same step: its inputs of the same names draw from the same streams, in their own
   * sizes.
   */
  draw(feeds: Readonly<Record<string, Tensor>>, step: number, microBatch: number, of?: Drawn): Record<string, Tensor>;
}

/** What is drawn for a graph, and the inputs that show its symbols. */
type Drawn = Pick<StepGraph, 'randoms' | 'inputs'>;

/** Sizes of the graph's symbols in these feeds. @throws StrataError `invalid_input` when two feeds disagree */
function symbolSizes(inputs: readonly ValueInfo[], feeds: Readonly<Record<string, Tensor>>): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const { name, shape } of inputs)
    feeds[name]?.dims.forEach((size, i) => {
      const symbol = shape[i];
      if (typeof symbol !== 'string') return;
      const before = (sizes[symbol] ??= size);
      if (before !== size)
        throw new StrataError(
          'invalid_input',
          `the size ${symbol} is ${before} in one input and ${size} in "${name}"`,
          {
            where: { field: name },
          },
        );
    });
  return sizes;
}

function dimsOf({ name, shape }: RandomInput, sizes: Readonly<Record<string, number>>): number[] {
  return shape.map((d) => {
    const size = evalDim(d, sizes);
    if (size === undefined)
      throw new StrataError(
        'invalid_graph',
        `the random input "${name}" has the size ${d}, which no input of the batch shows`,
        { where: { node: name } },
      );
    return size;
  });
}

/** FNV-1a of a name, 32 bits. */
function hash(name: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

export async function createRandomSource(
  randoms: readonly RandomInput[],
  inputs: readonly ValueInfo[],
  seed: number,
): Promise<RandomSource> {
  if (randoms.length === 0) return { draw: () => ({}) };
  const philox = await createPhilox();
  const keys = new Map(randoms.map((r) => [r.name, hash(r.name)]));
  return {
    draw(feeds, step, microBatch, of = { randoms, inputs }) {
      const sizes = symbolSizes(of.inputs, feeds);
      const dims = of.randoms.map((r) => dimsOf(r, sizes));
      const counts = dims.map((d) => d.reduce((a, b) => a * b, 1));
      const arrays = philox.room(counts);
      return Object.fromEntries(
        of.randoms.map((r, i) => {
          const into = arrays[i] as Float32Array;
          const stream: Stream = { key: [seed >>> 0, keys.get(r.name) as number], at: [microBatch, step, 0] };
          if (r.kind === 'dropout') philox.dropout(into, stream, r.rate);
          else if (r.kind === 'uniform') philox.uniform(into, stream);
          else philox.normal(into, stream);
          return [r.name, tensor.float32(into, dims[i] as number[])];
        }),
      );
    },
  };
}
