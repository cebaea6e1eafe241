import { sameShape, unknownDim } from '../dims.js';
import type { Dim, Graph, TensorType } from '../types.js';
import { freeNames } from '../uses.js';
import type { Value } from './signatures.js';

/** Types that state has in every round: sizes that a round changes are unknown. */
export function steadyTypes(
  initial: readonly TensorType[],
  round: (states: readonly TensorType[]) => readonly (TensorType | undefined)[],
  node: string,
): readonly TensorType[] {
  let states: readonly TensorType[] = initial.map(({ dtype, shape }) => ({ dtype, shape }));
  // each pass opens at least one size, or nothing changes any more
  for (let i = 0; i < 8; i++) {
    const next = round(states);
    const merged = states.map((s, k) => {
      const t = next[k];
      if (!t || t.shape.length !== s.shape.length || sameShape(t.shape, s.shape)) return s;
      const shape = s.shape.map((d, axis): Dim => (d === t.shape[axis] ? d : unknownDim(`${node}_${k}`, axis)));
      return { dtype: s.dtype, shape };
    });
    if (merged.every((s, k) => sameShape(s.shape, states[k]?.shape ?? []))) return merged;
    states = merged;
  }
  return states;
}

/** A subgraph that names what it uses of the enclosing graph as inputs behind its own. */
export function standalone(body: Graph, inputs: readonly TensorType[], captured: readonly Value[]): Graph {
  const free = new Set(freeNames(body));
  return {
    ...body,
    inputs: [
      ...body.inputs.map((i, k) => {
        const type = inputs[k] ?? i;
        return { name: i.name, dtype: type.dtype, shape: type.shape };
      }),
      ...captured.filter((v) => free.has(v.name)).map((v) => ({ name: v.name, dtype: v.dtype, shape: v.shape })),
    ],
  };
}
