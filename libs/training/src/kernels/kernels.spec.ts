import { describe, expect, it } from '@jest/globals';
import { GraphBuilder, toOnnx } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { createSession, tensor, zeros, type Tensor } from '@strata/runtime';
import { muon } from '../optimizer-muon.js';
import { adagrad, adam, adamw, lion, rmsprop, sgd } from '../optimizer.js';
import {
  abs,
  add,
  array,
  div,
  max,
  min,
  mul,
  namesOf,
  neg,
  scalar,
  sign,
  sqrt,
  sub,
  where,
  type Assignments,
} from './expr.js';
import { compileKernels, createArena } from './memory.js';
import { emitAssignments } from './nodes.js';
import { runReference } from './reference.js';
import { LANES, type Address } from './wat.js';

const x = array('x');
const y = array('y');
/** Every operation, with what is used twice, and outputs that read each other's old values. */
const EVERYTHING: Assignments = {
  x: where(abs(x), scalar('s'), add(mul(x, 0.1), sqrt(abs(y))), div(sub(y, x), add(abs(x), 1e-3))),
  y: max(min(add(neg(x), sign(y)), 3), mul(scalar('s'), -2)),
  z: sign(x),
};
const SPECIAL = [0, -0, 1, -1, NaN, Infinity, -Infinity, 3.4e38, -3.4e38, 1e-45, -1e-45, 1.17549435e-38];

/** Bits, with one pattern for all NaNs: which of them an operation gives is not defined. */
const bits = (values: Float32Array): number[] => {
  const u = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Array.from(values, (v, i) => (Number.isNaN(v) ? 0x7fc00000 : (u[i] as number)));
};

/** The same numbers through the loop and through the reference. */
async function compare(
  assignments: Assignments,
  n: number,
  scalars: Record<string, number>,
  fill: (name: string, i: number) => number,
  address: Address,
): Promise<void> {
  const { arrays } = namesOf(assignments);
  const padded = Math.ceil(n / LANES) * LANES;
  // one more cache line at each end shows what is written outside
  const arena = createArena(4 * (padded + 2 * LANES) * arrays.length, address);
  const at: Record<string, number> = {};
  const views: Record<string, Float32Array> = {};
  const reference: Record<string, Float32Array> = {};
  arrays.forEach((name, k) => {
    const start = 4 * (k * (padded + 2 * LANES) + LANES);
    arena.floats(start - 4 * LANES, padded + 2 * LANES).fill(-77);
    at[name] = start;
    views[name] = arena.floats(start, padded);
    for (let i = 0; i < padded; i++) (views[name] as Float32Array)[i] = i < n ? fill(name, i) : 0;
    reference[name] = (views[name] as Float32Array).slice();
  });
  const { updates } = await compileKernels(arena, [assignments]);
  updates[0]?.(padded, at, scalars);
  runReference(assignments, reference, scalars);
  for (const name of arrays) {
    const start = at[name] as number;
    expect(bits(views[name] as Float32Array)).toEqual(bits(reference[name] as Float32Array));
    for (const edge of [start - 4 * LANES, start + 4 * padded])
      expect(arena.floats(edge, LANES).every((v) => v === -77)).toBe(true);
  }
}

describe.each(['i32', 'i64'] as const)('loops over memory with %s addresses', (address) => {
  it.each([0, 1, 15, 16, 17, 255])('do to %i numbers what the reference does, bit for bit', async (n) => {
    const rng = createRng(n + 1);
    await compare(EVERYTHING, n, { s: 0.75 }, () => rng.normal(), address);
  });
  it('do the same to zeros, infinities, NaN and denormals', async () => {
    const n = SPECIAL.length ** 2;
    const pick = (name: string, i: number): number =>
      SPECIAL[name === 'x' ? i % SPECIAL.length : Math.floor(i / SPECIAL.length)] as number;
    await compare(EVERYTHING, n, { s: 1 }, pick, address);
  });
  it('add squares in float64, whatever the tail', async () => {
    const arena = createArena(4 * 1024, address);
    const { sumOfSquares } = await compileKernels(arena, []);
    const values = arena.floats(64, 100);
    let expected = 0;
    for (let i = 0; i < 100; i++) {
      values[i] = (i - 40) * 1e20;
      expected += (values[i] as number) ** 2;
    }
    expect(Math.abs(sumOfSquares(112, 64) / expected - 1)).toBeLessThan(1e-14);
    expect(sumOfSquares(0, 64)).toBe(0);
    values[77] = NaN;
    expect(sumOfSquares(112, 64)).toBeNaN();
    values[77] = -Infinity;
    expect(sumOfSquares(112, 64)).toBe(Infinity);
  });
});

const OPTIMIZERS = {
  sgd: sgd({ momentum: 0.9, dampening: 0.1, weightDecay: 0.1 }),
  adam: adam({ weightDecay: 0.1, amsgrad: true }),
  adamw: adamw({ weightDecay: 0.1 }),
  rmsprop: rmsprop({ centered: true, momentum: 0.5 }),
  adagrad: adagrad({ weightDecay: 0.1 }),
  lion: lion({ weightDecay: 0.1 }),
  muon: muon({ isHidden: () => false }),
};

describe.each(Object.entries(OPTIMIZERS))('%s', (_, optimizer) => {
  const rule = optimizer.rule({ name: 'w', shape: [7, 9] });
  const assignments = rule.stages.flatMap((s) => ('assign' in s ? [s.assign] : []))[0] as Assignments;
  const scalars = rule.scalars(3, 0.01);

  it('is the same bits in a loop and in the reference', async () => {
    const rng = createRng(5);
    // second moments are not negative
    const fill = (name: string): number =>
      ['v', 'v_max', 'sum'].includes(name) ? Math.abs(rng.normal()) : rng.normal();
    await compare(assignments, 63, scalars, fill, 'i32');
  });

  it('is the same as nodes of a graph', async () => {
    const { arrays, scalars: names } = namesOf(assignments);
    const b = new GraphBuilder('update');
    const inputs = Object.fromEntries(arrays.map((n) => [n, b.input(n, 'float32', [7, 9])]));
    const numbers = Object.fromEntries(names.map((n) => [n, b.input(`s_${n}`, 'float32', [])]));
    for (const [n, v] of Object.entries(emitAssignments(b, assignments, inputs, numbers))) b.output(`next_${n}`, v);
    const session = await createSession(toOnnx(b.build()), { threads: 1 });
    const rng = createRng(6);
    const feeds: Record<string, Tensor<'float32'>> = {};
    for (const n of arrays) {
      feeds[n] = zeros('float32', [7, 9]);
      for (let i = 0; i < 63; i++) (feeds[n] as Tensor<'float32'>).data[i] = Math.abs(rng.normal());
    }
    for (const n of names) feeds[`s_${n}`] = tensor.scalar(scalars[n] as number);
    const out = await session.run(feeds);
    await session.release();
    const reference = Object.fromEntries(arrays.map((n) => [n, (feeds[n] as Tensor<'float32'>).data.slice()]));
    runReference(assignments, reference, scalars);
    for (const n of Object.keys(assignments)) {
      const got = (out[`next_${n}`] as Tensor<'float32'>).data;
      got.forEach((v, i) => expect(Math.abs(v - (reference[n]?.[i] as number))).toBeLessThan(1e-6));
    }
  });
});

describe('memory', () => {
  it('refuses what the machine does not have', () => {
    expect(() => createArena(2 ** 60)).toThrow(/GiB in one piece/);
  });
  it('works beyond 4 GiB', async () => {
    // only the pages that are touched take room
    const at = 2 ** 32 + 64;
    const arena = createArena(at + 4096);
    expect(arena.address).toBe('i64');
    const far = arena.floats(at, 16).fill(3);
    const { updates, sumOfSquares } = await compileKernels(arena, [{ x: mul(x, scalar('s')) }]);
    updates[0]?.(16, { x: at }, { s: 0.5 });
    expect([...far]).toEqual(new Array(16).fill(1.5));
    expect(sumOfSquares(16, at)).toBe(36);
    const b = new GraphBuilder('double');
    const v = b.input('v', 'float32', [16]);
    b.output('twice', b.op.Add(v, v));
    const session = await createSession(toOnnx(b.build()), { threads: 1 });
    const near = arena.floats(0, 16);
    await session.run({ v: tensor.float32(far, [16]) }, { twice: tensor.float32(near, [16]) });
    expect([...near]).toEqual(new Array(16).fill(3));
    await session.release();
  });
});
