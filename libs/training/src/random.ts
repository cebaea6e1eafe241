import type { Dim, RandomInput, ValueInfo } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { tensor, type Tensor } from '@strata/runtime';
import { createPhilox, type Stream } from './kernels/philox.js';

/** Draws the random inputs of a graph: a pure function of seed, step, micro-batch and the input's name. */
export interface RandomSource {
  /** Tensors for one run; they hold until the next call. Symbolic sizes come from `feeds`. */
  draw(feeds: Readonly<Record<string, Tensor>>, step: number, microBatch: number): Record<string, Tensor>;
}

/** Sizes of the graph's symbols in these feeds. @throws StrataError `invalid_input` when two feeds disagree */
export function symbolSizes(
  inputs: readonly ValueInfo[],
  feeds: Readonly<Record<string, Tensor>>,
): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { name, shape } of inputs) {
    const dims = feeds[name]?.dims;
    if (!dims) continue;
    shape.forEach((d, i) => {
      const size = dims[i];
      if (typeof d !== 'string' || size === undefined) return;
      if ((sizes.get(d) ?? size) !== size)
        throw new StrataError(
          'invalid_input',
          `the size ${d} is ${sizes.get(d)} in one input and ${size} in "${name}"`,
          {
            where: { field: name },
          },
        );
      sizes.set(d, size);
    });
  }
  return sizes;
}

/** A size as a number: a name, or a product of names and numbers such as `2*N*L`. */
function sizeOf(dim: Dim, sizes: ReadonlyMap<string, number>, input: string): number {
  if (typeof dim === 'number') return dim;
  const known = sizes.get(dim);
  if (known !== undefined) return known;
  const factors = dim.split('*').map((f) => (/^\d+$/.test(f) ? Number(f) : sizes.get(f)));
  if (factors.some((f) => f === undefined))
    throw new StrataError(
      'invalid_graph',
      `the random input "${input}" has the size ${dim}, which no input of the batch shows`,
      { where: { node: input } },
    );
  return (factors as number[]).reduce((a, b) => a * b, 1);
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
    draw(feeds, step, microBatch) {
      const sizes = symbolSizes(inputs, feeds);
      const dims = randoms.map((r) => r.shape.map((d) => sizeOf(d, sizes, r.name)));
      const counts = dims.map((d) => d.reduce((a, b) => a * b, 1));
      const arrays = philox.room(counts);
      return Object.fromEntries(
        randoms.map((r, i) => {
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
