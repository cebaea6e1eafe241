import { tensorOf, type GraphBuilder, type Value } from '@strata/graph';
import { tensor } from '@strata/runtime';
import { describe, expect, it } from '@jest/globals';
import { adam, adamw, sgd } from './optimizer.js';
import type { Optimizer } from './update-rule.js';
import { buildTrainStep } from './step.js';
import { createTrainer } from './trainer.js';

/** Mean squared error of y = xW + b. */
function linear(b: GraphBuilder): Value {
  const x = b.input('x', 'float32', ['N', 2]);
  const y = b.input('y', 'float32', ['N', 1]);
  const w = b.param('w', 'float32', [2, 1], () => tensorOf('float32', [2, 1], [0.5, -0.25]));
  const bias = b.param('b', 'float32', [1], () => tensorOf('float32', [1], [0.1]));
  const error = b.op.Sub(b.op.Add(b.op.MatMul(x, w), bias), y);
  return b.op.ReduceMean(b.op.Mul(error, error));
}

const feeds = {
  x: tensor.float32([1, 2, -1, 0.5, 0.5, -1.5], [3, 2]),
  y: tensor.float32([1, 0, -1], [3, 1]),
};

async function threeSteps(optimizer: Optimizer, clipNorm?: number): Promise<{ weights: number[]; losses: number[] }> {
  const step = buildTrainStep(linear, { optimizer, ...(clipNorm ? { clipNorm } : {}) });
  const first = { w: tensor.float32([0.5, -0.25], [2, 1]), b: tensor.float32([0.1], [1]) };
  const trainer = await createTrainer(step, first, { threads: 1 });
  const losses = [];
  for (let t = 1; t <= 3; t++) losses.push(await trainer.step(feeds, t, 0.1));
  const { w, b } = trainer.weights();
  const weights = [...(w?.data ?? []), ...(b?.data ?? [])];
  await trainer.release();
  return { weights, losses };
}

// three steps at rate 0.1, computed in double precision by a NumPy program that writes the gradients 2Xᵀ(p − y)/3 and the papers' formulas out
describe.each([
  ['SGD', sgd(), undefined, [0.381206944, 0.344340972, 0.005456944], [1.35375, 0.578642187, 0.293108408]],
  [
    'momentum',
    sgd({ momentum: 0.9 }),
    undefined,
    [0.278456944, 0.916965972, -0.074793056],
    [1.35375, 0.578642187, 0.140694736],
  ],
  [
    'Nesterov with weight decay',
    sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
    undefined,
    [0.133376669, 0.804819257, -0.192404188],
    [1.35375, 0.216163297, 0.141758701],
  ],
  [
    'SGD clipped to norm 0.5',
    sgd(),
    0.5,
    [0.482407671, -0.101508741, 0.088372645],
    [1.35375, 1.202716967, 1.061882827],
  ],
  ['Adam', adam(), undefined, [0.219955071, 0.048317848, -0.108144011], [1.35375, 1.022083335, 0.751013282]],
  [
    'Adam with L2',
    adam({ weightDecay: 0.1 }),
    undefined,
    [0.217124126, 0.048261774, -0.108072555],
    [1.35375, 1.022083335, 0.75100501],
  ],
  [
    'AdamW',
    adamw({ weightDecay: 0.1 }),
    undefined,
    [0.210144919, 0.052703387, -0.108076626],
    [1.35375, 1.01419271, 0.740764573],
  ],
])('%s', (_, optimizer, clipNorm, weights, losses) => {
  it('takes the steps of the reference', async () => {
    const got = await threeSteps(optimizer, clipNorm);
    got.weights.forEach((w, i) => expect(w).toBeCloseTo(weights[i] as number, 5));
    got.losses.forEach((l, i) => expect(l).toBeCloseTo(losses[i] as number, 5));
  });
});

describe('training graph', () => {
  it('has one slot for each weight and state, weights first', () => {
    const step = buildTrainStep(linear, { optimizer: adam() });
    expect(step.slots.map((s) => s.input)).toEqual(['w', 'b', 'w/m', 'w/v', 'b/m', 'b/v']);
    expect(step.graph.outputs.map((o) => o.name).sort()).toEqual(['b.grad', 'loss', 'w.grad']);
  });
  it('refuses a model without parameters and a loss that is not one number', () => {
    const none = (b: GraphBuilder): Value => b.op.ReduceMean(b.input('x', 'float32', ['N']));
    expect(() => buildTrainStep(none, { optimizer: sgd() })).toThrow(/no parameter/);
    const wide = (b: GraphBuilder): Value => b.input('x', 'float32', ['N']);
    expect(() => buildTrainStep(wide, { optimizer: sgd() })).toThrow(/one float32 number/);
  });
  it('refuses options out of range', () => {
    expect(() => sgd({ momentum: 1 })).toThrow(/momentum must be at least 0 and less than 1/);
    expect(() => sgd({ nesterov: true })).toThrow(/nesterov needs a momentum/);
    expect(() => adam({ betas: [0.9, 1] })).toThrow(/beta_2/);
    expect(() => buildTrainStep(linear, { optimizer: sgd(), clipNorm: -1 })).toThrow(/must be positive/);
  });
});
