import { createRng } from '@strata/kernel';
import { describe, expect, it } from '@jest/globals';
import { bindParameters, initialParameters, parameterCount } from './bind.js';
import { GraphBuilder, type Initializer } from './builder.js';
import { graphHash } from './hash.js';
import { tensorOf, toNumbers, zeros } from './tensor.js';
import { verify } from './verify.js';

const uniform: Initializer = (dims, dtype, rng) =>
  tensorOf(
    dtype,
    dims,
    Array.from({ length: dims.reduce((a, d) => a * d, 1) }, () => rng.next()),
  );

function linear(): GraphBuilder {
  const b = new GraphBuilder('linear');
  const x = b.input('x', 'float32', ['N', 4]);
  b.scope('dense', () => {
    const y = b.op.MatMul(x, b.param('weight', 'float32', [4, 3], uniform));
    b.output(
      'y',
      b.op.Add(
        y,
        b.param('bias', 'float32', [3], (dims, dtype) => zeros(dtype, dims)),
      ),
    );
  });
  return b;
}

describe('GraphBuilder', () => {
  it('infers types and shapes as it goes, symbols included', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 'L', 8]);
    expect(b.op.Transpose(x, [0, 2, 1]).shape).toEqual(['N', 8, 'L']);
    expect(b.op.ReduceMean(x, { axes: [-1] }).shape).toEqual(['N', 'L']);
    expect(b.op.Reshape(x, [-1, 8]).shape).toEqual(['L*N', 8]);
    expect(b.op.Reshape(x, [0, -1, 2, 4]).shape).toEqual(['N', 'L', 2, 4]);
    expect(b.op.Concat([x, x], 1).shape).toEqual(['N', '(L+L)', 8]);
    expect(b.op.ArgMax(x, { axis: 2 })).toMatchObject({ dtype: 'int64', shape: ['N', 'L'] });
    expect(b.op.Equal(x, b.scalar(0))).toMatchObject({ dtype: 'bool', shape: ['N', 'L', 8] });
  });

  it('follows sizes through arithmetic on shapes', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 6, 4]);
    const n = b.op.Gather(b.op.Shape(x), b.ints([0]));
    const rest = b.op.Mul(b.op.Slice(b.op.Shape(x), [1], [2]), b.ints([4]));
    expect(b.op.Reshape(x, b.op.Concat([n, rest], 0)).shape).toEqual(['N', 24]);
    expect(b.op.Range(b.scalar(0, 'int64'), b.op.Squeeze(n, [0]), b.scalar(1, 'int64')).shape).toEqual(['N']);
  });

  it('says which operator and node are wrong', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 4]);
    const w = b.input('w', 'float32', [5, 3]);
    const d = b.input('d', 'float64', [4]);
    expect(() => b.op.MatMul(x, w)).toThrow(
      'MatMul "MatMul": its operands [N, 4] and [5, 3] do not fit: 4 columns, 5 rows',
    );
    expect(() => b.op.Add(x, d)).toThrow('different types: "x" float32, "d" float64');
    expect(() => b.op.Add(x, b.input('v', 'float32', [3]))).toThrow('cannot be broadcast');
    expect(() => b.op.Softmax(x, { axis: 2 })).toThrow('axis 2 does not exist in a tensor of rank 2');
    expect(() => b.op.Reshape(b.op.Reshape(d, [2, 2]), [3])).toThrow('4 elements are not 3');
    expect(() => b.input('x', 'float32', [])).toThrow('two values named "x"');
    expect(() => b.node('NoSuchOp', [x])).toThrow('has no rule');
    expect(() => b.op.Neg(new GraphBuilder().input('x', 'float32', []))).toThrow('belongs to another graph');
    const old = new GraphBuilder('old', { opset: 11 });
    expect(() => old.op.Unsqueeze(old.input('x', 'float32', [2]), [0])).toThrow(
      'has a rule from operator set 13 on, but the graph is written for 11',
    );
    expect(() => b.value('nothing')).toThrow('has no value "nothing"');
  });

  it('gives outputs their names, by renaming where it can', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const y = b.op.Neg(x);
    b.output('first', y);
    b.output('second', y);
    b.output('copy', x);
    const g = verify(b.build());
    expect(g.outputs.map((o) => o.name)).toEqual(['first', 'second', 'copy']);
    expect(g.nodes.map((n) => [n.op, ...n.outputs])).toEqual([
      ['Neg', 'first'],
      ['Identity', 'second'],
      ['Identity', 'copy'],
    ]);
  });

  it('keeps equal small constants once', () => {
    const b = new GraphBuilder();
    expect(b.scalar(2)).toBe(b.scalar(2));
    expect(b.scalar(2)).not.toBe(b.scalar(2, 'float64'));
    expect(b.ints([1])).not.toBe(b.scalar(1, 'int64'));
    expect(b.scalar(0)).not.toBe(b.scalar(-0));
  });

  it('continues a graph', () => {
    const b = GraphBuilder.from(linear().build());
    b.output('z', b.op.Neg(b.value('y')));
    expect(verify(b.build()).outputs.map((o) => o.name)).toEqual(['y', 'z']);
  });
});

describe('parameters', () => {
  it('are inputs, drawn from streams of their names, and constants once bound', () => {
    const b = linear();
    expect(b.parameters.map((p) => [p.name, p.shape])).toEqual([
      ['dense/weight', [4, 3]],
      ['dense/bias', [3]],
    ]);
    expect(parameterCount(b.parameters)).toBe(15);
    const values = initialParameters(b.parameters, createRng(7));
    expect(values.get('dense/weight')).toEqual(initialParameters(b.parameters, createRng(7)).get('dense/weight'));
    expect(values.get('dense/weight')).not.toEqual(initialParameters(b.parameters, createRng(8)).get('dense/weight'));
    const alone = initialParameters(b.parameters.slice(0, 1), createRng(7));
    expect(alone.get('dense/weight')).toEqual(values.get('dense/weight'));
    const bound = verify(bindParameters(b.build(), values));
    expect(bound.inputs.map((i) => i.name)).toEqual(['x']);
    expect(bound.initializers.get('dense/bias') && toNumbers(bound.initializers.get('dense/bias')!)).toEqual([0, 0, 0]);
  });

  it('must fit their inputs', () => {
    const g = linear().build();
    expect(() => bindParameters(g, new Map([['dense/bias', tensorOf('float32', [2], [0, 0])]]))).toThrow(
      'is float32 [3], but its value is float32 [2]',
    );
    expect(() => bindParameters(g, new Map([['nothing', zeros('float32', [])]]))).toThrow('no input "nothing"');
  });
});

describe('graphHash', () => {
  it('is the same for the same graph and differs in weights, attributes and wiring', () => {
    const make = (alpha: number, w: number, flip = false) => {
      const b = new GraphBuilder(`name${alpha}`);
      const x = b.input('x', 'float32', [2]);
      const k = b.initializer('k', tensorOf('float32', [1], [w]));
      b.output('y', b.op.LeakyRelu(flip ? b.op.Sub(k, x) : b.op.Sub(x, k), { alpha }));
      return graphHash(b.build());
    };
    expect(make(0.1, 1)).toBe(make(0.1, 1));
    expect(make(0.1, 1)).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set([make(0.1, 1), make(0.2, 1), make(0.1, 2), make(0.1, 1, true)]).size).toBe(4);
  });
});
