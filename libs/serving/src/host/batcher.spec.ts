import { describe, expect, it } from '@jest/globals';
import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { createBatcher } from './batcher.js';

const column = (...values: number[]): Record<string, Tensor> => ({
  x: { dtype: 'float32', dims: [values.length, 1], data: Float32Array.from(values) },
});

/** Doubles `x` [N, 1] into `y` [N, 2]; notes the rows of each execution; refuses negative numbers. */
function doubling() {
  const executions: number[] = [];
  const run = async (inputs: Readonly<Record<string, Tensor>>, outputs: readonly string[]) => {
    const x = inputs['x'] as Tensor<'float32'>;
    executions.push(x.data.length);
    await new Promise((r) => setTimeout(r, 20));
    if (x.data.some((v) => v < 0)) throw new StrataError('invalid_input', 'a negative number');
    const y: Tensor = {
      dtype: 'float32',
      dims: [x.data.length, 2],
      data: Float32Array.from([...x.data].flatMap((v) => [v, 2 * v])),
    };
    return { outputs: Object.fromEntries(outputs.map((name) => [name, y])), computeMs: 20 };
  };
  return { executions, run };
}

describe('batcher', () => {
  it('joins what arrives together, and gives each its own rows', async () => {
    const { executions, run } = doubling();
    const rows: number[] = [];
    const batcher = createBatcher(run, { maxBatchSize: 8, maxQueueDelayMicroseconds: 0 }, (n) => rows.push(n));
    const answers = await Promise.all(
      [[1], [2, 3], [4]].map((values) => batcher.infer(column(...values), ['y'], true)),
    );
    expect(executions).toEqual([4]);
    expect(rows).toEqual([4]);
    expect(answers.map((a) => a.outputs['y'])).toEqual([
      { dtype: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) },
      { dtype: 'float32', dims: [2, 2], data: Float32Array.of(2, 4, 3, 6) },
      { dtype: 'float32', dims: [1, 2], data: Float32Array.of(4, 8) },
    ]);
  });

  it('keeps batches within the limit, lets a larger request run alone, in order of arrival', async () => {
    const { executions, run } = doubling();
    const batcher = createBatcher(run, { maxBatchSize: 3, maxQueueDelayMicroseconds: 0 }, () => undefined);
    const order: number[] = [];
    await Promise.all(
      [[1, 1], [2], [3, 3, 3, 3, 3], [4], [5]].map(async (values) => {
        await batcher.infer(column(...values), ['y'], true);
        order.push(values[0] as number);
      }),
    );
    expect(executions).toEqual([3, 5, 2]);
    expect(order).toEqual([1, 2, 3, 4, 5]);
  });

  it('makes the next batch of what arrives during an execution', async () => {
    const { executions, run } = doubling();
    const batcher = createBatcher(run, { maxBatchSize: 64, maxQueueDelayMicroseconds: 0 }, () => undefined);
    const first = batcher.infer(column(0), ['y'], true);
    await new Promise((r) => setTimeout(r, 5));
    const later = Array.from({ length: 10 }, (_, i) => batcher.infer(column(i), ['y'], true));
    expect(batcher.pending).toBe(10);
    await Promise.all([first, ...later]);
    expect(executions).toEqual([1, 10]);
    expect((await (later[9] as (typeof later)[0])).queueMs).toBeGreaterThan(5);
  });

  it('waits for others as long as it may, and no longer once the batch is full', async () => {
    const { executions, run } = doubling();
    const batcher = createBatcher(run, { maxBatchSize: 3, maxQueueDelayMicroseconds: 60_000 }, () => undefined);
    const first = batcher.infer(column(1), ['y'], true);
    await new Promise((r) => setTimeout(r, 15));
    const second = batcher.infer(column(2), ['y'], true);
    expect((await first).queueMs).toBeGreaterThan(40);
    await second;
    expect(executions).toEqual([2]);
    const full = await Promise.all([1, 2, 3].map((v) => batcher.infer(column(v), ['y'], true)));
    for (const f of full) expect(f.queueMs).toBeLessThan(40);
    expect(executions).toEqual([2, 3]);
  });

  it('lets only the request fail that is at fault', async () => {
    const { executions, run } = doubling();
    const batcher = createBatcher(run, { maxBatchSize: 8, maxQueueDelayMicroseconds: 0 }, () => undefined);
    const results = await Promise.allSettled([1, -1, 2].map((v) => batcher.infer(column(v), ['y'], true)));
    expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(executions).toEqual([3, 1, 1, 1]);
  });

  it('joins only what has the same form, and nothing for a model of fixed shape', async () => {
    const { executions, run } = doubling();
    const batcher = createBatcher(run, { maxBatchSize: 8, maxQueueDelayMicroseconds: 0 }, () => undefined);
    const wide: Record<string, Tensor> = { x: { dtype: 'float32', dims: [1, 3], data: Float32Array.of(1, 2, 3) } };
    await Promise.all([
      batcher.infer(column(1), ['y'], true),
      batcher.infer(wide, ['y'], true),
      batcher.infer(column(2), ['y'], true),
    ]);
    expect(executions).toEqual([2, 3]);
    await Promise.all([batcher.infer(column(1), ['y'], false), batcher.infer(column(2), ['y'], false)]);
    expect(executions.slice(2)).toEqual([1, 1]);
  });

  it('joins texts', async () => {
    const batcher = createBatcher(
      async (inputs) => ({ outputs: { echo: inputs['t'] as Tensor }, computeMs: 0 }),
      { maxBatchSize: 8, maxQueueDelayMicroseconds: 0 },
      () => undefined,
    );
    const text = (...data: string[]): Record<string, Tensor> => ({ t: { dtype: 'string', dims: [data.length], data } });
    const [a, b] = await Promise.all([
      batcher.infer(text('x', ''), ['echo'], true),
      batcher.infer(text('数据'), ['echo'], true),
    ]);
    expect(a?.outputs['echo']?.data).toEqual(['x', '']);
    expect(b?.outputs['echo']).toEqual({ dtype: 'string', dims: [1], data: ['数据'] });
  });
});
