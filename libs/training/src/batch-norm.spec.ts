import { describe, expect, it } from '@jest/globals';
import { createRng } from '@strata/kernel';
import { batchNorm } from '@strata/nn';
import { tensor } from '@strata/runtime';
import { sgd } from './optimizer.js';
import { buildTrainStep } from './step.js';
import { createTrainer, initialWeights } from './trainer.js';

describe('running statistics of batch normalisation', () => {
  it.each([['known rows', 2] as const, ['an open number of rows', 'N'] as const])(
    "follow PyTorch's: momentum is the share of the batch, the variance is unbiased (%s)",
    async (_, rows) => {
      const step = buildTrainStep(
        (b) => {
          const y = batchNorm(b, b.input('x', 'float32', [rows, 2, 1, 3]), {
            name: 'n',
            training: true,
            momentum: 0.25,
          });
          return b.op.ReduceMean(b.op.Mul(y, y));
        },
        { optimizer: sgd({}) },
      );
      const trainer = await createTrainer(step, initialWeights(step, createRng(1)), { threads: 1 });
      // channel 0: 1 … 6, channel 1: 0 and 6 in turn
      const x = Float32Array.of(1, 2, 3, 0, 6, 0, 4, 5, 6, 6, 0, 6);
      await trainer.step({ x: tensor.float32(x, [2, 2, 1, 3]) }, 1, 0.1);
      const { 'n/running_mean': mean, 'n/running_var': variance } = trainer.weights();
      // means 3.5 and 3; Σ(x - mean)² / 5 = 3.5 and 10.8
      const near = (got: Float32Array | undefined, expected: readonly number[]) =>
        expected.forEach((v, i) => expect(got?.[i]).toBeCloseTo(v, 5));
      near(mean?.data, [0.25 * 3.5, 0.25 * 3]);
      near(variance?.data, [0.75 + 0.25 * 3.5, 0.75 + 0.25 * 10.8]);
      await trainer.release();
    },
  );
});
