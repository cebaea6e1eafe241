import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GraphBuilder, tensorOf, type Graph } from '@strata/graph';
import { loadOnnx, writeOnnx } from '@strata/graph/onnx';
import { describe, expect, it } from '@jest/globals';
import { isDeviceTensor, readDevice, type DeviceTensor } from './device-tensor.js';
import { openGraph } from './graph-session.js';
import { measureMemory } from './memory.js';
import { profileGraph, profileTable, summarize } from './profile.js';
import { createSession } from './session.js';
import { tensor, zeros, type Tensor } from './tensor.js';

/** y = x · factor over float32 [N]. */
function scaled(factor: number, name = 'scaled'): Graph {
  const b = new GraphBuilder(name);
  b.output('y', b.op.Mul(b.input('x', 'float32', ['N']), b.scalar(factor)));
  return b.build();
}
const x = tensor.float32([1, 2], [2]);

describe('sessions by graph', () => {
  it('equal graphs with equal options share a session until its last user releases it', async () => {
    const [a, b] = await Promise.all([openGraph(scaled(2)), openGraph(scaled(2, 'another name'))]);
    expect(a.inputs).toBe(b.inputs);
    await a.release();
    await a.release();
    await expect(a.run({ x })).rejects.toMatchObject({ message: expect.stringContaining('released') });
    expect((await b.run({ x }))['y']?.data).toEqual(Float32Array.of(2, 4));
    await b.release();
    const c = await openGraph(scaled(2));
    expect(c.inputs).not.toBe(a.inputs);
    expect((await c.run({ x }))['y']?.data).toEqual(Float32Array.of(2, 4));
    await c.release();
  });

  it('other constants and other options have sessions of their own', async () => {
    const sessions = await Promise.all([
      openGraph(scaled(2)),
      openGraph(scaled(3)),
      openGraph(scaled(2), { threads: 2 }),
      openGraph(scaled(2), { spin: true }),
    ]);
    expect(new Set(sessions.map((s) => s.inputs)).size).toBe(4);
    expect((await sessions[1].run({ x }))['y']?.data).toEqual(Float32Array.of(3, 6));
    for (const s of sessions) await s.release();
  });

  it('a session that could not be made is tried again', async () => {
    const b = new GraphBuilder('broken');
    const [y] = b.node(
      'NoSuchOperator',
      [b.input('x', 'float32', [2])],
      {},
      { types: [{ dtype: 'float32', shape: [2] }] },
    );
    b.output('y', y ?? b.scalar(0));
    for (let i = 0; i < 2; i++) await expect(openGraph(b.build())).rejects.toMatchObject({ code: 'invalid_onnx' });
  });
});

describe('tensors that stay on the device', () => {
  it('go round without the caller seeing them, and can be read', async () => {
    const b = new GraphBuilder('count');
    const state = b.input('state', 'float32', [2]);
    b.output('next', b.op.Add(state, b.input('x', 'float32', [2])));
    b.output('sum', b.op.ReduceSum(state));
    const session = await openGraph(b.build(), { keep: ['next'] });
    let now: Tensor | DeviceTensor = zeros('float32', [2]);
    const sums: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const { outputs, kept } = await session.runOnDevice({ x, state: now });
      sums.push(outputs['sum']?.data[0]);
      if (isDeviceTensor(now)) now.dispose();
      now = kept['next'] as DeviceTensor;
      expect(Object.keys(outputs)).toEqual(['sum']);
    }
    expect(sums).toEqual([0, 3, 6]);
    const last = now as DeviceTensor;
    expect(last).toMatchObject({ dtype: 'float32', dims: [2] });
    expect((await readDevice(last)).data).toEqual(Float32Array.of(3, 6));
    last.dispose();
    await expect(readDevice(last)).rejects.toMatchObject({ message: expect.stringContaining('disposed') });
    await expect(session.runOnDevice({ x, state: last })).rejects.toThrow(/"state" was disposed/);
    await session.release();
  });
});

describe('large models', () => {
  it('constants beside the model give the same result and come back', async () => {
    const b = new GraphBuilder('large');
    const weights = Array.from({ length: 3000 }, (_, i) => Math.sin(i));
    const w = b.initializer('w', tensorOf('float32', [3, 1000], weights));
    const v = b.initializer('v', tensorOf('float32', [1000, 2], weights.slice(0, 2000)));
    b.output('y', b.op.Add(b.op.MatMul(b.op.MatMul(b.input('x', 'float32', [1, 3]), w), v), b.scalar(1)));
    const graph = b.build();
    const feeds = { x: tensor.float32([1, -1, 2], [1, 3]) };
    const dir = mkdtempSync(join(tmpdir(), 'strata-external-'));
    try {
      const path = join(dir, 'model.onnx');
      expect(writeOnnx(path, graph)).toEqual(['model.onnx']);
      const whole = await createSession(path);
      const expected = (await whole.run(feeds))['y']?.data;
      await whole.release();
      expect(writeOnnx(path, graph, { externalAbove: 5000 })).toEqual(['model.onnx', 'model.onnx.data']);
      expect(loadOnnx(path).initializers).toEqual(graph.initializers);
      const split = await createSession(path);
      expect((await split.run(feeds))['y']?.data).toEqual(expected);
      await split.release();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('what a run costs', () => {
  it('time of each operator', async () => {
    const b = new GraphBuilder('product');
    b.output('y', b.op.Tanh(b.op.MatMul(b.input('a', 'float32', [64, 64]), b.input('b', 'float32', [64, 64]))));
    const feeds = { a: zeros('float32', [64, 64]), b: zeros('float32', [64, 64]) };
    const p = await profileGraph(b.build(), (s) => s.run(feeds), { runs: 4, warmup: 2 });
    expect(p.runs).toBe(4);
    expect(Object.fromEntries(p.operators.map((o) => [o.op, o.count]))).toEqual({ MatMul: 1, Tanh: 1 });
    expect(p.operators.reduce((s, o) => s + o.share, 0)).toBeCloseTo(1, 6);
    expect(p.productShare).toBeGreaterThan(0);
    expect(p.productShare).toBeLessThan(1);
    expect(profileTable(p)).toMatch(/^operator[\s\S]*MatMul\s+CPU\s+1\.0[\s\S]*products/);
  });

  it('counts the last runs alone, in milliseconds', () => {
    const run = (ts: number, dur: number) => ({ cat: 'Session', name: 'model_run', ts, dur });
    const node = (op_name: string, ts: number, dur: number) => ({
      cat: 'Node',
      name: `n_kernel_time`,
      ts,
      dur,
      args: { op_name, provider: 'CPUExecutionProvider' },
    });
    const p = summarize(
      [run(0, 9000), node('Gemm', 1, 8000), run(10_000, 4000), node('Gemm', 10_001, 1000), node('Add', 11_001, 2000)],
      1,
    );
    expect(p).toMatchObject({ runs: 1, runMs: 4, operatorMs: 3, productShare: 0.25 });
    expect(p.operators).toEqual([
      { op: 'Add', provider: 'CPU', count: 1, ms: 2, meanMs: 2, share: 2 / 3 },
      { op: 'Gemm', provider: 'CPU', count: 1, ms: 1, meanMs: 1, share: 1 / 3 },
    ]);
  });

  it('memory', async () => {
    const bytes = 64 * 2 ** 20;
    const use = await measureMemory(() => Promise.resolve(new Uint8Array(bytes).fill(1)[5]));
    expect(use.result).toBe(1);
    expect(use.peak).toBeGreaterThanOrEqual(use.before);
    if (process.platform === 'linux') expect(use.peak - use.before).toBeGreaterThan(0.9 * bytes);
  });
});
