import { describe, expect, it } from '@jest/globals';
import { GraphBuilder } from './builder.js';
import { differentiate } from './differentiate.js';
import { inferValues } from './infer.js';
import { eliminateCommonSubexpressions, eliminateDeadCode, foldConstants } from './passes.js';
import { tensorOf } from './tensor.js';
import type { Graph } from './types.js';
import { capturedNames } from './uses.js';
import { verify } from './verify.js';

/** y = x + a in one branch, x · b in the other; a and b are equal constants, and `spare` is used by nobody. */
function choice(): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['N', 2]);
  const [a, c] = ['a', 'c'].map((n) => b.initializer(n, tensorOf('float32', [2], [1, 2])));
  b.initializer('spare', tensorOf('float32', [2], [3, 4]));
  const shifted = b.op.Neg(b.op.Identity(x));
  const [y] = b.op.If(
    b.input('p', 'bool', []),
    (t) => [t.op.Add(shifted, a ?? x)],
    (e) => [e.op.Mul(shifted, c ?? x)],
  );
  b.output('y', y ?? x);
  return b.build();
}

describe('subgraphs', () => {
  it('are typed from what they use of the graph around them', () => {
    expect(inferValues(verify(choice())).get('y')).toMatchObject({ dtype: 'float32', shape: ['N', 2] });
  });

  it('keep alive what they use, and nothing else', () => {
    const graph = eliminateDeadCode(choice());
    expect([...graph.initializers.keys()]).toEqual(['a', 'c']);
    expect(graph.nodes.map((n) => n.op)).toEqual(['Identity', 'Neg', 'If']);
  });

  it('follow names that passes change', () => {
    const graph = eliminateCommonSubexpressions(foldConstants(choice()));
    const branch = graph.nodes.find((n) => n.op === 'If');
    // both constants are one now, and the Identity is gone
    expect(branch && [...capturedNames(branch)].sort()).toEqual(['Neg', 'a']);
    expect(verify(graph).nodes.map((n) => n.op)).toEqual(['Neg', 'If']);
  });

  it('are verified: a name that nobody makes is found inside them', () => {
    const graph = choice();
    const nodes = graph.nodes.filter((n) => n.op !== 'Neg');
    expect(() => verify({ ...graph, nodes })).toThrow('uses "Neg", which nothing makes');
  });

  it('may be outputs under another name', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const h = b.op.Exp(x);
    const [y] = b.op.If(
      b.input('p', 'bool', []),
      (t) => [t.op.Neg(h)],
      (e) => [e.op.Abs(h)],
    );
    // the captured value is renamed by the graph's output
    b.output('hidden', h);
    b.output('y', y ?? x);
    const graph = verify(b.build());
    const branch = graph.nodes.find((n) => n.op === 'If');
    expect(branch && capturedNames(branch)).toEqual(['hidden']);
  });
});

describe('what cannot be differentiated', () => {
  it('a Loop is named with its node, also when only its body uses the weights', () => {
    const b = new GraphBuilder();
    const w = b.input('w', 'float32', [2]);
    const [s] = b.op.Loop(
      3,
      undefined,
      [b.constant(tensorOf('float32', [2], [1, 1]))],
      (inner, _, going, state = w) => [inner.op.Identity(going), inner.op.Mul(state, w)],
    );
    b.output('loss', b.op.ReduceSum(s ?? w));
    expect(() => differentiate(b.build(), 'loss', ['w'])).toThrow(
      expect.objectContaining({
        code: 'not_differentiable',
        message: expect.stringContaining('Loop "Loop" lies between'),
      }),
    );
  });

  it('an operator inside a branch is named', () => {
    const b = new GraphBuilder();
    const w = b.input('w', 'float32', [2]);
    const [s] = b.op.If(
      b.input('p', 'bool', []),
      (t) => [t.op.ReduceSum(t.op.Mod(w, w, { fmod: true }))],
      (e) => [e.op.ReduceSum(w)],
    );
    b.output('loss', s ?? w);
    expect(() => differentiate(b.build(), 'loss', ['w'])).toThrow('Mod "then/Mod" lies between');
  });

  it('an unknown operator is named, and what comes behind it does not matter', () => {
    const b = new GraphBuilder();
    const w = b.input('w', 'float32', [2]);
    const [odd] = b.node('Odd', [w], {}, { domain: 'com.example', types: [w], name: 'odd_1' });
    b.output('loss', b.op.ReduceSum(b.op.Mul(odd ?? w, w)));
    expect(() => differentiate(b.build(), 'loss', ['w'])).toThrow(
      expect.objectContaining({ code: 'not_differentiable', where: { node: 'odd_1' } }),
    );
  });
});
