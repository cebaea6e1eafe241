import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import {
  differentiate,
  gradientName,
  GraphBuilder,
  normalizeModel,
  promoteInitializers,
  tensorOf,
  toNumbers,
  toOnnx,
  trainableInitializers,
  type DType,
  type Graph,
  type TensorData,
  type Value,
} from '@strata/graph';
import { loadOnnx } from '@strata/graph/onnx';
import { createSession, type Tensor } from '@strata/runtime';
import { sgd } from './optimizer.js';
import { buildTrainStep } from './step.js';
import { createTrainer, initialWeights } from './trainer.js';
import { createRng } from '@strata/kernel';

// Files of tools/fixtures/imported_models.py: what PyTorch and other tools export, with what PyTorch computes for them.

interface Stored {
  readonly dtype: DType;
  readonly dims: number[];
  readonly data: number[];
}
interface Fixture {
  readonly note: string;
  readonly opset: number;
  readonly inputs: Readonly<Record<string, Stored>>;
  readonly output: Stored;
  readonly gradients: Readonly<Record<string, Stored>>;
  readonly target: Stored;
  readonly learning_rate: number;
  readonly losses: number[];
}

const dir = join(dirname(fileURLToPath(import.meta.url)), 'fixtures/imported');
const names = readdirSync(dir)
  .filter((f) => f.endsWith('.json'))
  .map((f) => f.slice(0, -5));
const fixture = (name: string) => JSON.parse(readFileSync(join(dir, `${name}.json`), 'utf8')) as Fixture;
const tensor = (s: Stored): Tensor => tensorOf(s.dtype, s.dims, s.data) as Tensor;
const feedsOf = (f: Fixture) => Object.fromEntries(Object.entries(f.inputs).map(([n, t]) => [n, tensor(t)]));

async function run(graph: Graph, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await createSession(toOnnx(graph), { threads: 1 });
  const out = await session.run(feeds);
  await session.release();
  return out;
}

/** Largest difference relative to the largest value: 0 where both are the same. */
function distance(actual: Tensor | undefined, expected: Stored): number {
  expect(actual?.dims).toEqual(expected.dims);
  const values = toNumbers(actual as TensorData);
  const scale = Math.max(...expected.data.map(Math.abs), 1e-6);
  return Math.max(...expected.data.map((e, i) => Math.abs((values[i] ?? NaN) - e))) / scale;
}

describe.each(names)('%s', (name) => {
  const f = fixture(name);
  const original = loadOnnx(join(dir, `${name}.onnx`));
  const model = normalizeModel(original);
  const output = model.outputs[0]?.name ?? '';
  const mine = (n: string) => Object.hasOwn(f.gradients, n);

  it('is brought into one operator set and computes what PyTorch computes', async () => {
    expect(original.opset).toBe(f.opset);
    expect(model.opset).toBe(Math.max(21, f.opset));
    const feeds = feedsOf(f);
    expect(distance((await run(model, feeds))[output], f.output)).toBeLessThan(2e-6);
  });

  it('has its weights found', () => {
    expect(trainableInitializers(model)).toEqual(expect.arrayContaining(Object.keys(f.gradients)));
    expect(trainableInitializers(model).filter((n) => /running|zero|mask/.test(n))).toEqual([]);
  });

  it('has the gradients of PyTorch', async () => {
    const b = new GraphBuilder('gradients');
    const { value } = promoteInitializers(b, model, { select: mine });
    const y = value(output);
    const weight = tensorOf(
      'float32',
      f.output.dims,
      f.output.data.map((_, i) => Math.cos(1 + 1.7 * i)),
    );
    b.output('loss', b.op.ReduceSum(b.op.Mul(y, b.constant(weight))));
    const parameters = b.parameters.map((p) => p.name);
    expect([...parameters].sort()).toEqual(Object.keys(f.gradients).sort());
    const graph = differentiate(b.build(), 'loss', parameters);
    const stored = Object.fromEntries(parameters.map((p) => [p, model.initializers.get(p) as Tensor]));
    const out = await run(graph, { ...feedsOf(f), ...stored });
    for (const p of parameters)
      expect([p, distance(out[gradientName(p)], f.gradients[p] as Stored)]).toEqual([p, expect.closeTo(0, 4)]);
  });

  it('trains as in PyTorch', async () => {
    const step = buildTrainStep(
      (b: GraphBuilder): Value => {
        const y = promoteInitializers(b, model, { select: mine }).value(output);
        const error = b.op.Sub(y, b.input('target', 'float32', f.target.dims));
        return b.op.ReduceMean(b.op.Mul(error, error));
      },
      { optimizer: sgd() },
    );
    const trainer = await createTrainer(step, initialWeights(step, createRng(1)), { threads: 1 });
    const losses: number[] = [];
    for (let t = 1; t <= f.losses.length; t++)
      losses.push(await trainer.step({ ...feedsOf(f), target: tensor(f.target) }, t, f.learning_rate));
    await trainer.release();
    losses.forEach((loss, i) => expect(Math.abs(loss / (f.losses[i] ?? NaN) - 1)).toBeLessThan(1e-4));
  });
});
