import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { tensorOf, type GraphBuilder, type Value } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { tensor, type Tensor } from '@strata/runtime';
import { muon } from './optimizer-muon.js';
import { adagrad, adam, adamw, lion, rmsprop, sgd } from './optimizer.js';
import { buildTrainStep, type TrainStep, type TrainStepOptions } from './step.js';
import { createTrainer, initialWeights, type Trainer, type TrainerOptions, type Weights } from './trainer.js';

// 20 updates of PyTorch's optimisers, by tools/fixtures/pytorch_optimizers.py, which also says what the parameters and gradients are

const fixture = JSON.parse(readFileSync(new URL('./fixtures/pytorch-optimizers.json', import.meta.url), 'utf8')) as {
  readonly optimizers: Readonly<Record<string, readonly number[]>>;
  readonly scaled: { readonly weights: readonly number[]; readonly scales: readonly number[] };
};
const STEPS = 20;

/** A loss that is linear in the parameters: its gradients are the inputs. */
function given(b: GraphBuilder): Value {
  const term = (name: string, shape: readonly number[], from: number): Value =>
    b.op.ReduceSum(
      b.op.Mul(
        b.param(name, 'float32', shape, (dims) =>
          tensorOf(
            'float32',
            dims,
            Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, i) => Math.cos(from + i)),
          ),
        ),
        b.input(`d_${name}`, 'float32', shape),
      ),
    );
  return b.op.Add(term('w', [4, 3], 0), term('b', [5], 12));
}
function gradients(step: number, factor = 1): Record<string, Tensor<'float32'>> {
  const g = Array.from(
    { length: 17 },
    (_, i) => Math.fround(Math.sin((17 * step + i) ** 2) * (1 + (step % 3))) * factor,
  );
  return { d_w: tensor.float32(g.slice(0, 12), [4, 3]), d_b: tensor.float32(g.slice(12), [5]) };
}
const numbers = (weights: Weights | undefined): number[] => ['w', 'b'].flatMap((n) => [...(weights?.[n]?.data ?? [])]);

const stepOf = (options: TrainStepOptions): TrainStep => buildTrainStep(given, { decays: () => true, ...options });
const trainerOf = (step: TrainStep, options: TrainerOptions = {}): Promise<Trainer> =>
  createTrainer(step, initialWeights(step, createRng(0)), { threads: 1, ...options });

async function run(step: TrainStep, learningRate: number, options: TrainerOptions = {}): Promise<Trainer> {
  const trainer = await trainerOf(step, options);
  for (let t = 1; t <= STEPS; t++) await trainer.step(gradients(t - 1), t, learningRate);
  await trainer.release();
  return trainer;
}

/** Largest difference, relative to the larger of the number and a tenth of the largest. */
function difference(got: readonly number[], expected: readonly number[]): number {
  expect(got).toHaveLength(expected.length);
  const floor = Math.max(...expected.map(Math.abs)) / 10;
  return Math.max(
    ...got.map((x, i) => Math.abs(x - (expected[i] as number)) / Math.max(floor, Math.abs(expected[i] as number))),
  );
}

const CASES: Readonly<Record<string, readonly [TrainStepOptions, number]>> = {
  sgd: [{ optimizer: sgd() }, 0.1],
  sgd_momentum: [{ optimizer: sgd({ momentum: 0.9, dampening: 0.3, weightDecay: 0.05 }) }, 0.1],
  sgd_nesterov: [{ optimizer: sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.05 }) }, 0.1],
  sgd_clip_norm: [{ optimizer: sgd({ momentum: 0.9 }), clipNorm: 2.5 }, 0.1],
  sgd_clip_value: [{ optimizer: sgd({ momentum: 0.9 }), clipValue: 0.7 }, 0.1],
  adam: [{ optimizer: adam() }, 0.05],
  adam_amsgrad: [{ optimizer: adam({ betas: [0.8, 0.95], eps: 1e-6, weightDecay: 0.1, amsgrad: true }) }, 0.05],
  adam_clip_norm: [{ optimizer: adam(), clipNorm: 2.5 }, 0.05],
  adamw: [{ optimizer: adamw({ weightDecay: 0.1 }) }, 0.05],
  adamw_amsgrad: [{ optimizer: adamw({ weightDecay: 0.1, amsgrad: true }) }, 0.05],
  adamw_groups: [
    {
      optimizer: adamw({ weightDecay: 0.3 }),
      parameterGroups: [{ match: (p) => p.name === 'b', learningRate: 0.2, weightDecay: 0 }],
    },
    0.01,
  ],
  rmsprop: [{ optimizer: rmsprop() }, 0.02],
  rmsprop_centered: [{ optimizer: rmsprop({ alpha: 0.9, momentum: 0.8, centered: true, weightDecay: 0.1 }) }, 0.02],
  adagrad: [{ optimizer: adagrad() }, 0.1],
  adagrad_decay: [{ optimizer: adagrad({ rateDecay: 0.05, initialAccumulator: 0.2, weightDecay: 0.1 }) }, 0.1],
  lion: [{ optimizer: lion({ weightDecay: 0.1 }) }, 0.01],
  muon: [{ optimizer: muon({ others: { rate: 0.5, weightDecay: 0.01 } }) }, 0.02],
  muon_match_rms: [
    {
      optimizer: muon({ adjust: 'match_rms_adamw', nesterov: false, others: { rate: 0.5, weightDecay: 0.01 } }),
    },
    0.02,
  ],
  averaged: [{ optimizer: sgd(), ema: 0.9 }, 0.1],
};

describe('optimisers of PyTorch', () => {
  it('covers the fixture', () => expect(Object.keys(CASES)).toEqual(Object.keys(fixture.optimizers)));

  describe.each(Object.entries(CASES))('%s', (name, [options, learningRate]) => {
    const weightsOf = (t: Trainer): number[] => numbers(name === 'averaged' ? t.averaged() : t.weights());
    it('takes the steps of PyTorch', async () => {
      const trainer = await run(stepOf(options), learningRate);
      expect(difference(weightsOf(trainer), fixture.optimizers[name] ?? [])).toBeLessThan(1e-5);
    });
    it('takes the same steps as nodes of the graph', async () => {
      const step = stepOf(options);
      const memory = await run(step, learningRate);
      const graph = await run(step, learningRate, { update: 'graph' });
      // Muon's products are summed in another order
      expect(difference(weightsOf(graph), weightsOf(memory))).toBeLessThan(name.startsWith('muon') ? 1e-5 : 1e-6);
    });
  });
});

describe.each(['memory', 'graph'] as const)('loss scale, update in %s', (update) => {
  it('grows, backs off and leaves steps out as GradScaler', async () => {
    const step = stepOf({ optimizer: adam(), lossScale: { initial: 1024, interval: 3 } });
    const trainer = await trainerOf(step, { update });
    const scales: number[] = [];
    for (let t = 1; t <= STEPS; t++) {
      // a gradient that overflows float32 once it is scaled
      const feeds = gradients(t - 1);
      if ((t - 1) % 7 === 5) (feeds['d_w'] as Tensor<'float32'>).data[0] = 3e38;
      await trainer.step(feeds, t, 0.05);
      scales.push(trainer.lossScale());
    }
    expect(scales).toEqual(fixture.scaled.scales);
    expect(trainer.skipped()).toBe(3);
    expect(difference(numbers(trainer.weights()), fixture.scaled.weights)).toBeLessThan(1e-5);
    await trainer.release();
  });
});
