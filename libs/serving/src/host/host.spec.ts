import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { isStrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createModelHost, type ModelHost, type ModelHostOptions } from '../index.js';
import { writeClassifier, writeRegressor, writeTextModel } from '../testing/models.js';
import { sourceThread } from '../testing/thread.js';

const x = (...values: number[]): Record<string, Tensor> => ({
  x: { dtype: 'float32', dims: [values.length, 1], data: Float32Array.from(values) },
});
const code = (p: Promise<unknown>): Promise<unknown> =>
  p.then(
    () => 'no error',
    (e: unknown) => (isStrataError(e) ? e.code : e),
  );

describe('model host', () => {
  let dir: string;
  let host: ModelHost | undefined;
  const start = (options: ModelHostOptions = {}): ModelHost =>
    (host = createModelHost({ thread: sourceThread(), ...options }));
  beforeAll(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'strata-host-'));
    writeRegressor(path.join(dir, 'r1'), 1);
    writeRegressor(path.join(dir, 'r2'), 100);
    writeRegressor(path.join(dir, 'slow'), 1, 40);
    writeClassifier(path.join(dir, 'c'));
    writeTextModel(path.join(dir, 't'));
  });
  afterEach(() => host?.close());
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('runs models of every kind by name and version', async () => {
    const h = start();
    await h.load('r', '9', path.join(dir, 'r1'));
    await h.load('r', '10', path.join(dir, 'r2'));
    await h.load('t', '1', path.join(dir, 't'));
    expect((await h.load('c', '1', path.join(dir, 'c'))).labels).toEqual(['on time', 'late']);
    expect((await h.infer('r', '9', x(1, 2))).outputs['prediction']?.data).toEqual(Float32Array.of(3, 5));
    const latest = await h.infer('r', '', x(1));
    expect([latest.version, latest.outputs['prediction']?.data]).toEqual(['10', Float32Array.of(102)]);
    const texts = await h.infer('t', '', { text: { dtype: 'string', dims: [2], data: ['a b c', ''] } });
    expect(texts.outputs['probabilities']?.data).toEqual(Float32Array.of(0.25, 0.75, 1, 0));
    const inputs: Record<string, Tensor> = {
      age: { dtype: 'float32', dims: [1, 1], data: Float32Array.of(50) },
      city: { dtype: 'string', dims: [1, 1], data: ['Rome'] },
    };
    const picked = await h.infer('c', '1', inputs, ['label']);
    expect(picked.outputs).toEqual({ label: { dtype: 'string', dims: [1], data: ['late'] } });
    expect(h.describe('r')).toMatchObject({ version: '10', versions: ['9', '10'], manifest: { task: 'regression' } });
  });

  it('knows what it does not have', async () => {
    const h = start();
    await h.load('r', '1', path.join(dir, 'r1'));
    expect(h.ready('r') && h.ready('r', '1')).toBe(true);
    expect(h.ready('r', '2') || h.ready('q')).toBe(false);
    expect(await code(h.infer('q', '', x(1)))).toBe('not_found');
    expect(await code(h.infer('r', '2', x(1)))).toBe('not_found');
    expect(await code(h.unload('q'))).toBe('not_found');
    expect(await code(h.infer('r', '1', {}))).toBe('invalid_input');
    expect(await code(h.load('bad', '1', path.join(dir, 'absent')))).toBe('invalid_model');
    expect(h.index()).toEqual([{ name: 'r', version: '1', state: 'READY', reason: '' }]);
  });

  it('replaces a version by another folder, and loads the same one once', async () => {
    const unloaded: string[] = [];
    const h = start({ onUnload: (m) => void unloaded.push(path.basename(m.dir)) });
    await Promise.all([1, 2, 3].map(() => h.load('r', '1', path.join(dir, 'r1'))));
    expect(unloaded).toEqual([]);
    await h.load('r', '1', path.join(dir, 'r2'));
    expect(unloaded).toEqual(['r1']);
    expect((await h.infer('r', '1', x(0))).outputs['prediction']?.data).toEqual(Float32Array.of(100));
    expect(await code(h.load('r', '1', path.join(dir, 'absent')))).toBe('invalid_model');
    expect((await h.infer('r', '1', x(0))).outputs['prediction']?.data).toEqual(Float32Array.of(100));
  });

  it('closes the model that was not used for longest', async () => {
    const unloaded: string[] = [];
    const h = start({ maxModels: 2, onUnload: (m) => void unloaded.push(m.name) });
    await h.load('a', '1', path.join(dir, 'r1'));
    await new Promise((r) => setTimeout(r, 5));
    await h.load('b', '1', path.join(dir, 'r1'));
    await new Promise((r) => setTimeout(r, 5));
    await h.infer('a', '1', x(1));
    await h.load('c', '1', path.join(dir, 'r1'));
    expect(unloaded).toEqual(['b']);
    expect(await code(h.infer('b', '1', x(1)))).toBe('not_found');
    await h.infer('a', '1', x(1));
  });

  it('joins concurrent requests and counts them', async () => {
    const h = start({ batching: { maxBatchSize: 16 } });
    await h.load('s', '1', path.join(dir, 'slow'));
    const values = Array.from({ length: 40 }, (_, i) => i);
    const answers = await Promise.all(values.map((v) => h.infer('s', '1', x(v))));
    answers.forEach((a, v) => expect(a.outputs['prediction']?.data).toEqual(Float32Array.of(2 * v + 1)));
    const [s] = h.statistics();
    expect(s).toMatchObject({ name: 's', version: '1', success: 40, failure: 0, count: 40, pending: 0 });
    expect(s?.execCount).toBeGreaterThanOrEqual(3); // 16 + 16 + 8
    expect(s?.execCount).toBeLessThan(40);
    expect(s?.requestMs).toBeGreaterThan(s?.queueMs as number);
  });

  it('keeps the event loop free while a model computes', async () => {
    const h = start();
    await h.load('s', '1', path.join(dir, 'slow'));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const { computeMs } = await h.infer('s', '1', x(1));
    clearInterval(timer);
    // each tick is at least a millisecond: a blocked loop would have none
    expect(ticks).toBeGreaterThan(Math.min(5, computeMs / 10));
  });

  it('survives the death of a model’s thread', async () => {
    const crashes: string[] = [];
    const h = start({
      thread: sourceThread('fragile-thread.ts'),
      onCrash: (m, e) => crashes.push(`${m.name} ${e.code}`),
    });
    await h.load('r', '1', path.join(dir, 'r1'));
    await h.load('other', '1', path.join(dir, 'r2'));
    const e: unknown = await h.infer('r', '1', x(666)).catch((error: unknown) => error);
    expect(isStrataError(e) && [e.code, e.retryable]).toEqual(['worker_crashed', true]);
    expect(crashes).toEqual(['r worker_crashed']);
    expect(h.index().find((m) => m.name === 'r')).toMatchObject({
      state: 'UNAVAILABLE',
      reason: expect.stringContaining('code 7'),
    });
    expect((await h.infer('other', '1', x(1))).outputs['prediction']?.data).toEqual(Float32Array.of(102));
    expect((await h.infer('r', '1', x(1))).outputs['prediction']?.data).toEqual(Float32Array.of(3));
    expect(h.index().find((m) => m.name === 'r')).toMatchObject({ state: 'READY' });
  });
});
