import { describe, expect, it } from '@jest/globals';
import type { DatasetFormat } from '@strata/contracts';
import type { Table, TableColumn } from '@strata/data';
import { GraphBuilder, toOnnx } from '@strata/graph';
import { silentLogger } from '@strata/kernel';
import { createSession, tensor } from '@strata/runtime';
import { columnInputs, encode } from './encode.js';
import { chooseFeatures, encodeRows, planFeatures, type TabularPlan } from './plan.js';

function tableOf(numbers: Record<string, number[]>, texts: Record<string, (string | null)[]>): Table {
  const rows = (Object.values(numbers)[0] ?? Object.values(texts)[0] ?? []).length;
  const columns = new Map<string, TableColumn>();
  for (const [name, v] of Object.entries(numbers))
    columns.set(name, { kind: 'number', name, type: 'number', values: Float32Array.from(v) });
  for (const [name, values] of Object.entries(texts))
    columns.set(name, { kind: 'text', name, type: 'category', values });
  return { rows, lines: new Uint32Array(rows), columns };
}
const every = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

describe('planFeatures', () => {
  it('measures numbers: median, mean, deviation, quantile bins, gaps', () => {
    // 0 … 39 and one gap: 40 values give two bins of 20 rows
    const x = [...Array.from({ length: 40 }, (_, i) => i), NaN];
    const plan = planFeatures(
      tableOf({ x }, {}),
      { x: 'number' },
      every(41),
      { bins: 32, maxCategories: 9 },
      silentLogger,
    );
    const [f] = plan.numeric;
    expect(f).toMatchObject({ name: 'x', fill: 19.5, mean: 19.5, edges: [0, 19.5, 39], missing: true });
    // variance of 0 … n−1 is (n² − 1) / 12
    expect(f?.scale).toBeCloseTo(Math.sqrt((40 ** 2 - 1) / 12), 12);
  });

  it('measures on the rows given alone', () => {
    const plan = planFeatures(
      tableOf({ x: [1, 3, 1e9] }, {}),
      { x: 'number' },
      Int32Array.of(0, 1),
      { bins: 0, maxCategories: 9 },
      silentLogger,
    );
    expect(plan.numeric[0]).toMatchObject({ mean: 2, scale: 1, edges: [], missing: false });
  });

  it('ranks categories, and puts the rare ones together', () => {
    const c = ['a', 'b', 'b', 'c', 'c', 'c', null, null, null, null];
    const table = tableOf({}, { c });
    const of = (maxCategories: number) =>
      planFeatures(table, { c: 'category' }, every(10), { bins: 0, maxCategories }, silentLogger).categorical[0];
    expect(of(9)).toEqual({ name: 'c', categories: ['', 'c', 'b', 'a'], other: false });
    expect(of(2)).toEqual({ name: 'c', categories: ['', 'c'], other: true });
  });

  it('leaves out what never varies, and refuses when nothing does', () => {
    const table = tableOf({ x: [5, 5], y: [1, 2] }, { c: ['a', 'a'] });
    const options = { bins: 4, maxCategories: 4 };
    const plan = planFeatures(table, { x: 'number', y: 'number', c: 'category' }, every(2), options, silentLogger);
    expect(plan.numeric.map((f) => f.name)).toEqual(['y']);
    expect(plan.categorical).toEqual([]);
    expect(() => planFeatures(table, { x: 'number', c: 'category' }, every(2), options, silentLogger)).toThrow(
      expect.objectContaining({ code: 'empty_data' }),
    );
  });
});

describe('chooseFeatures', () => {
  const column = (name: string, type: DatasetFormat['columns'][number]['type']) => ({
    name,
    type,
    missing: 0,
    distinct: 3,
    examples: [],
  });
  const format: DatasetFormat = {
    format: 'csv',
    delimiter: ',',
    header: true,
    rows: 3,
    missing_values: [],
    columns: [
      column('id', 'id'),
      column('x', 'number'),
      column('flag', 'boolean'),
      column('note', 'text'),
      column('y', 'category'),
    ],
  };
  it('takes numbers, names and flags, not identifiers and free text', () => {
    expect(chooseFeatures(format, 'y', null, silentLogger)).toEqual({ x: 'number', flag: 'category' });
  });
  it('takes what is asked for', () => {
    expect(chooseFeatures(format, 'y', ['note', 'x'], silentLogger)).toEqual({ note: 'category', x: 'number' });
  });
  it('refuses an unknown column, and the target as a feature', () => {
    const error = (code: string) => expect.objectContaining({ code });
    expect(() => chooseFeatures(format, 'z', null, silentLogger)).toThrow(error('unknown_column'));
    expect(() => chooseFeatures(format, 'y', ['q'], silentLogger)).toThrow(error('unknown_column'));
    expect(() => chooseFeatures(format, 'y', ['y'], silentLogger)).toThrow(error('invalid_parameter'));
    const poor = { ...format, columns: format.columns.filter((c) => c.name === 'id' || c.name === 'y') };
    expect(() => chooseFeatures(poor, 'y', null, silentLogger)).toThrow(error('invalid_input'));
  });
});

const plan: TabularPlan = {
  numeric: [
    { name: 'x', fill: 3, mean: 2, scale: 2, edges: [0, 4, 6], missing: true },
    { name: 'z', fill: 0, mean: 0, scale: 0.1, edges: [], missing: false },
  ],
  categorical: [
    { name: 'colour', categories: ['red', '蓝'], other: false },
    { name: 'city', categories: ['Rome'], other: true },
  ],
};

describe('encode', () => {
  it('gives, from raw values, the numbers worked out by hand', async () => {
    const b = new GraphBuilder('t');
    const { features, width } = encode(b, plan, columnInputs(b, plan));
    b.output('features', features);
    const session = await createSession(toOnnx(b.build()));
    const column = (v: number[]) => tensor.float32(v, [v.length, 1]);
    const names = (v: string[]) => tensor.string(v, [v.length, 1]);
    const out = await session.run({
      x: column([5, NaN, 100]),
      z: column([0.1, -9, 0]),
      colour: names(['蓝', 'green', 'red']),
      city: names(['Rome', 'Oslo', '']),
    });
    await session.release();
    expect(out['features']?.dims).toEqual([3, width]);
    const rows = [
      // (x−2)/2, z/0.1 | clip(x/4), clip((x−4)/2) | missing | red, 蓝 | Rome, other
      [1.5, 1, 1, 0.5, 0, 0, 1, 1, 0],
      // missing: as 3; −90 clipped to −5; a colour never seen is nothing, a city never seen is among the others
      [0.5, -5, 0.75, 0, 1, 0, 0, 0, 1],
      [5, 0, 1, 1, 0, 1, 0, 0, 1],
    ];
    const got = [...(out['features']?.data as Float32Array)];
    rows.flat().forEach((v, i) => expect(got[i]).toBeCloseTo(v, 5));
  });

  it('encodes rows of a table with the same codes', () => {
    const table = tableOf({ x: [1, NaN], z: [2, 3] }, { colour: ['蓝', null], city: ['Oslo', 'Rome'] });
    const e = encodeRows(plan, table, Int32Array.of(1, 0));
    expect([...e.numeric]).toEqual([NaN, 3, 1, 2]);
    expect([...e.codes]).toEqual([-1, 0, 1, 1]);
  });
});
