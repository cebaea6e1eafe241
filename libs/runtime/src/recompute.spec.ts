import { differentiate, estimateMemory, gradientName, GraphBuilder, optimizeGraph, type Value } from '@strata/graph';
import { describe, expect, it } from '@jest/globals';
import { openGraph } from './graph-session.js';
import { measureMemory } from './memory.js';
import { tensor, zeros, type Tensor } from './tensor.js';

const [LAYERS, WIDTH, ROWS] = [6, 64, 4096];
const never = (): never => {
  throw new Error('weights are fed');
};

/** Residual blocks whose inside is eight times as wide as what goes through; gradients of all weights. */
function stack(checkpoints: boolean) {
  const b = new GraphBuilder('stack');
  const { op } = b;
  const block = (i: number, x: Value): Value => {
    const up = op.MatMul(x, b.param(`up_${i}`, 'float32', [WIDTH, 8 * WIDTH], never));
    return op.Add(x, op.MatMul(op.Tanh(op.Sigmoid(up)), b.param(`down_${i}`, 'float32', [8 * WIDTH, WIDTH], never)));
  };
  let x = b.input('x', 'float32', ['N', WIDTH]);
  for (let i = 0; i < LAYERS; i++) x = checkpoints ? b.checkpoint('block', () => block(i, x)) : block(i, x);
  b.output('loss', op.ReduceMean(op.Mul(x, x)));
  const names = b.parameters.map((p) => p.name);
  return { graph: optimizeGraph(differentiate(b.build(), 'loss', names)), parameters: b.parameters };
}

async function measured(checkpoints: boolean) {
  const { graph, parameters } = stack(checkpoints);
  const wave = (dims: readonly number[], k: number): Tensor =>
    tensor.float32(
      Float32Array.from({ length: dims.reduce((a, c) => a * c, 1) }, (_, i) => 0.2 * Math.sin(i + k)),
      dims,
    );
  const feeds: Record<string, Tensor> = { x: wave([ROWS, WIDTH], 0) };
  parameters.forEach((p, k) => (feeds[p.name] = wave(p.shape, k)));
  const outputs = Object.fromEntries(graph.outputs.map((o) => [o.name, zeros('float32', o.shape as number[])]));
  const session = await openGraph(graph, { preallocated: true });
  const use = await measureMemory(() => session.run(feeds, outputs));
  await session.release();
  return {
    gradients: parameters.map((p) => outputs[gradientName(p.name)]?.data),
    loss: outputs['loss']?.data,
    estimate: estimateMemory(graph, { N: ROWS }).activations,
    bytes: use.peak - use.before,
  };
}

describe('gradient checkpointing', () => {
  it('gives the same bits in less memory', async () => {
    const plain = await measured(false);
    const again = await measured(true);
    expect(again.loss).toEqual(plain.loss);
    expect(again.gradients).toEqual(plain.gradients);
    // six layers' insides, against one layer's and six boundaries of an eighth
    expect(again.estimate).toBeLessThan(0.5 * plain.estimate);
    // the runtime really frees them: it runs the second nodes late and does not merge them with the first
    expect(again.bytes).toBeLessThan(0.7 * plain.bytes);
    expect(plain.estimate / plain.bytes).toBeGreaterThan(0.6);
    expect(plain.estimate / plain.bytes).toBeLessThan(1.4);
  });

  it('keeps names and leaves the forward graph as it is', () => {
    const names = (g: { inputs: readonly { name: string }[] }) => g.inputs.map((i) => i.name);
    expect(names(stack(true).graph)).toEqual(names(stack(false).graph));
  });
});
