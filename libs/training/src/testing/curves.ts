import type { GraphBuilder, Value } from '@strata/graph';
import { createRng } from '@strata/kernel';
import {
  batchNorm,
  conv2d,
  crossEntropy,
  dense,
  dropout,
  embedding,
  globalAveragePool,
  layerNorm,
  maxPool,
} from '@strata/nn';
import { tensor, type DeviceKind, type Tensor } from '@strata/runtime';
import { adamw, sgd } from '../optimizer.js';
import { buildTrainStep, type StepSettings } from '../step.js';
import { createTrainer, initialWeights } from '../trainer.js';
import type { Optimizer } from '../update-rule.js';

interface Model {
  readonly optimizer: Optimizer;
  readonly settings?: StepSettings;
  readonly rate: number;
  /** Micro-batches of a step. */
  readonly micro?: number;
  loss(b: GraphBuilder): Value;
  feeds(step: number): Record<string, Tensor>;
}

const floats = (seed: number, dims: readonly number[]): Tensor => {
  const rng = createRng(seed);
  return tensor.float32(
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => rng.normal()),
    dims,
  );
};
const integers = (seed: number, dims: readonly number[], below: number): Tensor => {
  const rng = createRng(seed);
  return tensor.int64(
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => Math.floor(rng.next() * below)),
    dims,
  );
};

/** Dense layers with dropout, gradients clipped. */
const mlp: Model = {
  optimizer: sgd({ momentum: 0.9, nesterov: true }),
  settings: { clipNorm: 1 },
  rate: 0.1,
  loss(b) {
    const x = b.input('x', 'float32', ['N', 12]);
    const h = b.op.Relu(dense(b, x, { name: 'in', units: 32 }));
    const kept = dropout(b, h, { name: 'drop', rate: 0.1 });
    return crossEntropy(b, dense(b, kept, { name: 'out', units: 5 }), b.input('y', 'int64', ['N']));
  },
  feeds: () => ({ x: floats(3, [24, 12]), y: integers(4, [24], 5) }),
};

/** Convolutions with batch normalisation, whose running statistics are state of the step, a residual branch and pools. */
const cnn: Model = {
  optimizer: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
  rate: 0.05,
  loss(b) {
    const { op } = b;
    const block = (x: Value, name: string, stride: number): Value =>
      b.scope(name, () => {
        const y = conv2d(b, x, { name: 'conv', outChannels: 6, kernelSize: 3, padding: 1, stride, bias: false });
        return op.Relu(batchNorm(b, y, { name: 'norm', training: true }));
      });
    const first = block(b.input('image', 'float32', ['N', 2, 12, 12]), 'in', 1);
    const pooled = maxPool(b, first, { kernelSize: 2 });
    const y = op.Add(pooled, block(pooled, 'inner', 1));
    const flat = globalAveragePool(b, block(y, 'out', 2));
    return crossEntropy(b, dense(b, flat, { name: 'head', units: 3 }), b.input('label', 'int64', ['N']));
  },
  feeds: () => ({ image: floats(7, [9, 2, 12, 12]), label: integers(8, [9], 3) }),
};

/** Two causal pre-norm blocks with two heads, and an average of the weights; gradients of two micro-batches. */
const transformer: Model = {
  optimizer: adamw({ weightDecay: 0.01 }),
  settings: { clipNorm: 1, ema: 0.9 },
  rate: 3e-3,
  micro: 2,
  loss(b) {
    const [length, width, heads, words] = [8, 16, 2, 20];
    const { op } = b;
    const mask = Float32Array.from({ length: length * length }, (_, i) =>
      i % length > Math.floor(i / length) ? -1e9 : 0,
    );
    const causal = b.constant({ dtype: 'float32', dims: [length, length], data: mask });
    const ids = b.input('ids', 'int64', ['N', length]);
    let x = embedding(b, ids, { name: 'words', buckets: words, dim: width });
    for (let layer = 0; layer < 2; layer++)
      x = b.scope(`block_${layer}`, () =>
        b.checkpoint(`block_${layer}`, () => {
          const h = layerNorm(b, x, { name: 'norm_1' });
          const split = (name: string) =>
            op.Transpose(op.Reshape(dense(b, h, { name, units: width }), [0, 0, heads, width / heads]), [0, 2, 1, 3]);
          const [q, k, v] = [split('q'), split('k'), split('v')];
          const scores = op.Mul(op.MatMul(q, op.Transpose(k, [0, 1, 3, 2])), b.scalar(1 / Math.sqrt(width / heads)));
          const mixed = op.Transpose(op.MatMul(op.Softmax(op.Add(scores, causal)), v), [0, 2, 1, 3]);
          const y = op.Add(x, dense(b, op.Reshape(mixed, [0, 0, width]), { name: 'mix', units: width }));
          const up = op.Gelu(dense(b, layerNorm(b, y, { name: 'norm_2' }), { name: 'up', units: 4 * width }));
          return op.Add(y, dense(b, up, { name: 'down', units: width }));
        }),
      );
    const logits = dense(b, layerNorm(b, x, { name: 'norm' }), { name: 'head', units: words });
    const labels = op.Reshape(b.input('labels', 'int64', ['N', length]), [-1]);
    return crossEntropy(b, op.Reshape(logits, [-1, words]), labels);
  },
  feeds: (step) => ({ ids: integers(10 + (step % 2), [3, 8], 20), labels: integers(20 + (step % 2), [3, 8], 20) }),
};

export const CURVES: Readonly<Record<string, Model>> = { mlp, cnn, transformer };

/** Losses of the first `steps` steps of a model on a device, and the sum of all weights after them. */
export async function curve(
  model: Model,
  device: DeviceKind,
  steps: number,
): Promise<{ losses: number[]; weights: number }> {
  const step = buildTrainStep((b) => model.loss(b), { optimizer: model.optimizer, ...model.settings });
  const trainer = await createTrainer(step, initialWeights(step, createRng(5)), { device, threads: 1, seed: 6 });
  try {
    const losses: number[] = [];
    for (let t = 1; t <= steps; t++) {
      const batches = Array.from({ length: model.micro ?? 1 }, (_, i) => model.feeds(2 * t + i));
      losses.push(await trainer.step(batches, t, model.rate));
    }
    await trainer.sync();
    const weights = Object.values(trainer.weights()).reduce(
      (s, w) => s + w.data.reduce((a, x) => a + Math.abs(x), 0),
      0,
    );
    return { losses, weights };
  } finally {
    await trainer.release();
  }
}
