import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GraphBuilder, toOnnx } from '@strata/graph';
import { createSession, listDevices, tensor, zeros, type Session } from './index.js';

const lengthPrefixed = (field: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([(field << 3) | 2, body.length]), body]);
const field = (n: number, body: Buffer | string): Buffer => lengthPrefixed(n, Buffer.from(body));
/** ValueInfoProto by hand (onnx.proto): name, float32, one dimension of 2. */
const value = (name: string): Buffer =>
  Buffer.concat([
    field(1, name),
    field(2, field(1, Buffer.concat([Buffer.from([8, 1]), field(2, field(1, Buffer.from([8, 2])))]))),
  ]);
/** z = op(x, y) over float32 [2], as ONNX bytes written by hand: independent of Strata's own writer. */
function model(op: string): Uint8Array {
  const node = Buffer.concat([field(1, 'x'), field(1, 'y'), field(2, 'z'), field(4, op)]);
  const graph = Buffer.concat([
    field(1, node),
    field(2, 'g'),
    field(11, value('x')),
    field(11, value('y')),
    field(12, value('z')),
  ]);
  return Buffer.concat([Buffer.from([8, 10]), field(7, graph), field(8, Buffer.from([16, 21]))]);
}

const x = tensor.float32([1, 2], [2]);
const y = tensor.float32([10, 20], [2]);

describe('session', () => {
  let session: Session;
  beforeAll(async () => {
    session = await createSession(model('Mul'), { threads: 1 });
  });
  afterAll(() => session.release());

  it('describes the model', () => {
    expect(session.inputs).toEqual([
      { name: 'x', dtype: 'float32', shape: [2] },
      { name: 'y', dtype: 'float32', shape: [2] },
    ]);
    expect(session.outputs.map((o) => o.name)).toEqual(['z']);
  });

  it('runs', async () => {
    const { z } = await session.run({ x, y });
    expect(z).toEqual({ dtype: 'float32', dims: [2], data: Float32Array.of(10, 40) });
  });

  it('writes into memory of the caller, and sees what the caller writes there', async () => {
    const out = zeros('float32', [2]);
    const a = tensor.float32([1, 1], [2]);
    const answer = await session.run({ x: a, y }, { z: out });
    expect(answer.z).toBe(out);
    expect([...out.data]).toEqual([10, 20]);
    a.data.set([3, 4]);
    await session.run({ x: a, y }, { z: out });
    expect([...out.data]).toEqual([30, 80]);
  });

  it.each([
    ['a missing input', { x }, undefined, /'y' is missing/],
    ['a wrong shape', { x, y: tensor.float32([1], [1]) }, undefined, /invalid dimensions/],
    ['a wrong type', { x, y: tensor.int64([1, 2], [2]) }, undefined, /Unexpected input data type/],
    ['an unknown output', { x, y }, ['q'], /no output "q"/],
  ])('refuses %s', async (_, feeds, outputs, message) => {
    await expect(session.run(feeds, outputs)).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(message),
    });
  });

  it("runs without copies when all outputs are the caller's", async () => {
    const s = await createSession(model('Mul'), { preallocated: true });
    expect(s.outputs.map((o) => o.name)).toEqual(['z']);
    const z = zeros('float32', [2]);
    expect((await s.run({ x, y }, { z })).z).toBe(z);
    expect([...z.data]).toEqual([10, 40]);
    // the runtime allocates what the caller does not give
    expect((await s.run({ x, y })).z?.data).toEqual(Float32Array.of(10, 40));
    await expect(s.run({ x }, { z })).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(s.run({ x, y }, { z: zeros('float32', [3]) })).rejects.toMatchObject({ code: 'invalid_input' });
    await s.release();
  });

  it('the binding copies outputs no more than it must', async () => {
    const n = 4_000_000;
    const b = new GraphBuilder('large');
    b.output('y', b.op.Neg(b.input('x', 'float32', [n])));
    const s = await createSession(toOnnx(b.build()), { preallocated: true });
    const out = zeros('float32', [n]);
    const feeds = { x: zeros('float32', [n]) };
    await s.run(feeds, { y: out });
    const before = process.memoryUsage().arrayBuffers;
    await s.run(feeds, { y: out });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * n);
    await s.release();
  });

  it('cannot be used after its release', async () => {
    const s = await createSession(model('Add'));
    await s.release();
    await s.release();
    await expect(s.run({ x, y })).rejects.toMatchObject({ message: expect.stringContaining('released') });
  });
});

describe('loading', () => {
  it.each([
    ['text', Buffer.from('label,text\nham,hello\n')],
    ['no bytes', Buffer.alloc(0)],
    ['a cut file', model('Mul').subarray(0, 30)],
    ['an unknown operator', model('Nonsense')],
  ])('refuses %s as invalid_onnx', async (_, bytes) => {
    await expect(createSession(bytes)).rejects.toMatchObject({ code: 'invalid_onnx' });
  });

  it('reads a file and names it in the error', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'strata-runtime-'));
    try {
      const path = join(dir, 'model.onnx');
      writeFileSync(path, model('Mul'));
      const s = await createSession(path);
      expect(s.inputs).toHaveLength(2);
      await s.release();
      const missing = join(dir, 'other.onnx');
      await expect(createSession(missing)).rejects.toMatchObject({ code: 'invalid_onnx', where: { file: missing } });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('says that a device is not there', async () => {
    const devices = await listDevices();
    expect(devices[0]).toMatchObject({ kind: 'cpu' });
    expect(devices[0]?.threads).toBeGreaterThan(0);
    // a device that the probe did not list must be refused, never fallen back from in silence
    for (const kind of ['webgpu', 'cuda'] as const)
      if (!devices.some((d) => d.kind === kind))
        await expect(createSession(model('Mul'), { device: kind })).rejects.toMatchObject({
          code: 'no_device',
          message: expect.stringMatching(kind === 'cuda' ? /install\.js --onnxruntime-node-install=cuda12/ : /./),
        });
  });
});

describe('tensor', () => {
  it('refuses a shape that does not fit', () => {
    expect(() => tensor.float32([1, 2, 3], [2, 2])).toThrow(/needs 4 values but got 3/);
  });
  it('makes each type', () => {
    expect(tensor.int64([1, -2], [2]).data).toEqual(BigInt64Array.of(1n, -2n));
    expect(tensor.bool([true, false], [2]).data).toEqual(Uint8Array.of(1, 0));
    expect(tensor.string(['a'], [1, 1]).data).toEqual(['a']);
    expect(zeros('string', [2]).data).toEqual(['', '']);
    expect(tensor.scalar(3).dims).toEqual([]);
  });
});
