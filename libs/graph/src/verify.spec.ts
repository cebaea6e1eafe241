import { describe, expect, it } from '@jest/globals';
import { GraphBuilder } from './builder.js';
import { eliminateCommonSubexpressions, eliminateDeadCode, foldConstants, optimizeGraph } from './passes.js';
import { rewriteNodes } from './rewrite.js';
import { tensorOf, toNumbers } from './tensor.js';
import type { Graph } from './types.js';
import { verify } from './verify.js';

function chain(): Graph {
  const b = new GraphBuilder('chain');
  const x = b.input('x', 'float32', ['N', 2]);
  b.output('y', b.op.Relu(b.op.Add(x, b.initializer('k', tensorOf('float32', [2], [1, 2])))));
  return b.build();
}

describe('verify', () => {
  const g = chain();
  it('passes a good graph through', () => expect(verify(g)).toBe(g));

  it.each<[string, Graph, string]>([
    ['nodes out of order', { ...g, nodes: [...g.nodes].reverse() }, 'not in topological order'],
    ['an undefined value', { ...g, nodes: g.nodes.slice(1) }, 'uses "Add", which nothing makes'],
    ['two makers of a value', { ...g, nodes: [...g.nodes, ...g.nodes.slice(0, 1)] }, 'two values are named "Add"'],
    [
      'an input that is a constant too',
      { ...g, inputs: [...g.inputs, { name: 'k', dtype: 'float32', shape: [2] }] },
      'two values are named "k"',
    ],
    [
      'an output that nothing makes',
      { ...g, outputs: [{ name: 'z', dtype: 'float32', shape: [] }] },
      'nothing makes the output "z"',
    ],
    [
      'a wrong declared type',
      { ...g, outputs: [{ name: 'y', dtype: 'float64', shape: ['N', 2] }] },
      'declared as float64 [N, 2] but is float32 [N, 2]',
    ],
    [
      'a wrong declared shape',
      { ...g, outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 3] }] },
      'but is float32 [N, 2]',
    ],
    ['an operator set of the future', { ...g, opset: 99 }, 'operator set 99 is not known'],
    [
      'a domain without version',
      { ...g, nodes: g.nodes.map((n) => ({ ...n, domain: 'com.example' })) },
      'whose version the graph does not give',
    ],
    [
      'types that do not fit',
      { ...g, inputs: [{ name: 'x', dtype: 'float64', shape: ['N', 2] }] },
      'Add "Add": its inputs have different types',
    ],
    [
      'an unknown attribute',
      { ...g, nodes: g.nodes.map((n) => ({ ...n, attrs: { colour: { type: 'int', value: 1 } } })) },
      'has no attribute "colour"',
    ],
    [
      'too many inputs',
      { ...g, nodes: g.nodes.map((n) => ({ ...n, inputs: [...n.inputs, 'x', 'x'] })) },
      'it takes 2 inputs, not 4',
    ],
  ])('finds %s', (_, broken, message) => {
    expect(() => verify(broken)).toThrow(message);
    expect(() => verify(broken)).toThrow(expect.objectContaining({ code: 'invalid_graph' }));
  });
});

describe('passes', () => {
  it('remove what no output needs', () => {
    const b = GraphBuilder.from(chain());
    b.op.Exp(b.value('x'));
    b.constant(tensorOf('float32', [1], [5]));
    const g = eliminateDeadCode(b.build());
    expect(g.nodes.map((n) => n.op)).toEqual(['Add', 'Relu']);
    expect([...g.initializers.keys()]).toEqual(['k']);
  });

  it('keep one of equal nodes and constants, but every output', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const [k1, k2] = [
      b.initializer('k1', tensorOf('float32', [1], [3])),
      b.initializer('k2', tensorOf('float32', [1], [3])),
    ];
    b.output('a', b.op.Exp(b.op.Mul(x, k1)));
    b.output('b', b.op.Exp(b.op.Mul(x, k2)));
    b.output('c', b.op.LeakyRelu(b.op.Mul(x, k2), { alpha: 0.5 }));
    b.output('d', b.op.LeakyRelu(b.op.Mul(x, k2), { alpha: 0.25 }));
    const g = eliminateCommonSubexpressions(b.build());
    expect(g.nodes.map((n) => n.op)).toEqual(['Mul', 'Exp', 'Exp', 'LeakyRelu', 'LeakyRelu']);
    expect([...g.initializers.keys()]).toEqual(['k1']);
  });

  it('do not unite random numbers', () => {
    const b = new GraphBuilder();
    const shape = { type: 'ints', value: [2] } as const;
    const draw = () => b.node('RandomUniform', [], { shape }, { types: [{ dtype: 'float32', shape: [2] }] })[0]!;
    b.output('y', b.op.Sub(draw(), draw()));
    const g = b.build();
    const declared = { ...g, outputs: g.outputs.map((o) => ({ ...o })) };
    expect(eliminateCommonSubexpressions(declared).nodes).toHaveLength(3);
  });

  it('compute shapes that are known', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 6]);
    const shape = b.op.Concat([b.op.Slice(b.op.Shape(x), [1], [2]), b.ints([-1])], 0);
    b.output('y', b.op.Identity(b.op.Reshape(b.op.Identity(x), shape)));
    const g = optimizeGraph(b.build());
    expect(g.nodes.map((n) => n.op)).toEqual(['Reshape', 'Identity']);
    expect([...g.initializers.values()].map(toNumbers)).toEqual([[6, -1]]);
  });

  it('turn Constant nodes into constants', () => {
    const g = chain();
    const node = {
      op: 'Constant',
      domain: '',
      name: 'c',
      inputs: [],
      outputs: ['k'],
      attrs: { value: { type: 'tensor', value: tensorOf('float32', [2], [1, 2]) } },
    } as const;
    const folded = foldConstants({ ...g, initializers: new Map(), nodes: [node, ...g.nodes] });
    expect(folded.nodes).toEqual(g.nodes);
    expect(folded.initializers).toEqual(g.initializers);
  });

  it('replace nodes one by one', () => {
    const g = rewriteNodes(chain(), (node, b) =>
      node.op === 'Relu' ? b.op.Neg(b.op.Abs(b.value(node.inputs[0]!))) : undefined,
    );
    expect(g.nodes.map((n) => [n.op, ...n.outputs])).toEqual([
      ['Add', 'Add'],
      ['Abs', 'Abs'],
      ['Neg', 'y'],
    ]);
    expect(g.outputs).toEqual(chain().outputs);
  });
});
