import { describe, expect, it } from '@jest/globals';
import { GraphBuilder } from './builder.js';
import { inferValues } from './infer.js';
import { tensorOf } from './tensor.js';
import type { Graph, Shape } from './types.js';

const shapeOf = (graph: Graph, name: string): Shape | undefined => inferValues(graph).get(name)?.shape;

/** y = a sum over the rows of x in another shape, which a constant says. */
function example(): Graph {
  const b = new GraphBuilder('example');
  const x = b.input('x', 'float32', ['N', 6]);
  const shape = b.initializer('shape', tensorOf('int64', [3], [-1, 2, 3]));
  const y = b.op.ReduceSum(b.op.Neg(b.op.Reshape(x, shape)), { axes: [0] });
  b.output('y', y);
  return b.build();
}

// nodes are the same objects in all of these graphs: what was inferred of them in one must not be taken for the others
describe('types of graphs that share nodes', () => {
  it('follow the inputs', () => {
    const graph = example();
    expect(shapeOf(graph, 'y')).toEqual([2, 3]);
    expect(shapeOf(graph, 'Neg')).toEqual(['N', 2, 3]);
    const inputs = [{ name: 'x', dtype: 'float64' as const, shape: [4, 6] }];
    const other: Graph = { ...graph, inputs };
    expect(inferValues(other).get('Neg')).toMatchObject({ dtype: 'float64', shape: [4, 2, 3] });
    expect(shapeOf(graph, 'Neg')).toEqual(['N', 2, 3]);
    expect(() => inferValues({ ...graph, inputs: [{ name: 'x', dtype: 'float32', shape: [4, 5] }] })).toThrow(
      'Reshape',
    );
  });

  it('follow the constants', () => {
    const graph = example();
    expect(shapeOf(graph, 'y')).toEqual([2, 3]);
    const initializers = new Map(graph.initializers).set('shape', tensorOf('int64', [3], [-1, 3, 2]));
    expect(shapeOf({ ...graph, initializers }, 'y')).toEqual([3, 2]);
    // of a constant that becomes an input only the length is known
    const inputs = [...graph.inputs, { name: 'shape', dtype: 'int64' as const, shape: [3] }];
    const open = new Map([...graph.initializers].filter(([name]) => name !== 'shape'));
    expect(shapeOf({ ...graph, inputs, initializers: open }, 'Reshape')).toHaveLength(3);
    expect(shapeOf({ ...graph, inputs, initializers: open }, 'Reshape')?.every((d) => typeof d === 'string')).toBe(
      true,
    );
  });

  it('follow constants that no type shows', () => {
    const b = new GraphBuilder('scales');
    const x = b.input('x', 'float32', [1, 1, 2, 2]);
    const scales = b.initializer('scales', tensorOf('float32', [4], [1, 1, 2, 2]));
    const [y = x] = b.node('Resize', [x, undefined, scales], { mode: { type: 'string', value: 'nearest' } });
    b.output('y', y);
    const graph = b.build();
    expect(shapeOf(graph, 'y')).toEqual([1, 1, 4, 4]);
    const initializers = new Map(graph.initializers).set('scales', tensorOf('float32', [4], [1, 1, 3, 1]));
    const outputs = graph.outputs.map((o) => ({ ...o, shape: [1, 1, 6, 2] }));
    expect(shapeOf({ ...graph, outputs, initializers }, 'y')).toEqual([1, 1, 6, 2]);
  });

  it('follow the operator set', () => {
    const b = new GraphBuilder('versions');
    const x = b.input('x', 'float32', [2]);
    b.output('y', b.op.Gelu(x));
    const graph = b.build();
    expect(shapeOf(graph, 'y')).toEqual([2]);
    const before = { ...graph, opset: 19, outputs: [] };
    expect(inferValues(before).has('y')).toBe(false);
  });
});
