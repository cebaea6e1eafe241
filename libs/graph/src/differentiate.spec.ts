import { describe, expect, it } from '@jest/globals';
import { GraphBuilder } from './builder.js';
import { differentiate, gradientName } from './differentiate.js';
import { tensorOf } from './tensor.js';
import type { Graph } from './types.js';
import { verify } from './verify.js';

const codeOf = (f: () => unknown): unknown => {
  try {
    return f();
  } catch (e) {
    return e;
  }
};

function twoTowers(): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['N', 4]);
  const a = b.op.MatMul(x, b.input('a', 'float32', [4, 2]));
  const c = b.op.Tanh(b.op.MatMul(x, b.input('c', 'float32', [4, 2])));
  b.output('loss', b.op.ReduceMean(b.op.Mul(a, c)));
  return b.build();
}

describe('differentiate', () => {
  it('adds one output for each name, of its type and shape', () => {
    const g = verify(differentiate(twoTowers(), 'loss', ['a', 'c']));
    expect(g.outputs).toEqual([
      { name: 'loss', dtype: 'float32', shape: [] },
      { name: gradientName('a'), dtype: 'float32', shape: [4, 2] },
      { name: gradientName('c'), dtype: 'float32', shape: [4, 2] },
    ]);
  });

  it('builds gradients only on the way', () => {
    const g = differentiate(twoTowers(), 'loss', ['a']);
    const added = g.nodes.slice(twoTowers().nodes.length).map((n) => n.op);
    // one product for the weight; none for x, and nothing through the other tower's Tanh
    expect(added.filter((op) => op === 'MatMul')).toHaveLength(1);
  });

  it('names operator and node that stop it, before anything runs', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3]);
    const w = b.input('w', 'float32', [3, 2]);
    const [q, scale, zero] = b.op.DynamicQuantizeLinear(b.op.MatMul(x, w));
    b.output('loss', b.op.ReduceSum(b.op.DequantizeLinear(q, scale, zero)));
    expect(codeOf(() => differentiate(b.build(), 'loss', ['w']))).toMatchObject({
      code: 'not_differentiable',
      message: expect.stringContaining('DequantizeLinear "DequantizeLinear"'),
      where: { node: 'DequantizeLinear' },
    });
  });

  it('refuses an operator that it does not know', () => {
    const b = new GraphBuilder();
    const w = b.input('w', 'float32', [3]);
    const [y] = b.node(
      'FancyNorm',
      [w],
      {},
      { domain: 'com.example', types: [{ dtype: 'float32', shape: [3] }], name: 'fancy' },
    );
    b.output('y', y!);
    b.output('loss', b.op.ReduceSum(y!));
    expect(codeOf(() => differentiate(b.build(), 'loss', ['w']))).toMatchObject({
      code: 'not_differentiable',
      where: { node: 'fancy' },
    });
  });

  it('says where the way to the loss ends', () => {
    const b = new GraphBuilder();
    const w = b.input('w', 'float32', [3, 2]);
    b.output('loss', b.op.ReduceMean(b.op.Cast(b.op.ArgMax(w, { axis: 1 }), 'float32')));
    b.input('other', 'float32', [2]);
    expect(() => differentiate(b.build(), 'loss', ['w'])).toThrow(
      'does not depend on "w": its way ends at ArgMax "ArgMax"',
    );
    expect(() => differentiate(b.build(), 'loss', ['other'])).toThrow('does not depend on "other"');
  });

  it('treats shapes, masks and indices as constants', () => {
    const b = new GraphBuilder();
    const w = b.input('w', 'float32', ['N', 3]);
    const masked = b.op.Where(
      b.op.Greater(w, b.scalar(0)),
      w,
      b.op.ConstantOfShape(b.op.Shape(w), tensorOf('float32', [1], [2])),
    );
    b.output('loss', b.op.ReduceSum(b.op.Reshape(masked, b.op.Shape(b.op.Transpose(w)))));
    expect(verify(differentiate(b.build(), 'loss', ['w'])).outputs.at(-1)).toEqual({
      name: gradientName('w'),
      dtype: 'float32',
      shape: ['N', 3],
    });
  });

  it('takes only one floating number as the loss, and floating values to differentiate by', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N']);
    b.output('y', b.op.Neg(x));
    b.output('n', b.op.Size(x));
    expect(() => differentiate(b.build(), 'y', ['x'])).toThrow('must be one floating number, not float32 [N]');
    expect(() => differentiate(b.build(), 'n', ['x'])).toThrow('not int64');
    const c = new GraphBuilder();
    const i = c.input('i', 'int64', []);
    c.output('loss', c.op.Cast(i, 'float32'));
    expect(() => differentiate(c.build(), 'loss', ['i'])).toThrow('of type int64: only floating values have gradients');
  });

  it('can be applied to its own result', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float64', [3]);
    b.output('loss', b.op.ReduceSum(b.op.Exp(b.op.Mul(x, x))));
    const first = GraphBuilder.from(differentiate(b.build(), 'loss', ['x']));
    first.output('slope', first.op.ReduceSum(first.value(gradientName('x'))));
    const second = differentiate(
      { ...first.build(), outputs: first.build().outputs.filter((o) => o.name === 'slope') },
      'slope',
      ['x'],
    );
    expect(verify(second).outputs.map((o) => o.name)).toEqual(['slope', gradientName('x')]);
  });
});
